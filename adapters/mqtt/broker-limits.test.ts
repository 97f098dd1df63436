import { createConnection } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { eventually, makePlace, type Place, type RawClient, type Running } from './broker-harness.ts'
import { type BrokerLimitName, brokerLimits, limitsFromSettings, limitsWith } from './limits.ts'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.clean())

const isClosed = (raw: RawClient) => eventually(() => expect(raw.closed()).toBe(true), {})
const publish = (topic: string, payload: string | Buffer, messageId: number, qos: 1 | 2 = 1) =>
  ({ cmd: 'publish', topic, payload, qos, dup: false, retain: false, messageId }) as const
const connected = async (running: Running, own: Record<string, unknown> = {}): Promise<RawClient> => {
  const raw = await running.raw()
  await raw.connect(own)
  return raw
}

describe('the table of limits', () => {
  it('has a setting name of its own for each, and takes what a configuration says', () => {
    const names = Object.values(brokerLimits).map((limit) => limit.env)
    expect(new Set(names).size).toBe(names.length)
    const own = limitsFromSettings({ MQTT_CONNECTIONS_MAX: 7, MQTT_TOPIC_BYTES_MAX: 'x', OTHER: 3 })
    expect(own).toEqual({ connectionsMax: 7 })
    const all = limitsWith(own)
    for (const name of Object.keys(brokerLimits) as BrokerLimitName[])
      expect(all[name]).toBe(name === 'connectionsMax' ? 7 : brokerLimits[name].default)
  })
})

describe('connections', () => {
  it('beyond the maximum are closed at once; a place that becomes free is given again', async () => {
    const running = await place.start({ limits: { connectionsMax: 2 } })
    const first = await connected(running, { clientId: 'a' })
    await connected(running, { clientId: 'b' })
    const third = await running.raw()
    await isClosed(third)
    expect(running.broker.stats().refused['connectionsMax']).toBe(1)
    first.socket.destroy()
    await eventually(() => expect(running.broker.health().connections).toBe(1))
    await connected(running, { clientId: 'c' })
  })

  it('beyond the rate wait for their turn, beyond the room are closed, and those that are in are served meanwhile', async () => {
    const running = await place.start({ limits: { connectsPerSecondMax: 5, connectionsWaitingMax: 10 } })
    const first = await connected(running, { clientId: 'first' })
    const later = await Promise.all(Array.from({ length: 30 }, () => running.raw()))
    await eventually(() => expect(running.broker.stats().refused['connectionsWaiting']).toBeGreaterThanOrEqual(15))
    expect(later.filter((raw) => !raw.closed()).length).toBeGreaterThanOrEqual(10)
    first.write(publish('a', 'x', 1))
    await first.waitFor('puback')
    const waiting = later.filter((raw) => !raw.closed())
    await Promise.all(waiting.map((raw, n) => raw.connect({ clientId: `later-${n}` })))
    expect(running.broker.stats().connections).toBe(1 + waiting.length)
    expect(Object.keys(running.broker.stats().refused)).toEqual(['connectionsWaiting'])
  })

  it('that are half open: beyond the maximum the one that is silent longest is closed, never one that has said CONNECT', async () => {
    const running = await place.start({ limits: { halfOpenMax: 2 } })
    const speaking = await connected(running, { clientId: 'speaking' })
    const silent: RawClient[] = []
    for (let n = 0; n < 3; n++) {
      silent.push(await running.raw())
      await eventually(() => expect(running.broker.stats().refused['halfOpen'] ?? 0).toBe(n < 2 ? 0 : 1))
    }
    await isClosed(silent[0] as RawClient)
    expect(silent.slice(1).map((raw) => raw.closed())).toEqual([false, false])
    expect(speaking.closed()).toBe(false)
    await silent[1]?.connect({ clientId: 'late' }) // Half open is one now.
    await connected(running, { clientId: 'one more' })
    expect(silent[2]?.closed()).toBe(false)
  })

  it('that send no CONNECT in time are closed', async () => {
    const running = await place.start({ limits: { connectWithinMs: 100 } })
    const silent = await running.raw()
    const device = await connected(running)
    await isClosed(silent)
    expect(device.closed()).toBe(false)
  })

  it('that send a large CONNECT are closed before it has come in', async () => {
    const running = await place.start({ limits: { connectPacketBytesMax: 1_000 } })
    const raw = await running.raw()
    raw.bytes(Buffer.from([0x10, 0xe8, 0x07])) // 1,000 bytes to follow: 1,003 in all.
    await isClosed(raw)
    expect(running.broker.stats().refused['connectTooLarge']).toBe(1)
  })

  it('with a client id beyond the maximum are refused', async () => {
    const running = await place.start({ limits: { clientIdBytesMax: 30 } })
    expect((await connected(running, { clientId: 'x'.repeat(30) })).packets).toMatchObject([{ cmd: 'connack', returnCode: 0 }])
    expect((await connected(running, { clientId: 'é'.repeat(16) })).packets).toMatchObject([{ cmd: 'connack', returnCode: 2 }])
  })

  it('without keep-alive are held to the maximum', async () => {
    const running = await place.start({ limits: { keepAliveSecondsMax: 1 } })
    const silent = await connected(running, { keepalive: 0, clientId: 'a' })
    const current = await connected(running, { protocolVersion: 5, keepalive: 600, clientId: 'b' })
    expect(current.packets).toMatchObject([{ properties: { serverKeepAlive: 1 } }])
    await isClosed(silent)
    await isClosed(current)
  })
})

