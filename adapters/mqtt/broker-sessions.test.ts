import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { connect, connectAsync, type IClientOptions } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually, makePlace, type Place, type Running } from './broker-harness.ts'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.clean())

/** All that a new subscriber gets of a filter, once `count` messages have come. */
const subscribed = async (
  { client }: Running,
  filter: string,
  count: number,
): Promise<{ topic: string; text: string; retain: boolean; qos: number }[]> => {
  const got: { topic: string; text: string; retain: boolean; qos: number }[] = []
  const reader = await client()
  reader.on('message', (topic, payload, { retain, qos }) => got.push({ topic, text: payload.toString(), retain, qos }))
  await reader.subscribeAsync(filter, { qos: 1 })
  await eventually(() => expect(got.length).toBeGreaterThanOrEqual(count))
  return got
}

describe('a client id that a second connection takes', () => {
  it('is told with the first message of each turn, counted in a row, and no longer when it was free in between', async () => {
    const running = await place.start()
    const told = (): (number | null)[] => running.messages.map(({ takeovers }) => takeovers ?? null)
    const open = () => connectAsync(running.url, { clientId: 'twin', reconnectPeriod: 0 })
    const first = await open()
    await first.publishAsync('t', '1', { qos: 1 })
    const second = await open()
    await second.publishAsync('t', '2', { qos: 1 })
    await second.publishAsync('t', '3', { qos: 1 })
    const third = await open()
    await third.publishAsync('t', '4', { qos: 1 })
    await third.endAsync()
    await eventually(() => expect(running.broker.health().connections).toBe(0))
    const later = await open()
    await later.publishAsync('t', '5', { qos: 1 })
    expect(told()).toEqual([null, 1, null, 2, null])
    for (const client of [first, second, later]) await client.endAsync(true)
  })
})

describe('Session Present', () => {
  const persistent: Record<4 | 5, { properties?: { sessionExpiryInterval: number } }> = {
    4: {},
    5: { properties: { sessionExpiryInterval: 3600 } },
  }

  it.each([4, 5] as const)(
    'is told of a session without subscriptions, also across a restart (MQTT.js, version %i)',
    async (protocolVersion) => {
      const connects = async (place: Running, own = {}): Promise<boolean> => {
        const options: IClientOptions = {
          clean: false,
          clientId: 'publisher',
          protocolVersion,
          reconnectPeriod: 0,
          ...persistent[protocolVersion],
          ...own,
        }
        const client = connect(place.url, options)
        const sessionPresent = await new Promise<boolean>((resolve) => client.once('connect', (packet) => resolve(packet.sessionPresent)))
        await client.endAsync()
        return sessionPresent
      }
      const first = await place.start()
      expect([await connects(first), await connects(first), await connects(first)]).toEqual([false, true, true])
      await first.broker.stop()
      const second = await place.start()
      expect([await connects(second), await connects(second, { clean: true })]).toEqual([true, false])
      expect(second.broker.stats().refused).toEqual({})
      expect(second.broker.stats().store['persistentSubscriptions']).toBe(0)
    },
  )

  it.each([4, 5] as const)(
    'stands in the CONNACK of version %i, before anything is subscribed and after all is given up',
    async (protocolVersion) => {
      const { raw } = await place.start()
      const connected = async (own = {}) => {
        const client = await raw()
        await client.connect({ clean: false, clientId: 'p', protocolVersion, ...persistent[protocolVersion], ...own })
        return client
      }
      const ended = async (client: Awaited<ReturnType<typeof connected>>) => {
        client.socket.end()
        await eventually(() => expect(client.closed()).toBe(true))
        return (client.packets[0] as { sessionPresent?: boolean }).sessionPresent
      }
      expect(await ended(await connected())).toBe(false)
      const subscriber = await connected()
      subscriber.write({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 1 }] })
      await subscriber.waitFor('suback')
      subscriber.write({ cmd: 'unsubscribe', messageId: 2, unsubscriptions: ['a'] })
      await subscriber.waitFor('unsuback')
      expect(await ended(subscriber)).toBe(true)
      expect(await ended(await connected())).toBe(true)
      expect(await ended(await connected({ clean: true }))).toBe(false)
    },
  )

  it('is not told of a session whose time is over', async () => {
    let nowMs = Date.now()
    const { raw } = await place.start({ nowMs: () => nowMs })
    const own = { clean: false, clientId: 'p', protocolVersion: 5, properties: { sessionExpiryInterval: 10 } }
    const present: unknown[] = []
    for (const awayMs of [0, 9_999, 10_000]) {
      nowMs += awayMs
      const client = await raw()
      await client.connect(own)
      present.push((client.packets[0] as { sessionPresent?: boolean }).sessionPresent)
      client.socket.end()
      await eventually(() => expect(client.closed()).toBe(true))
    }
    expect(present).toEqual([false, true, false])
  })
})

