/** The bridge over TLS and over WebSocket, each ended in front of the played broker: other streams than plain TCP. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { eventually } from '../mqtt/broker-harness.ts'
import { makeCertificate } from '../mqtt/test-certificates.ts'
import { startBridge } from './bridge.ts'
import { startFakeBroker } from './fake-broker.ts'

describe.each(['mqtts', 'ws'] as const)('bridge over %s', (scheme) => {
  let folder: string
  const ends: (() => unknown)[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bridge-'))
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Ends TLS or WebSocket and goes on to the broker in plain TCP; answers the address. */
  const inFrontOf = async (brokerUrl: string): Promise<string> => {
    const onward = (stream: Duplex): void => {
      const plain = connect(Number(new URL(brokerUrl).port), '127.0.0.1')
      stream.pipe(plain).pipe(stream)
      for (const side of [stream, plain]) side.on('error', () => undefined)
      ends.push(
        () => stream.destroy(),
        () => plain.destroy(),
      )
    }
    const ca = makeCertificate('test CA')
    const own = makeCertificate('localhost', ca)
    writeFileSync(join(folder, 'ca.pem'), ca.certPem)
    let server: Server
    if (scheme === 'mqtts') server = createTlsServer({ cert: own.certPem, key: own.keyPem }, onward)
    else {
      const http = createHttpServer()
      new WebSocketServer({ server: http }).on('connection', (socket) => onward(createWebSocketStream(socket)))
      server = http
    }
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ends.push(() => server.close())
    return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  it('takes more than its window, in order, acknowledges it, and stops in order', async () => {
    const broker = await startFakeBroker()
    ends.push(broker.close)
    const url = await inFrontOf(broker.url)
    const link = startBridge({
      address: {
        url,
        clientId: 'fleet-recorder',
        protocol: '5',
        username: null,
        passwordFile: null,
        caFile: scheme === 'mqtts' ? join(folder, 'ca.pem') : null,
        certFile: null,
        keyFile: null,
        persistent: true,
      },
      filters: ['#'],
      shareGroup: null,
      sessionFile: join(folder, 'session.json'),
      limits: { payloadBytesMax: 64 * 1024, logPayloadBytesMax: 1024 * 1024, cutPayloadBytesKept: 4_096 },
      messagesMax: 10,
    })
    ends.push(link.stop)
    const payloads: string[] = []
    link.onMessage(async ({ payload }) => {
      await new Promise((resolve) => setImmediate(resolve))
      payloads.push(Buffer.from(payload).toString())
    })
    await eventually(() => expect(link.health().connected).toBe(true))
    const sent = Array.from({ length: 100 }, (_, n) => String(n).padEnd(3_000))
    await Promise.all(sent.map((payload) => broker.publish('a', payload)))
    expect(payloads).toEqual(sent)
    expect(link.stats().droppedOnPurpose).toBe(0)
    await link.stop()
    expect(broker.packets.at(-1)?.cmd).toBe('disconnect')
  })
})