describe('packets', () => {
  it('of 256 MB are refused when announced, and many that are announced and not sent take no memory', async () => {
    const running = await place.start({ limits: { packetIdleMs: 500 } })
    const huge = await connected(running, { clientId: 'huge' })
    huge.bytes(Buffer.concat([Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(1_000)]))
    await isClosed(huge)
    const devices = await Promise.all(Array.from({ length: 200 }, (_, n) => connected(running, { clientId: `d${n}` })))
    const before = process.memoryUsage().rss
    const announced = Buffer.concat([Buffer.from([0x32, 0x80, 0x80, 0x80, 0x07]), Buffer.from([0, 1, 0x61, 0, 1]), Buffer.alloc(1_000)]) // 14.7 MB
    for (const device of devices) device.bytes(announced)
    await eventually(() => expect(running.broker.stats().partialBytes).toBeGreaterThan(200_000))
    expect(running.broker.stats().partialBytes).toBeLessThan(300_000)
    for (const device of devices) await isClosed(device)
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
    expect(running.broker.stats()).toMatchObject({ partialBytes: 0, refused: { packetTooLarge: 1, packetIdle: 200 } })
  })

  it('that are too large are handed over cut and acknowledged, neither forwarded nor retained', async () => {
    const running = await place.start({ limits: { payloadBytesMax: 5_000 } })
    const reader = await running.client()
    const got: string[] = []
    reader.on('message', (topic) => got.push(topic))
    await reader.subscribeAsync('#')
    const device = await running.client()
    await device.publishAsync('big', Buffer.alloc(300_000, 'x'), { qos: 1, retain: true })
    await device.publishAsync('big2', Buffer.alloc(5_001, 'x'), { qos: 2 })
    await device.publishAsync('small', Buffer.alloc(5_000, 'x'), { qos: 1 })
    await eventually(() => expect(got).toEqual(['small']))
    expect(running.messages.map((m) => [m.topic, m.payload.length, m.cutFromBytes])).toEqual([
      ['big', 4_096, 300_000],
      ['big2', 4_096, 5_001],
      ['small', 5_000, null],
    ])
    expect(running.broker.stats()).toMatchObject({ accepted: { cut: 2 }, store: { retainedMessages: 0 } })
  })

  it('as wills that are too large are cut, too', async () => {
    const running = await place.start({ limits: { payloadBytesMax: 5_000 } })
    const device = await running.client({ will: { topic: 'w', payload: Buffer.alloc(5_001), qos: 0, retain: false }, reconnectPeriod: 0 })
    device.stream.destroy()
    await eventually(() => expect(running.messages.map((m) => [m.payload.length, m.cutFromBytes])).toEqual([[4_096, 5_001]]))
  })

  it('of which a client has too many under way are not read', async () => {
    const running = await place.start({ limits: { inFlightMax: 10 } })
    let handed = 0
    const held: (() => void)[] = []
    running.broker.onMessage(() => {
      handed++
      return new Promise((resolve) => held.push(resolve))
    })
    const device = await connected(running)
    for (let id = 1; id <= 100; id++) device.write(publish('a', 'x', id))
    await eventually(() => expect(handed).toBe(10))
    await new Promise((resolve) => setTimeout(resolve, 50)) // Time enough to read on, which must not happen.
    expect(handed).toBe(10)
    await eventually(() => {
      for (const resolve of held.splice(0)) resolve()
      expect(device.packets.filter((p) => p.cmd === 'puback')).toHaveLength(100)
    })
  })

  it('of QoS 2 without PUBREL close the connection at the maximum', async () => {
    const running = await place.start({ limits: { inFlightMax: 3 } })
    const device = await connected(running)
    for (const id of [1, 2, 3]) {
      device.write(publish('a', 'x', id, 2))
      await device.waitFor('pubrec', id)
    }
    expect(device.closed()).toBe(false)
    device.write(publish('a', 'x', 4, 2))
    await isClosed(device)
    expect(running.messages).toHaveLength(3)
  })
})