describe('persistent sessions', () => {
  it('have an id of their own and count their connections, also across a restart', async () => {
    const first = await place.start()
    const device = await first.client({ clientId: 'd', clean: false })
    await device.publishAsync('a', '1', { qos: 1 })
    await device.endAsync()
    const again = await first.client({ clientId: 'd', clean: false })
    await again.publishAsync('a', '2', { qos: 1 })
    await first.broker.stop()
    const second = await place.start()
    const later = await second.client({ clientId: 'd', clean: false })
    await later.publishAsync('a', '3', { qos: 1 })
    const messages = [...first.messages, ...second.messages]
    expect(messages.map((m) => m.connection)).toEqual([1, 2, 3])
    expect(messages[0]?.sessionId).toMatch(/^[0-9a-f]{24}$/)
    expect(new Set(messages.map((m) => m.sessionId)).size).toBe(1)
  })

  it('are gone after a clean connect, which has none itself', async () => {
    const { client, messages } = await place.start()
    for (const clean of [false, true, false]) {
      const device = await client({ clientId: 'd', clean })
      await device.publishAsync('a', 'x', { qos: 1 })
      await device.endAsync()
    }
    expect(messages.map((m) => m.connection)).toEqual([1, 0, 1])
    expect(messages[1]?.sessionId).toBeNull()
    expect(messages[2]?.sessionId).not.toBe(messages[0]?.sessionId)
  })

  it('of MQTT 5 end with the connection unless an expiry is asked for', async () => {
    const { client, messages } = await place.start()
    const connect = async (sessionExpiryInterval: number) => {
      const device = await client({ clientId: 'd', clean: false, protocolVersion: 5, properties: { sessionExpiryInterval } })
      await device.publishAsync('a', 'x', { qos: 1 })
      await device.endAsync()
    }
    for (const seconds of [0, 60, 60, 0, 60]) await connect(seconds)
    expect(messages.map((m) => m.connection)).toEqual([0, 1, 2, 3, 1])
  })

  it('of MQTT 5 that are resumed for the last time still give out their queue', async () => {
    const { client, broker, url } = await place.start()
    const device = await client({ clientId: 'd', protocolVersion: 5, clean: false, properties: { sessionExpiryInterval: 60 } })
    await device.subscribeAsync('t', { qos: 1 })
    await device.endAsync()
    await broker.send('t', Buffer.from('kept'), 1)
    const last = connect(url, { clientId: 'd', protocolVersion: 5, clean: false })
    const text = await new Promise((resolve) => last.once('message', (_topic, payload) => resolve(payload.toString())))
    expect(text).toBe('kept')
    await last.endAsync()
    await eventually(() => expect(broker.stats().store['sessions']).toBe(0))
  })

  it('get what was sent while the client was away, also after a restart, in order and once', async () => {
    const first = await place.start()
    const device = await first.client({ clientId: 'd', clean: false })
    await device.subscribeAsync('tasks/#', { qos: 1 })
    await device.endAsync()
    const publisher = await first.client()
    await publisher.publishAsync('tasks/1', 'one', { qos: 1 })
    await first.broker.send('tasks/2', Buffer.from('two'), 1)
    await first.broker.stop()
    const second = await place.start()
    const got: string[] = []
    const reader = connect(second.url, { clientId: 'd', clean: false })
    reader.on('message', (_topic, payload) => got.push(payload.toString()))
    await eventually(() => expect(got).toEqual(['one', 'two']))
    await second.broker.send('tasks/3', Buffer.from('three'), 1)
    await eventually(() => expect(got).toEqual(['one', 'two', 'three']))
    await eventually(() => expect(second.broker.stats().store['queuedBytes']).toBe(0))
    await reader.endAsync(true)
  })
})

