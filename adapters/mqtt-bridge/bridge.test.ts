import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeviceMessage } from '../../model/ports.ts'
import type { AppError } from '../../runtime/errors.ts'
import { deviceLinkContract } from '../device-link.contract.ts'
import { eventually } from '../mqtt/broker-harness.ts'
import { type Bridge, type BridgeOptions, startBridge } from './bridge.ts'
import { type FakeBroker, type FakeBrokerOptions, startFakeBroker } from './fake-broker.ts'

const limits = { payloadBytesMax: 64 * 1024, logPayloadBytesMax: 1024 * 1024, cutPayloadBytesKept: 4_096 }
const isOwnTopic = (topic: string): boolean => topic.endsWith('/request')

const optionsFor = (url: string, folder: string, own: Partial<BridgeOptions> & { protocol?: '3.1.1' | '5' } = {}): BridgeOptions => ({
  address: {
    url,
    clientId: 'fleet-recorder',
    protocol: own.protocol ?? '5',
    username: null,
    passwordFile: null,
    caFile: null,
    certFile: null,
    keyFile: null,
    persistent: true,
  },
  filters: ['#'],
  shareGroup: null,
  sessionFile: join(folder, 'session.json'),
  limits,
  isOwnTopic,
  backOffMs: { first: 5, max: 20 },
  ...own,
})

