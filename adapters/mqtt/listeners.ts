/**
 * The broker's sockets: TCP, WebSocket at `/mqtt` and TLS, each counted and bounded before anything is read; TCP and TLS
 * enter at a pace (`waiting-room.ts`).
 * A WebSocket client must offer the subprotocol `mqtt` [MQTT-6.0.0-3]. A page of somebody else that you visit must not reach
 * your own recorder: its Origin is refused, and so is a name of its own that it has made to mean 127.0.0.1 (`handshakeRefusal`).
 */
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { AppError } from '../../runtime/errors.ts'
import { isLoopbackHost } from '../../runtime/loopback.ts'
import type { BrokerLimits } from './limits.ts'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'
import { createWaitingRoom, type WaitingRoom } from './waiting-room.ts'
import { type FilesWatch, watchFiles } from './watched-files.ts'

export type ListenAt = { host: string; port: number }
export type ClientCertificates = 'none' | 'optional' | 'required'
export type ListenOptions = {
  tcp: ListenAt | null
  webSocket: ListenAt | null
  tls: (ListenAt & TlsFiles & { clientCertificates: ClientCertificates }) | null
}
/** What is known of a connection before it says CONNECT. */
export type Arrival = { transport: 'tcp' | 'ws' | 'tls'; loopback: boolean; certificateName: string | null }
export type RefusedArrival = 'connectionsMax' | 'webSocketConnectionsMax' | 'connectionsWaiting' | 'webSocketHandshake' | 'tlsHandshake'

export type Listeners = {
  /** Where they listen now; the port is the real one when 0 was asked. */
  addresses: { tcp: ListenAt | null; webSocket: ListenAt | null; tls: ListenAt | null }
  connections: () => number
  tlsNotAfterMs: () => number | null
  /** Takes no more connections; those that are open stay with the broker. */
  stop: () => Promise<void>
}

export type ListenerHooks = {
  onConnection: (stream: Duplex, arrival: Arrival, request?: IncomingMessage) => void
  onRefused: (reason: RefusedArrival) => void
  /** New TLS files were taken (null), or refused and the old ones go on. */
  onTlsReload: (error: AppError | null) => void
}