describe('retained messages', () => {
  it('reach later subscribers, also after a restart, until they are removed', async () => {
    const first = await place.start()
    const device = await first.client()
    await device.publishAsync('s/1', 'online', { qos: 1, retain: true })
    await device.publishAsync('s/2', 'gone', { qos: 1, retain: true })
    await device.publishAsync('s/2', '', { qos: 1, retain: true })
    expect(first.messages.map((m) => [m.topic, m.retain, m.storedCopy])).toEqual([
      ['s/1', true, false],
      ['s/2', true, false],
      ['s/2', true, false],
    ])
    await first.broker.stop()
    const second = await place.start()
    expect(await subscribed(second, 's/#', 1)).toEqual([{ topic: 's/1', text: 'online', retain: true, qos: 1 }])
    expect(second.messages).toEqual([])
  })

  it('and queued ones that were acknowledged survive kill -9', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'broker-child.ts'), place.dataDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const url = `mqtt://127.0.0.1:${line.toString().trim()}`
    const reader = await connectAsync(url, { clientId: 'reader', clean: false, reconnectPeriod: 0 })
    await reader.subscribeAsync('s/#', { qos: 1 })
    await reader.endAsync()
    const device = await connectAsync(url, { clientId: 'd', clean: false, reconnectPeriod: 0 })
    device.on('error', () => undefined)
    await Promise.all([1, 2, 3].map((n) => device.publishAsync(`s/${n}`, `text ${n}`, { qos: 1, retain: true })))
    child.kill('SIGKILL')
    await once(child, 'exit')
    await device.endAsync(true)

    const after = await place.start()
    const retained = await subscribed(after, 's/#', 3)
    expect(retained.map((m) => m.text).sort()).toEqual(['text 1', 'text 2', 'text 3'])
    expect(after.broker.stats().store).toMatchObject({ retainedMessages: 3, sessions: 2, persistentSubscriptions: 1 })
    expect(after.broker.stats().store['queuedBytes']).toBeGreaterThan(0)
    const again = await after.client({ clientId: 'd', clean: false })
    await again.publishAsync('x', 'x', { qos: 1 })
    expect(after.messages.at(-1)?.connection).toBe(2)
  })

  it('are forgotten when their MQTT 5 expiry is over', async () => {
    const { client, broker } = await place.start()
    const device = await client({ protocolVersion: 5 })
    await device.publishAsync('s/1', 'x', { qos: 1, retain: true, properties: { messageExpiryInterval: 1 } })
    expect(broker.stats().store['retainedMessages']).toBe(1)
    await eventually(
      async () => {
        const reader = await client({ protocolVersion: 5 })
        await reader.subscribeAsync('s/#')
        await reader.endAsync()
        expect(broker.stats().store['retainedMessages']).toBe(0)
      },
      { interval: 200 },
    )
  })
})