describe('topics', () => {
  it.each([
    ['of the maximum', 'x'.repeat(100), true],
    ['of one byte more', 'x'.repeat(101), false],
    ['with more bytes than characters', 'é'.repeat(51), false],
    ['of the most levels', Array(5).fill('a').join('/'), true],
    ['of one level more', Array(6).fill('a').join('/'), false],
    ['with a wildcard', 'a/+/b', false],
  ])('%s', async (_what, topic, taken) => {
    const running = await place.start({ limits: { topicBytesMax: 100, topicLevelsMax: 5 } })
    const device = await connected(running)
    device.bytes(publishBytes(Buffer.from(topic)))
    if (taken) await device.waitFor('puback')
    else await isClosed(device)
    expect(running.messages).toHaveLength(taken ? 1 : 0)
  })

  it('of invalid UTF-8 or with NUL are handed over for the dead letters, and not forwarded', async () => {
    const running = await place.start()
    const reader = await running.client()
    const got: string[] = []
    reader.on('message', (topic) => got.push(topic))
    await reader.subscribeAsync('#')
    const device = await connected(running)
    device.bytes(publishBytes(Buffer.from([0x61, 0x2f, 0xc3, 0x28])))
    device.bytes(publishBytes(Buffer.from('a\0b')))
    device.bytes(publishBytes(Buffer.from('last')))
    await device.waitFor('puback', 3)
    await eventually(() => expect(got).toEqual(['last']))
    expect(running.messages.map((m) => m.topic)).toEqual(['a/\uFFFD(', 'a\0b', 'last'])
  })
})

describe('subscribers', () => {
  it('have at most so many subscriptions, and denied ones are not kept for their session', async () => {
    const running = await place.start({ limits: { subscriptionsMax: 2 } })
    const device = await connected(running, { clean: false, clientId: 'd' })
    const filters = ['a', 'b', 'c', '$SYS/#'].map((topic) => ({ topic, qos: 1 as const }))
    device.write({ cmd: 'subscribe', messageId: 1, subscriptions: filters })
    expect(await device.waitFor('suback')).toMatchObject([{ granted: [1, 1, 128, 128] }])
    await eventually(() => expect(running.broker.stats().store['persistentSubscriptions']).toBe(2))
  })

  it('that read too slowly lose messages and then the connection, and never slow a device', async () => {
    const running = await place.start({ limits: { outgoingBytesMax: 100_000 } })
    const slow = await connected(running, { clientId: 'slow' })
    slow.write({
      cmd: 'subscribe',
      messageId: 1,
      subscriptions: [
        { topic: 'q0/#', qos: 0 },
        { topic: 'q1/#', qos: 1 },
      ],
    })
    await slow.waitFor('suback')
    slow.socket.pause()
    const device = await running.client()
    const text = Buffer.alloc(60_000, 'x')
    await eventually(
      async () => {
        for (let n = 0; n < 20; n++) await device.publishAsync('q0/x', text, { qos: 1 })
        expect(running.broker.stats().droppedForSlowSubscribers).toBeGreaterThan(0)
      },
      { interval: 1 },
    )
    expect(running.broker.health().connections).toBe(2)
    await device.publishAsync('q1/x', 'must not be lost in silence', { qos: 1 })
    await eventually(() => expect(running.broker.health().connections).toBe(1))
  })
})

