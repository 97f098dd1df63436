/** What the bridge counts on at an outside broker, as a suite that is run on each real one. What a broker does otherwise is said by its test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { DeviceMessage } from '../../model/ports.ts'
import type { RealBroker } from '../../test/real/java-broker.ts'
import { eventually } from '../mqtt/broker-harness.ts'
import { type BridgeOptions, startBridge } from './bridge.ts'

/** Where a broker departs from the standard or from what others do; measured, and told in docs/reference/brokers.md. */
export type BrokerQuirks = {
  /** Retained copies come with RETAIN=0, as if they were fresh. */
  unmarkedCopies?: true
  /** `$share` subscriptions bring nothing. */
  withoutShare?: true
}

const limits = { payloadBytesMax: 64 * 1024, logPayloadBytesMax: 1024 * 1024, cutPayloadBytesKept: 4_096 }
const patiently = { timeout: 60_000, interval: 20 }

export const bridgeOnBroker = (
  name: string,
  protocols: readonly ('3.1.1' | '5')[],
  startBroker: (dir: string) => Promise<RealBroker>,
  quirks: BrokerQuirks = {},
): void => {
  const folder = mkdtempSync(join(tmpdir(), 'bridge-on-broker-'))
  let broker: RealBroker
  /** Each test has topics and sessions of its own: starting such a broker takes seconds. */
  let round = 0
  beforeAll(async () => {
    broker = await startBroker(join(folder, 'broker'))
  })
  afterAll(async () => {
    await broker.kill() // What it would still write goes with the folder.
    rmSync(folder, { recursive: true, force: true })
  })

  describe.each(protocols)(`the bridge on ${name}, MQTT %s`, (protocol) => {
    const ends: (() => Promise<unknown>)[] = []
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      round++
    })

    const topic = (rest = 'b/c'): string => `test${round}/${rest}`
    const bridgeWith = (own: Partial<BridgeOptions> = {}, client = 'recorder') => {
      const messages: DeviceMessage[] = []
      const clientId = `${client}${round}`
      const link = startBridge({
        address: {
          url: broker.url,
          clientId,
          protocol,
          username: null,
          passwordFile: null,
          caFile: null,
          certFile: null,
          keyFile: null,
          persistent: true,
        },
        filters: [topic('#')],
        shareGroup: null,
        sessionFile: join(folder, `${clientId}.json`),
        limits,
        backOffMs: { first: 50, max: 500 },
        ...own,
      })
      ends.push(() => link.stop())
      link.onMessage(async (message) => void messages.push(message))
      return { link, messages }
    }
    const device = async (): Promise<MqttClient> => {
      const client = await connectAsync(broker.url, { clientId: `device${round}`, reconnectPeriod: 50 })
      client.on('error', () => undefined)
      ends.push(() => client.endAsync(true))
      return client
    }
    const connected = (link: { health: () => { connected: boolean } }): Promise<void> =>
      eventually(() => expect(link.health().connected).toBe(true), patiently)
    const texts = (messages: readonly DeviceMessage[]): string[] => messages.map(({ payload }) => Buffer.from(payload).toString())

    it.each([0, 1, 2] as const)('takes QoS %i, once', async (qos) => {
      const { link, messages } = bridgeWith()
      await connected(link)
      await (await device()).publishAsync(topic(), 'x', { qos })
      await eventually(() => expect(texts(messages)).toEqual(['x']), patiently)
      expect(messages[0]).toMatchObject({ topic: topic(), qos: Math.min(qos, 1), dup: false, storedCopy: false })
    })

    it('gets what came while it was away, in order', async () => {
      const first = bridgeWith()
      await connected(first.link)
      await first.link.stop()
      const client = await device()
      const sent = Array.from({ length: 100 }, (_, n) => String(n))
      for (const text of sent) await client.publishAsync(topic(), text, { qos: 1 })
      const second = bridgeWith()
      await eventually(() => expect(texts(second.messages)).toEqual(sent), patiently)
      expect(second.link.stats().session).toMatchObject({ connection: 2 })
    })

    it('gets again what the log did not take, marked as sent again', async () => {
      const { link } = bridgeWith()
      const seen: DeviceMessage[] = []
      link.onMessage(async (message) => {
        seen.push(message)
        if (seen.length === 1) throw new Error('the log is down')
      })
      await connected(link)
      await (await device()).publishAsync(topic(), 'x', { qos: 1 })
      await eventually(() => expect(seen).toHaveLength(2), patiently)
      expect(seen.map(({ dup }) => dup)).toEqual([false, true])
      expect(seen[1]).toMatchObject({ packetId: seen[0]?.packetId, sessionId: seen[0]?.sessionId })
    })

    it(
      quirks.unmarkedCopies ? 'cannot tell copies that the broker had kept from fresh messages' : 'marks copies that the broker had kept',
      async () => {
        const client = await device()
        await client.publishAsync(topic('status'), 'online', { qos: 1, retain: true })
        const { messages } = bridgeWith()
        await eventually(() => expect(texts(messages)).toEqual(['online']), patiently)
        expect(messages[0]).toMatchObject({ storedCopy: quirks.unmarkedCopies !== true })
        await client.publishAsync(topic('status'), 'offline', { qos: 1, retain: true })
        await eventually(() => expect(texts(messages)).toEqual(['online', 'offline']), patiently)
        expect(messages[1]).toMatchObject({ storedCopy: false })
      },
    )

    it(
      quirks.withoutShare ? 'gets nothing as a member of a group' : 'shares the messages with another of its group, each message once',
      async () => {
        const share = { shareGroup: `group${round}` }
        const one = bridgeWith(share, 'one')
        const two = bridgeWith(share, 'two')
        const alone = bridgeWith({}, 'alone')
        for (const { link } of [one, two, alone]) await connected(link)
        const client = await device()
        const sent = Array.from({ length: 200 }, (_, n) => String(n))
        for (const text of sent) await client.publishAsync(topic(), text, { qos: 1 })
        await eventually(() => expect(alone.messages).toHaveLength(200), patiently)
        if (quirks.withoutShare) {
          expect([...one.messages, ...two.messages]).toEqual([])
          return
        }
        await eventually(() => expect(one.messages.length + two.messages.length).toBe(200), patiently)
        expect(new Set([...texts(one.messages), ...texts(two.messages)]).size).toBe(200)
      },
    )
  })
}