describe('wills', () => {
  const will = { topic: 'dead', payload: Buffer.from('offline'), qos: 1 as const, retain: true }

  it('go the way of other messages when a connection breaks, and are retained', async () => {
    const running = await place.start()
    const device = await running.client({ clientId: 'd', will, reconnectPeriod: 0 })
    device.stream.destroy()
    await eventually(() => expect(running.messages).toHaveLength(1))
    expect(running.messages[0]).toMatchObject({ topic: 'dead', qos: 1, retain: true, dup: false, packetId: null, clientId: 'd' })
    await eventually(() => expect(running.broker.stats().accepted.wills).toBe(1))
    expect(await subscribed(running, 'dead', 1)).toEqual([{ topic: 'dead', text: 'offline', retain: true, qos: 1 }])
  })

  it('of a fleet that is lost and back in one instant are all sent, each before the birth of the next connection', async () => {
    const running = await place.start()
    const ids = Array.from({ length: 100 }, (_, n) => `device-${n}`)
    const connectOne = async (clientId: string) => {
      const raw = await running.raw()
      await raw.connect({
        clientId,
        clean: false,
        will: { topic: `${clientId}/status`, payload: Buffer.from('offline'), qos: 1, retain: true },
      })
      raw.write({ cmd: 'publish', topic: `${clientId}/status`, payload: 'online', qos: 1, retain: true, dup: false, messageId: 1 })
      await raw.waitFor('puback')
      return raw
    }
    const first = await Promise.all(ids.map(connectOne))
    // Half are lost; the other half's connections are still there when the next ones come (takeover).
    for (const raw of first.filter((_, n) => n % 2 === 0)) raw.socket.resetAndDestroy()
    await Promise.all(ids.map(connectOne))
    await eventually(() => expect(running.messages).toHaveLength(300))
    for (const id of ids) {
      const said = running.messages.filter(({ clientId }) => clientId === id).map(({ payload }) => Buffer.from(payload).toString())
      expect(said).toEqual(['online', 'offline', 'online'])
    }
  })

  it('are not sent after a DISCONNECT, nor when the recorder itself stops', async () => {
    const { client, broker, messages } = await place.start()
    const polite = await client({ clientId: 'p', will })
    await polite.endAsync()
    await client({ clientId: 'd', will, reconnectPeriod: 0 })
    await broker.stop()
    expect(messages).toEqual([])
  })

  it('of MQTT 5 are sent after their delay, without the delay among their properties', async () => {
    const { client, messages } = await place.start()
    const reader = await client({ protocolVersion: 5 })
    await reader.subscribeAsync('dead')
    const arrived = new Promise((resolve) => reader.once('message', (_topic, _payload, packet) => resolve(packet.properties)))
    const properties = { willDelayInterval: 1, contentType: 'text/plain' }
    const own = { clientId: 'd', protocolVersion: 5 as const, properties: { sessionExpiryInterval: 60 }, reconnectPeriod: 0 }
    const device = await client({ ...own, will: { ...will, properties } })
    device.stream.destroy()
    expect(await arrived).toEqual({ contentType: 'text/plain' })
    expect(messages).toHaveLength(1)
  })

  it('with a topic that nobody may publish refuse the connection', async () => {
    const { raw, broker } = await place.start()
    const device = await raw()
    await device.connect({ will: { topic: 'a/#', payload: 'x', qos: 0, retain: false } })
    expect(device.packets).toMatchObject([{ cmd: 'connack', returnCode: 5 }])
    expect(broker.stats().refused['willTopic']).toBe(1)
  })
})

describe('live subscribers', () => {
  it('get messages by wildcards, with the retain flag cleared', async () => {
    const { client } = await place.start()
    const got: string[] = []
    const reader = await client()
    reader.on('message', (topic, _payload, { retain }) => got.push(`${topic} ${retain}`))
    await reader.subscribeAsync(['a/+/c', 'x/#'])
    const device = await client()
    for (const topic of ['a/b/c', 'a/b/d', 'x', 'x/y/z', 'y']) await device.publishAsync(topic, '1', { qos: 1, retain: true })
    await eventually(() => expect(got).toEqual(['a/b/c false', 'x false', 'x/y/z false']))
  })

  it('get messages of many publishers, none lost to the broker’s own numbering', async () => {
    const { client } = await place.start()
    let got = 0
    const persistent = await client({ clientId: 'keeper', clean: false })
    await persistent.subscribeAsync('k/#', { qos: 1 })
    const reader = await client()
    reader.on('message', () => got++)
    await reader.subscribeAsync('#')
    const devices = await Promise.all([1, 2, 3, 4].map(() => client()))
    // Some are kept for a session (and synced first), others not: they overtake each other.
    await Promise.all(
      devices.flatMap((device) => Array.from({ length: 100 }, (_, n) => device.publishAsync(n % 2 ? 'k/1' : 'l/1', 'x', { qos: 1 }))),
    )
    await eventually(() => expect(got).toBe(400))
  })
})
