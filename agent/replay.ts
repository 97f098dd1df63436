/** Plays recorded messages into a broker, at the speed of their stamps or as fast as acknowledgements come back. */
import type { IClientOptions } from 'mqtt'
import { startLink } from './link.ts'
import { createMemoryOutbox } from './outbox.ts'
import type { RecordedMessage } from './recording.ts'

export type ReplayOptions = {
  messages: readonly RecordedMessage[]
  url: string
  clientOptions: IClientOptions
  /** Times faster than recorded; Infinity: no waiting. */
  speed: number
  /** Gives up when nothing was acknowledged for this long. */
  giveUpAfterMs: number
  say: (line: string) => void
  backoff?: { firstMs: number; maxMs: number }
}

export type ReplayResult = { rows: number; sent: number; acknowledged: number; seconds: number }

const inFlightMax = 500 // Below the recorder's 2,000 per connection; more gains nothing on one connection.
const waitingMessagesMax = 2000

export const replay = async (options: ReplayOptions): Promise<ReplayResult> => {
  const { messages, speed } = options
  const outbox = createMemoryOutbox({ messagesMax: waitingMessagesMax })
  const startedAtMs = performance.now()
  let lastProgressMs = startedAtMs
  let acknowledged = 0
  let sent = 0
  const link = startLink({
    url: options.url,
    clientOptions: () => options.clientOptions,
    outbox,
    inFlightMax,
    ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
    onSent: () => sent++,
    onAcknowledged: () => {
      acknowledged++
      lastProgressMs = performance.now()
    },
    onLost: (reason, retryAfterMs) => options.say(`no connection (${reason}), next try in ${(retryAfterMs / 1000).toFixed(1)} s`),
  })
  const stuck = (): boolean => performance.now() - lastProgressMs > options.giveUpAfterMs

  const firstAtMs = messages.find(({ atMs }) => atMs !== undefined)?.atMs ?? 0
  let dueMs = 0
  for (const message of messages) {
    // A stamp that goes back (a clock that was set) does not wait.
    dueMs = Math.max(dueMs, ((message.atMs ?? firstAtMs) - firstAtMs) / speed)
    const waitMs = dueMs - (performance.now() - startedAtMs)
    if (waitMs > 0) {
      link.pump()
      await sleep(waitMs)
      lastProgressMs = performance.now()
    }
    while (outbox.append(message) === undefined && !stuck()) {
      link.pump()
      await sleep(1)
    }
  }
  while (!(await link.drained(100)) && !stuck());
  await link.stop()
  return { rows: messages.length, sent, acknowledged, seconds: (performance.now() - startedAtMs) / 1000 }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
