/**
 * A client of @platformatic/kafka that is thrown away when it does not answer. Version 2.12.1 bounds each request, but not
 * each call: a connection that has failed is asked whether it is ready and tells nobody (`Connection.ready` after the status
 * `ERROR`), and callers that ask for the same metadata share one lookup (`kPerformDeduplicated`), so that all of them wait for
 * ever behind one that was lost. Only another client asks anew.
 */
import { TookTooLong, within } from '../../runtime/within.ts'

/** Longer than a request with its connection (`client-settings.ts`), and than what a broker that starts keeps us waiting. */
export const answerWithinMs = 20_000

export type RenewedClient<Client> = {
  /** `what` says who did not do what, for the error. Rejects as the client does, or with `TookTooLong`; the next call then has another client. */
  ask: <T>(what: string, work: (client: Client) => Promise<T>) => Promise<T>
  close: () => Promise<void>
}

export const renewedClient = <Client>(
  open: () => Client,
  end: (client: Client) => Promise<unknown>,
  withinMs = answerWithinMs,
): RenewedClient<Client> => {
  let client = open()
  let closed = false
  const close = (own: Client): Promise<unknown> => end(own).catch(() => undefined)
  return {
    ask: async (what, work) => {
      const own = client
      try {
        return await within(work(own), withinMs, what)
      } catch (error) {
        if (error instanceof TookTooLong && own === client && !closed) {
          client = open()
          void close(own)
        }
        throw error
      }
    },
    close: async () => {
      closed = true
      await close(client)
    },
  }
}