describe('WebSocket', () => {
  const handshake = (url: string, protocols: string[], headers = {}): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, protocols, { headers })
      socket.on('open', () => {
        socket.close()
        resolve(`open ${socket.protocol}`)
      })
      socket.on('unexpected-response', (_request, response) => {
        response.resume()
        resolve(String(response.statusCode))
      })
      socket.on('error', () => undefined)
    })

  it('on loopback a page of elsewhere is refused, by its Origin and by a name that it made mean 127.0.0.1', async () => {
    const { webSocketUrl } = await place.start()
    const port = new URL(webSocketUrl).port
    const upgrade = (host: string | null, origin?: string): Promise<string> =>
      new Promise((resolve, reject) => {
        const socket = createConnection(Number(port), '127.0.0.1')
        socket.on('error', reject)
        socket.once('data', (answer) => {
          resolve(answer.toString('latin1').slice(9, 12))
          socket.destroy()
        })
        const lines = [
          'GET /mqtt HTTP/1.1',
          ...(host === null ? [] : [`Host: ${host}`]),
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Version: 13',
          'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
          'Sec-WebSocket-Protocol: mqtt',
          ...(origin === undefined ? [] : [`Origin: ${origin}`]),
        ]
        socket.write(`${lines.join('\r\n')}\r\n\r\n`)
      })
    const own = `127.0.0.1:${port}`
    const answers = await Promise.all([
      upgrade(own),
      upgrade(`localhost:${port}`),
      upgrade('LOCALHOST'),
      upgrade(`[::1]:${port}`),
      upgrade(`192.168.1.9:${port}`),
      upgrade(own, `http://${own}`),
      upgrade(own, 'http://localhost:5173'),
      upgrade(own, 'http://[::1]:5173'),
      upgrade('192.168.1.9:8080', 'http://192.168.1.9:8080'),
    ])
    expect(answers).toEqual(answers.map(() => '101'))
    const refused = await Promise.all([
      upgrade(`rebound.example:${port}`),
      upgrade(`rebound.example:${port}`, `http://rebound.example:${port}`),
      upgrade('127.0.0.1.rebound.example'),
      upgrade('127.rebound.example'),
      upgrade('localhost.rebound.example'),
      upgrade(own, 'https://elsewhere.example'),
      upgrade(own, 'http://127.0.0.1.elsewhere.example'),
      upgrade(own, 'null'),
      upgrade(own, 'file://'),
      upgrade(own, ''),
      upgrade('a b', `http://${own}`),
      upgrade(null),
    ])
    expect(refused).toEqual(refused.map(() => '403'))
  })

  it('wants the path /mqtt and the subprotocol mqtt', async () => {
    const { webSocketUrl } = await place.start()
    expect(await handshake(webSocketUrl, ['mqtt'])).toBe('open mqtt')
    expect(await handshake(webSocketUrl, ['mqttv3.1'])).toBe('open mqttv3.1')
    expect(await handshake(webSocketUrl, ['chat'])).toBe('400')
    expect(await handshake(webSocketUrl.replace('/mqtt', '/other'), ['mqtt'])).toBe('404')
    expect((await fetch(webSocketUrl.replace('ws:', 'http:'))).status).toBe(426)
  })

  it('refuses one connection more than its maximum', async () => {
    const running = await place.start({ limits: { webSocketConnectionsMax: 1 } })
    await running.client({}, running.webSocketUrl)
    expect(await handshake(running.webSocketUrl, ['mqtt'])).toBe('503')
  })

  it('closes on a message beyond its maximum', async () => {
    const running = await place.start({ limits: { webSocketMessageBytesMax: 2_000 } })
    const device = await running.client({ reconnectPeriod: 0 }, running.webSocketUrl)
    const closed = new Promise<void>((resolve) => device.once('close', () => resolve()))
    device.publish('a', Buffer.alloc(3_000), { qos: 0 })
    await closed
    expect(running.messages).toEqual([])
  })
})

describe('any bytes', () => {
  it('never end the broker', async () => {
    const running = await place.start()
    let seed = 42
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff
      return seed / 0x7fffffff
    }
    const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
    for (let round = 0; round < 60; round++) {
      const raw = await running.raw()
      if (round % 3 !== 0) await raw.connect({ clientId: `n${round}`, protocolVersion: round % 2 ? 4 : 5, clean: round % 5 !== 0 })
      for (let n = 0; n < 10; n++) {
        const body = noise(Math.floor(random() * 60))
        raw.bytes(random() < 0.5 ? body : Buffer.concat([Buffer.from([(1 + Math.floor(random() * 15)) << 4, body.length]), body]))
      }
      raw.socket.end()
    }
    const device = await connected(running, { clientId: 'after' })
    device.write(publish('a', 'x', 1))
    await device.waitFor('puback')
  })
})

/** A QoS 1 PUBLISH with any topic bytes. */
const publishBytes = (topic: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from([topic.length >> 8, topic.length & 0xff]), topic, Buffer.from([0, 1]), Buffer.from('x')])
  const length = body.length < 128 ? [body.length] : [(body.length & 0x7f) | 0x80, body.length >> 7]
  return Buffer.concat([Buffer.from([0x32, ...length]), body])
}
