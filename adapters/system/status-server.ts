/** Health and metrics of a program that has no API: `/healthz`, `/readyz` and `/metrics`, as the query API answers them. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AppError } from '../../runtime/errors.ts'

export type StatusOptions = {
  listen: { host: string; port: number }
  readiness: () => Promise<{ ready: boolean; waitingFor: string[] }>
  metricsText: () => Promise<string>
}

/** Rejects with PORT_IN_USE when the port is taken. */
export const startStatusServer = async ({
  listen,
  readiness,
  metricsText,
}: StatusOptions): Promise<{ url: string; stop: () => Promise<void> }> => {
  const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
    switch (path) {
      case '/healthz':
        return { status: 200, type: 'application/json', body: '{"status":"ok"}' }
      case '/readyz': {
        const state = await readiness()
        return { status: state.ready ? 200 : 503, type: 'application/json', body: JSON.stringify(state) }
      }
      case '/metrics':
        return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metricsText() }
      default:
        return { status: 404, type: 'text/plain', body: 'Here are /healthz, /readyz and /metrics.\n' }
    }
  }
  const server = createServer((request, response) => {
    answer((request.url ?? '').split('?', 1)[0] ?? '').then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body),
      () => response.writeHead(500).end(),
    )
  })
  server.requestTimeout = 10_000
  server.maxConnections = 100 // Probes and scrapers; the service itself does not stand behind it.
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new AppError('PORT_IN_USE', `HTTP_LISTEN: the port is taken, ${listen.host}:${listen.port}`, { cause })
          : cause,
      ),
    )
    server.listen(listen.port, listen.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
