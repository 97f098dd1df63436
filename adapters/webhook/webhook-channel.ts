/**
 * One try of one message: a POST that is signed, to an address that was checked, without redirects, within 15 s. Before:
 * `processors/alarm-outputs.ts`, which decides when to try again. After: the receiver of the customer.
 */
import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type TcpNetConnectOpts } from 'node:net'
import type { ChannelAnswer, ChannelMessage, NotificationChannel } from '../../model/notification.ts'
import type { Clock } from '../../model/ports.ts'
import { isLoopbackHost } from '../../runtime/loopback.ts'
import { type Address, type AllowedNetworks, checkedAddresses, type Resolve, resolveAll } from './address-guard.ts'
import { keyOfSecret, signatureOf } from './signature.ts'

export type WebhookOptions = {
  url: string
  /** The newest first; each signs. */
  secrets: readonly string[]
  networks: AllowedNetworks
  clock: Clock
  /** For tests. */
  resolve?: Resolve
  timeoutMs?: number
}

/** Standard Webhooks: 15 to 30 s. */
export const sendWithinMs = 15_000
/** An address that does not answer at all is left for the next one of the name: four of them fit into the 15 s. */
const connectWithinMs = 3_000
/** Of the answer; the rest is not read. */
export const answerBytesMax = 64 * 1024
const answerCharsShown = 200
const retryAfterMsMax = 86_400_000

/** Null, or why the address cannot be used. By what the text says: names are resolved when something is sent. */
export const problemOfUrl = (text: string, networks: AllowedNetworks): string | null => {
  if (!URL.canParse(text)) return 'expected a URL'
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return 'expected no login in it: it would stand in logs'
  if (url.hash !== '') return 'expected no fragment'
  if (url.protocol === 'https:') return null
  if (url.protocol !== 'http:') return `expected https, got ${url.protocol.slice(0, -1)}`
  return networks === 'loopback' && isLoopbackHost(url.hostname.replace(/^\[|\]$/g, ''))
    ? null
    : 'expected https; http only to this machine, with WEBHOOK_NETWORKS=loopback'
}

export const createWebhookChannel = (options: WebhookOptions): NotificationChannel => {
  const url = new URL(options.url)
  const keys = options.secrets.flatMap((secret) => keyOfSecret(secret) ?? [])
  return {
    send: async (message) => {
      try {
        const checked = await checkedAddresses(url.hostname, options.networks, options.resolve ?? resolveAll)
        // Not the message's fault: it waits until the name or the setting is mended.
        if (!checked.ok) return failed(`refused to connect: ${checked.reason}`)
        return await post(
          url,
          checked.addresses,
          headersOf(keys, message, options.clock.nowMs()),
          message.body,
          options.timeoutMs ?? sendWithinMs,
        )
      } catch (error) {
        return failed(errorText(error))
      }
    },
  }
}

const headersOf = (keys: readonly Buffer[], { id, body }: ChannelMessage, nowMs: number): Record<string, string> => {
  const timestampSeconds = Math.floor(nowMs / 1000)
  return {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'fleet-recorder',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': signatureOf(keys, { id, timestampSeconds, body }),
  }
}

const post = (
  url: URL,
  addresses: readonly Address[],
  headers: Record<string, string>,
  body: string,
  timeoutMs: number,
): Promise<ChannelAnswer> =>
  new Promise((resolve) => {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const options: RequestOptions &
      Pick<TcpNetConnectOpts, 'autoSelectFamily' | 'autoSelectFamilyAttemptTimeout'> & { servername?: string } = {
      method: 'POST',
      host,
      port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      headers: { ...headers, host: url.host },
      // The checked addresses and no other, whatever the name says by now; the next one when there is no connection.
      lookup: (_host, _wanted, done) => done(null, [...addresses]),
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: connectWithinMs,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(isIP(host) === 0 ? { servername: host } : {}),
    }
    let answered: (() => void) | undefined
    const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(options, (response) => {
      const { statusCode = 0, statusMessage = '', headers: told } = response
      let text = ''
      let bytes = 0
      const end = (): void => resolve(answerOf(statusCode, statusMessage, text, told['retry-after']))
      answered = end
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (text.length < answerCharsShown) text += chunk.toString('utf8')
        if (bytes > answerBytesMax) {
          response.destroy()
          end()
        }
      })
      response.on('end', end)
      // The status is there: a body that breaks off changes nothing of it.
      response.on('error', end)
    })
    // The end of the time comes here also after the status: then that is the answer.
    sent.on('error', (error) => (answered === undefined ? resolve(failed(errorText(error, timeoutMs))) : answered()))
    // 101 ends the request without an answer and without an error (Node 24).
    sent.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve(failed('101: it would speak another protocol'))
    })
    sent.on('close', () => resolve(failed('closed without an answer')))
    sent.end(body)
  })

const answerOf = (status: number, words: string, body: string, retryAfter: string | undefined): ChannelAnswer => {
  const isTaken = status >= 200 && status < 300
  const said = isTaken ? '' : `: ${printable(body).slice(0, answerCharsShown)}`
  const answer = `${String(status)}${words === '' ? '' : ` ${words}`}${said === ': ' ? '' : said}`
  return { outcome: outcomeOf(status), answer, retryAfterMs: retryAfterMs(retryAfter) }
}

/** A redirect is not followed: it could lead inside. The address is then to be mended, so the message waits. */
const outcomeOf = (status: number): ChannelAnswer['outcome'] => {
  if (status >= 200 && status < 300) return 'taken'
  if (status === 410) return 'gone'
  return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'refused' : 'failed'
}

const retryAfterMs = (text: string | undefined): number | null => {
  const seconds = text === undefined || !/^\d{1,6}$/.test(text) ? null : Number(text)
  return seconds === null ? null : Math.min(seconds * 1000, retryAfterMsMax)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what a receiver says stands in a log line
const printable = (text: string): string => text.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').trim()

const failed = (answer: string): ChannelAnswer => ({ outcome: 'failed', answer, retryAfterMs: null })

const errorText = (error: unknown, timeoutMs?: number): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `no answer within ${String((timeoutMs ?? sendWithinMs) / 1000)} s`
  if (error instanceof AggregateError)
    return error.errors
      .map((one: unknown) => errorText(one))
      .join('; ')
      .slice(0, answerCharsShown)
  return printable(error.message === '' ? error.name : error.message).slice(0, answerCharsShown)
}
