/**
 * Answers of the door. The status line waits for the first chunk, so that an error before it has its own status; an error
 * after it is told by ClickHouse's tagged block and a cut connection, because a clean end would let clients read the error
 * text as rows.
 */
import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import { type EngineError, errorText, statusOf } from './engine-error.ts'

export type AnswerHead = { queryId: string; format: string; contentType: string; gzip: boolean }

/** Time for the client to read the tagged block before the connection goes. */
const cutAfterMs = 250

/** Sends the chunks with back-pressure. Rejects only before the first byte; later errors end in the tagged block. */
export const sendChunks = async (
  response: ServerResponse,
  head: AnswerHead,
  chunks: AsyncIterable<Uint8Array>,
  toError: (error: unknown) => EngineError,
): Promise<void> => {
  const iterator = chunks[Symbol.asyncIterator]()
  let next = await iterator.next()
  const tag = exceptionTag()
  response.writeHead(200, { ...headers(head), 'X-ClickHouse-Exception-Tag': tag, ...(head.gzip ? { 'Content-Encoding': 'gzip' } : {}) })
  const sink = head.gzip ? createGzip() : response
  if (head.gzip) sink.on('data', (chunk: Buffer) => response.write(chunk)).on('end', () => response.end())
  try {
    for (; !next.done; next = await iterator.next()) {
      if (response.destroyed) {
        await iterator.return?.()
        return
      }
      if (next.value.length > 0 && !sink.write(next.value)) await drained(sink, response)
    }
    sink.end()
  } catch (error) {
    const message = errorText(toError(error))
    const bytes = Buffer.byteLength(message)
    sink.write(`\r\n__exception__\r\n${tag}\r\n${message}${bytes} ${tag}\r\n__exception__\r\n`)
    if (head.gzip) (sink as ReturnType<typeof createGzip>).flush()
    await delay(cutAfterMs)
    response.destroy()
  }
}

/** Also when the client went away: nothing drains then. */
const drained = (sink: Writable, response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      response.off('close', done)
      resolve()
    }
    sink.on('drain', done)
    response.on('close', done)
    if (response.destroyed) done()
  })

export const sendWhole = (response: ServerResponse, head: AnswerHead, body: Uint8Array): void => {
  response.writeHead(200, { ...headers(head), 'Content-Length': body.length })
  response.end(body)
}

export const sendError = (response: ServerResponse, error: EngineError): void => {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const status = statusOf(error)
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': String(error.code),
    ...(status === 401 ? { 'WWW-Authenticate': 'Basic realm="Fleet Recorder"' } : {}),
    ...(status === 503 ? { 'Retry-After': '1' } : {}),
    ...(status === 413 ? { Connection: 'close' } : {}), // What is still to come of the body is not read.
  })
  response.end(errorText(error))
}

const headers = (head: AnswerHead): Record<string, string> => ({
  'Content-Type': head.contentType,
  'X-ClickHouse-Query-Id': head.queryId,
  'X-ClickHouse-Format': head.format,
  'X-ClickHouse-Timezone': 'UTC',
  'X-ClickHouse-Server-Display-Name': 'fleet-recorder',
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
})

const exceptionTag = (): string => {
  const letters = 'abcdefghijklmnopqrstuvwxyz'
  return Array.from({ length: 16 }, () => letters[Math.floor(Math.random() * letters.length)]).join('')
}