for (const protocol of ['3.1.1', '5'] as const) {
  deviceLinkContract(`the bridge (MQTT ${protocol})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bridge-'))
    const broker = await startFakeBroker()
    const link = startBridge(optionsFor(broker.url, folder, { protocol }))
    link.onMessage(async () => undefined)
    await eventually(() => expect(link.health().connected).toBe(true))
    return {
      link,
      qos2ArrivesAs: 1,
      publish: (topic, payload, qos, retain = false) => broker.publish(topic, payload, { qos: qos === 2 ? 1 : qos, retain }),
      subscribe: async (_filter, onPayload) => {
        void eventually(() => {
          const [message] = broker.published
          if (!message) throw new Error('nothing was published')
          onPayload(message.payload.toString())
          // A filter like # brings it back to the bridge.
          return broker.publish(message.topic, message.payload.toString())
        })
      },
      close: async () => {
        await link.stop()
        await broker.close()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  })
}

describe('bridge', () => {
  let folder: string
  const ends: (() => Promise<unknown>)[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bridge-'))
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    rmSync(folder, { recursive: true, force: true })
  })

  const brokerWith = async (options: FakeBrokerOptions = {}): Promise<FakeBroker> => {
    const broker = await startFakeBroker(options)
    ends.push(broker.close)
    return broker
  }
  const bridgeTo = (broker: FakeBroker, own: Partial<BridgeOptions> & { protocol?: '3.1.1' | '5' } = {}) => {
    const problems: AppError[] = []
    const messages: DeviceMessage[] = []
    const link: Bridge = startBridge(optionsFor(broker.url, folder, { onProblem: (error) => problems.push(error), ...own }))
    ends.push(link.stop)
    return { link, problems, messages, collect: () => link.onMessage(async (message) => void messages.push(message)) }
  }
  const connected = (link: Bridge): Promise<void> => eventually(() => expect(link.health().connected).toBe(true))

  it('asks for a session that lasts, under a fixed name, and for QoS 1 with retained copies of new subscriptions only', async () => {
    const broker = await brokerWith()
    const { link, collect } = bridgeTo(broker, { filters: ['a/#', 'b/+'] })
    collect()
    await connected(link)
    expect(broker.connects[0]).toMatchObject({
      clientId: 'fleet-recorder',
      clean: false,
      protocolVersion: 5,
      keepalive: 60,
      properties: { sessionExpiryInterval: 604_800, receiveMaximum: 4_000, maximumPacketSize: 16_777_216 },
    })
    expect(broker.subscriptions[0]?.subscriptions).toEqual([
      { topic: 'a/#', qos: 1, nl: false, rap: false, rh: 1 },
      { topic: 'b/+', qos: 1, nl: false, rap: false, rh: 1 },
    ])
    expect(link.stats().granted).toEqual([
      { filter: 'a/#', qos: 1 },
      { filter: 'b/+', qos: 1 },
    ])
  })

  it('takes its share of a group', async () => {
    const broker = await brokerWith()
    const { link, collect } = bridgeTo(broker, { filters: ['a/#'], shareGroup: 'recorder' })
    collect()
    await connected(link)
    expect(broker.subscriptions[0]?.subscriptions.map(({ topic }) => topic)).toEqual(['$share/recorder/a/#'])
  })

  it('asks for its share at each connection, also in a session that the broker kept: it may have forgotten the group', async () => {
    const broker = await brokerWith({ sessionPresent: (connection) => connection > 1 })
    const { link, collect } = bridgeTo(broker, { filters: ['a/#'], shareGroup: 'recorder' })
    collect()
    await connected(link)
    broker.cut()
    await eventually(() => expect(broker.subscriptions).toHaveLength(2))
    await connected(link)
    expect(broker.subscriptions[1]?.subscriptions.map(({ topic }) => topic)).toEqual(['$share/recorder/a/#'])
    expect(link.stats().granted).toEqual([{ filter: '$share/recorder/a/#', qos: 1 }])
    expect(link.stats().session).toMatchObject({ connection: 2, filters: ['$share/recorder/a/#'] })
  })

  it('subscribes no second time in a session that the broker kept, but takes in a changed list', async () => {
    const broker = await brokerWith()
    const first = bridgeTo(broker, { filters: ['a', 'b'] })
    first.collect()
    await connected(first.link)
    broker.cut()
    await eventually(() => expect(broker.connects).toHaveLength(2))
    await connected(first.link)
    expect(broker.subscriptions).toHaveLength(1)
    await first.link.stop()
    const second = bridgeTo(broker, { filters: ['b', 'c'] })
    second.collect()
    await connected(second.link)
    expect(broker.subscriptions[1]?.subscriptions.map(({ topic }) => topic)).toEqual(['c'])
    expect(broker.packets.filter(({ cmd }) => cmd === 'unsubscribe')).toMatchObject([{ unsubscriptions: ['a'] }])
  })

  it('counts the connections of one session over its own restarts, and starts anew with a new session', async () => {
    const broker = await brokerWith({ sessionPresent: (connection) => connection > 1 && connection !== 3 })
    const first = bridgeTo(broker)
    first.collect()
    await connected(first.link)
    const { id } = first.link.stats().session ?? { id: '' }
    await first.link.stop()
    const second = bridgeTo(broker)
    second.collect()
    await connected(second.link)
    expect(second.link.stats().session).toEqual({ id, connection: 2, filters: ['#'] })
    broker.cut()
    await eventually(() => expect(second.link.stats().session).toMatchObject({ connection: 1, filters: ['#'] }))
    expect(second.link.stats().session?.id).not.toBe(id)
  })

  it('takes no first connection for certain when the broker knows a session that the file does not', async () => {
    writeFileSync(join(folder, 'session.json'), '{"id": 7')
    const broker = await brokerWith({ sessionPresent: () => true })
    const { link, collect } = bridgeTo(broker)
    collect()
    await connected(link)
    expect(link.stats().session).toMatchObject({ connection: 2, filters: ['#'] })
    expect(JSON.parse(readFileSync(join(folder, 'session.json'), 'utf8'))).toEqual(link.stats().session)
  })

  it('hands over what comes with the CONNACK, as redelivered in the second connection, and acknowledges it', async () => {
    const broker = await brokerWith()
    const { link, messages } = bridgeTo(broker)
    let isDown = true
    link.onMessage(async (message) => {
      if (isDown) throw new Error('the log is down')
      messages.push(message)
    })
    await connected(link)
    const published = broker.publish('a', 'x', { messageId: 77 })
    await eventually(() => expect(link.stats().droppedOnPurpose).toBeGreaterThan(0))
    isDown = false
    await published
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatchObject({ topic: 'a', qos: 1, dup: true, packetId: 77, clientId: 'fleet-recorder' })
    expect(messages[0]?.connection).toBeGreaterThan(1)
    expect(messages[0]?.sessionId).toBe(link.stats().session?.id)
  })

  it('acknowledges nothing of an earlier connection on a later one', async () => {
    const broker = await brokerWith()
    const { link } = bridgeTo(broker)
    const gates: (() => void)[] = []
    link.onMessage(() => new Promise((resolve) => gates.push(resolve)))
    await connected(link)
    void broker.publish('a', 'x', { messageId: 5 })
    await eventually(() => expect(gates).toHaveLength(1))
    broker.cut()
    await eventually(() =>
      expect(link.health()).toMatchObject({
        connected: false,
        waitsFor: 'the log has not taken 1 messages of the last connection',
        outside: { broker: broker.url, clientId: 'fleet-recorder', fault: 'our-bridge' },
      }),
    )
    gates[0]?.() // It comes back only now, when nothing is in hand.
    await eventually(() => expect(gates).toHaveLength(2))
    expect(broker.acknowledged).toEqual([])
    gates[1]?.()
    await eventually(() => expect(broker.acknowledged).toEqual([5]))
  })

  it('reads no more than its window, and leaves on purpose when that stays full', async () => {
    const broker = await brokerWith()
    let nowMs = 0
    const { link } = bridgeTo(broker, { messagesMax: 10, fullForMsMax: 30_000, nowMs: () => nowMs })
    const gates: (() => void)[] = []
    link.onMessage(() => new Promise((resolve) => gates.push(resolve)))
    await connected(link)
    const published = Array.from({ length: 25 }, (_, n) => broker.publish('a', String(n)))
    await eventually(() => expect(gates).toHaveLength(10))
    expect(link.stats().waiting.messages).toBe(10)
    nowMs = 30_000
    await eventually(() => expect(link.stats().droppedOnPurpose).toBe(1))
    expect(gates).toHaveLength(10)
    // The log answers again: it comes back, and everything is handed over and acknowledged.
    for (const release of gates.splice(0)) release()
    let done = false
    void Promise.all(published).then(() => (done = true))
    await eventually(() => {
      for (const release of gates.splice(0)) release()
      expect(done).toBe(true)
    })
  })

  it('acknowledges a batch with one write', async () => {
    const broker = await brokerWith()
    const { link } = bridgeTo(broker)
    const gates: (() => void)[] = []
    link.onMessage(() => new Promise((resolve) => gates.push(resolve)))
    await connected(link)
    const published = Array.from({ length: 500 }, (_, n) => broker.publish('a', String(n)))
    await eventually(() => expect(gates).toHaveLength(500))
    for (const release of gates) release()
    await Promise.all(published)
    expect(broker.ackReads()).toBe(1)
  })

  it('marks retained copies of the broker as such', async () => {
    const broker = await brokerWith()
    const { link, messages, collect } = bridgeTo(broker)
    collect()
    await connected(link)
    await broker.publish('a', 'old', { retain: true })
    expect(messages).toMatchObject([{ retain: false, storedCopy: true }])
  })

  it.each([
    ['a', 65_536, null],
    ['a', 65_537, 65_537],
    ['p/m/00-11-22-33-44-55/log/syslog', 1_048_576, null],
    ['p/m/00-11-22-33-44-55/log/syslog', 1_048_577, 1_048_577],
  ])('cuts what is too long: %s with %i bytes', async (topic, bytes, cutFromBytes) => {
    const broker = await brokerWith()
    const { link, messages, collect } = bridgeTo(broker)
    collect()
    await connected(link)
    await broker.publish(topic, 'x'.repeat(bytes))
    expect(messages[0]?.cutFromBytes).toBe(cutFromBytes)
    expect(messages[0]?.payload.length).toBe(cutFromBytes === null ? bytes : 4_096)
  })

  it('names the topic that was refused, is not ready, and takes messages of the others', async () => {
    const broker = await brokerWith({ grant: (filter) => (filter === 'b/#' ? 0x80 : 1) })
    const { link, problems, messages, collect } = bridgeTo(broker, { filters: ['a/#', 'b/#'] })
    collect()
    await eventually(() => expect(problems).toHaveLength(1))
    expect(problems[0]).toMatchObject({ code: 'MQTT_SUBSCRIPTION_REFUSED', message: `Expected ${broker.url} to grant b/#; it refused` })
    expect(link.health()).toMatchObject({
      connected: false,
      waitsFor: `${broker.url} grants not all of a/#, b/#`,
      outside: { fault: 'our-bridge' },
    })
    await broker.publish('a/b', 'x')
    expect(messages).toHaveLength(1)
  })

  it('says when QoS 1 was not granted', async () => {
    const broker = await brokerWith({ grant: () => 0 })
    const { link, problems, collect } = bridgeTo(broker, { filters: ['a/#'] })
    collect()
    await connected(link)
    expect(problems[0]?.message).toBe('Expected QoS 1 for a/#, got QoS 0: what is lost on the way to us is not sent again')
  })

  it.each([
    ['5', 0x86, 'MQTT_LOGIN_REFUSED'],
    ['3.1.1', 5, 'MQTT_LOGIN_REFUSED'],
    ['5', 0x88, 'MQTT_UNAVAILABLE'],
  ] as const)('says what the broker refused, and comes again (MQTT %s, code %i)', async (protocol, code, expected) => {
    let refusing = true
    const broker = await brokerWith({ connackCode: () => (refusing ? code : 0) })
    const { link, problems, collect } = bridgeTo(broker, { protocol })
    collect()
    await eventually(() => expect(problems.length).toBeGreaterThan(1))
    expect(problems[0]?.code).toBe(expected)
    expect(link.health().outside?.fault).toBe(expected === 'MQTT_LOGIN_REFUSED' ? 'our-bridge' : 'broker')
    refusing = false
    await connected(link)
  })

  it('stops in order: acknowledges what is in hand, then says DISCONNECT', async () => {
    const broker = await brokerWith()
    const { link } = bridgeTo(broker)
    let release: () => void = () => undefined
    const handed = new Promise<void>((resolve) => {
      link.onMessage(() => {
        resolve()
        return new Promise((done) => (release = done))
      })
    })
    await connected(link)
    void broker.publish('a', 'x', { messageId: 3 })
    await handed
    const stopped = link.stop()
    release()
    await stopped
    await eventually(() => expect(broker.packets.at(-1)?.cmd).toBe('disconnect'))
    expect(broker.acknowledged).toEqual([3])
  })
})
