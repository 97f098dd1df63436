/** One listener of the warehouse: ClickHouse's trivial paths, one handler for the rest, and errors as ClickHouse tells them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { sendError } from './http-answer.ts'
import { toEngineError } from './engine-error.ts'

export type DoorHandler = (request: IncomingMessage, response: ServerResponse, gone: AbortSignal) => Promise<void>

export type DoorServer = { host: string; port: number; close: () => Promise<void> }

/** Headers and the start of a request must come within this; a long upload may take the time that it needs. */
const headersWithinMs = 10_000
const connectionsMax = 512

export const startDoor = async (listen: { host: string; port: number }, handler: DoorHandler): Promise<DoorServer> => {
  const server = createServer(
    { headersTimeout: headersWithinMs, requestTimeout: 0, keepAliveTimeout: 30_000, maxHeaderSize: 512 * 1024 },
    (request, response) => {
      answer(request, response, handler).catch(() => response.destroy())
    },
  )
  server.maxConnections = connectionsMax
  await listening(server, listen)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : listen.port
  return {
    host: listen.host,
    port,
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      server.closeIdleConnections()
      await closed
    },
  }
}

const listening = (server: Server, { host, port }: { host: string; port: number }): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })

const answer = async (request: IncomingMessage, response: ServerResponse, handler: DoorHandler): Promise<void> => {
  const path = (request.url ?? '/').split('?', 1)[0]
  if (path === '/ping' || (path === '/' && request.method === 'GET' && !(request.url ?? '').includes('query='))) {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=UTF-8' }).end('Ok.\n')
    return
  }
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  try {
    await handler(request, response, gone.signal)
  } catch (error) {
    request.resume()
    sendError(response, toEngineError(error))
  }
}