export const startListeners = async (options: ListenOptions, limits: BrokerLimits, hooks: ListenerHooks): Promise<Listeners> => {
  const open = new Set<Socket>()
  const servers: Server[] = []
  const room = createWaitingRoom({ perSecondMax: limits.connectsPerSecondMax, waitingMax: limits.connectionsWaitingMax })
  const gate = createGate(limits, open, room, hooks.onRefused)
  let watching: FilesWatch | undefined
  let notAfterMs: number | null = null

  const stop = async (): Promise<void> => {
    watching?.stop()
    room.close()
    await Promise.all(servers.map((server) => new Promise((resolve) => (server.listening ? server.close(resolve) : resolve(undefined)))))
  }
  const listen = async (server: Server, at: ListenAt, name: string): Promise<ListenAt> => {
    servers.push(server)
    await listenOrFail(server, at, name)
    return { host: at.host, port: (server.address() as AddressInfo).port }
  }

  try {
    let tcp: ListenAt | null = null
    if (options.tcp) {
      const arrival: Arrival = { transport: 'tcp', loopback: isLoopbackHost(options.tcp.host), certificateName: null }
      const server = createServer(unread, (socket) => gate(socket, () => hooks.onConnection(socket, arrival)))
      tcp = await listen(server, options.tcp, 'MQTT_LISTEN')
    }
    let webSocket: ListenAt | null = null
    if (options.webSocket)
      webSocket = await listen(webSocketServer(options.webSocket, limits, gate, hooks), options.webSocket, 'MQTT_WS_LISTEN')
    let tls: ListenAt | null = null
    if (options.tls) {
      const settings = options.tls
      const { notAfterMs: until, ...material } = readTlsFiles(settings)
      notAfterMs = until
      const server = createTlsServer({
        ...material,
        minVersion: 'TLSv1.2',
        handshakeTimeout: limits.connectWithinMs,
        requestCert: settings.clientCertificates !== 'none',
        rejectUnauthorized: settings.clientCertificates === 'required',
      })
      const loopback = isLoopbackHost(settings.host)
      // The handshake, too, waits for its turn.
      const front = createServer(unread, (socket) => gate(socket, () => server.emit('connection', socket)))
      server.on('tlsClientError', () => hooks.onRefused('tlsHandshake'))
      server.on('secureConnection', (socket: TLSSocket) => {
        hooks.onConnection(socket, { transport: 'tls', loopback, certificateName: nameIn(socket) })
      })
      tls = await listen(front, settings, 'MQTTS_LISTEN')
      const files = [settings.certFile, settings.keyFile, ...(settings.caFile === null ? [] : [settings.caFile])]
      watching = watchFiles(files, () => {
        try {
          const { notAfterMs: newUntil, ...newMaterial } = readTlsFiles(settings)
          server.setSecureContext({ ...newMaterial, minVersion: 'TLSv1.2' })
          notAfterMs = newUntil
          hooks.onTlsReload(null)
        } catch (error) {
          hooks.onTlsReload(error as AppError)
        }
      })
    }
    return { addresses: { tcp, webSocket, tls }, connections: () => open.size, tlsNotAfterMs: () => notAfterMs, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Sockets are accepted without reading from them. */
const unread = { noDelay: true, pauseOnConnect: true }

/** `enter` runs when it is the socket's turn; never, when it was closed because there are too many. */
type Gate = (socket: Socket, enter: () => void) => void

const createGate = (limits: BrokerLimits, open: Set<Socket>, room: WaitingRoom, onRefused: (reason: RefusedArrival) => void): Gate => {
  return (socket, enter) => {
    socket.on('error', ignore) // A reset before anybody listens must not end the program.
    const reason =
      open.size >= limits.connectionsMax ? 'connectionsMax' : room.add(() => !socket.destroyed && enter()) ? null : 'connectionsWaiting'
    if (reason !== null) {
      onRefused(reason)
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  }
}

const ignore = (): void => undefined

const webSocketServer = (at: ListenAt, limits: BrokerLimits, gate: Gate, hooks: ListenerHooks): Server => {
  const loopback = isLoopbackHost(at.host)
  const http = createHttpServer({
    headersTimeout: limits.connectWithinMs,
    requestTimeout: limits.connectWithinMs,
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 16_384,
    noDelay: true,
  })
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.webSocketMessageBytesMax,
    perMessageDeflate: false, // A few bytes could unpack into gigabytes.
    handleProtocols: (offered) => ['mqtt', 'mqttv3.1'].find((name) => offered.has(name)) ?? false,
  })
  http.on('connection', (socket) => gate(socket, ignore)) // Counted; a thousand people are no storm.
  http.on('request', (_request, response) => response.writeHead(426, { upgrade: 'websocket' }).end('MQTT over WebSocket is at /mqtt\n'))
  http.on('upgrade', (request, socket, firstBytes) => {
    const refusal = handshakeRefusal(request, at.host)
    if (refusal !== null || sockets.clients.size >= limits.webSocketConnectionsMax) {
      hooks.onRefused(refusal === null ? 'webSocketConnectionsMax' : 'webSocketHandshake')
      socket.end(`HTTP/1.1 ${refusal ?? '503 Service Unavailable'}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, firstBytes, (client) => {
      const stream = createWebSocketStream(client)
      stream.on('error', () => undefined)
      hooks.onConnection(stream, { transport: 'ws', loopback, certificateName: null }, request)
    })
  })
  return http
}

/**
 * Host and Origin as `query-api/security.ts` has them, but that on loopback a page of another loopback port may come (a
 * dashboard under development). `Origin: null` (a sandboxed frame, a file) can be anybody's.
 */
const handshakeRefusal = ({ url = '', headers }: IncomingMessage, listenHost: string): string | null => {
  if (url.split('?')[0] !== '/mqtt') return '404 Not Found'
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (!offered.includes('mqtt') && !offered.includes('mqttv3.1')) return '400 Bad Request'
  const loopback = isLoopbackHost(listenHost)
  const to = hostIn(`ws://${headers.host ?? ''}`)
  if (loopback && !(to !== null && (isLoopbackHost(to.name) || isIP(to.name) !== 0 || to.name === listenHost))) return '403 Forbidden'
  if (headers.origin === undefined) return null
  const from = hostIn(headers.origin)
  return from !== null && (from.host === to?.host || (loopback && isLoopbackHost(from.name))) ? null : '403 Forbidden'
}

const hostIn = (url: string): { host: string; name: string } | null => {
  if (!URL.canParse(url)) return null
  const { host, hostname } = new URL(url)
  return host === '' ? null : { host, name: hostname.replace(/^\[(.*)\]$/, '$1') }
}

/** Common name of a client certificate that our CA has signed; several names are none. */
const nameIn = (socket: TLSSocket): string | null => {
  if (!socket.authorized) return null
  const name: unknown = socket.getPeerCertificate().subject.CN
  return typeof name === 'string' && name !== '' ? name : null
}

/**
 * The kernel hands over all of these in one turn of the event loop, 25 ms of work; those beyond try again after a second by
 * themselves (SYN).
 */
const acceptBacklog = 512

const listenOrFail = (server: Server, { host, port }: ListenAt, setting: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message =
        cause.code === 'EADDRINUSE'
          ? `${setting}: another program listens on ${host}:${port}`
          : `${setting}: cannot listen on ${host}:${port}: ${cause.message}`
      reject(new AppError(cause.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'CONFIG_INVALID', message, { cause }))
    })
    server.listen({ host, port, backlog: acceptBacklog }, () => {
      server.removeAllListeners('error')
      server.on('error', () => undefined) // EMFILE while accepting: the next accept may work.
      resolve()
    })
  })
