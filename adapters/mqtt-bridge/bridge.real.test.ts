/** The bridge on a real Mosquitto: sessions, logins, retained copies, shared subscriptions, restarts of the broker. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { connectAsync, type MqttClient } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeviceMessage } from '../../model/ports.ts'
import type { AppError } from '../../runtime/errors.ts'
import { type MosquittoServer, startMosquitto } from '../../test/real/mosquitto-server.ts'
import { eventually } from '../mqtt/broker-harness.ts'
import { type BridgeOptions, startBridge } from './bridge.ts'

const limits = { payloadBytesMax: 64 * 1024, logPayloadBytesMax: 1024 * 1024, cutPayloadBytesKept: 4_096 }
const patiently = { timeout: 30_000, interval: 20 }

for (const protocol of ['3.1.1', '5'] as const) {
  describe(`the bridge on Mosquitto, MQTT ${protocol}`, () => {
    let folder: string
    let broker: MosquittoServer
    const ends: (() => Promise<unknown>)[] = []
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'bridge-real-'))
    })
    afterEach(async () => {
      for (const end of ends.splice(0).reverse()) await end()
      rmSync(folder, { recursive: true, force: true })
    })

    const startBroker = async (...lines: string[]): Promise<void> => {
      broker = await startMosquitto({ dir: join(folder, 'mosquitto'), lines })
      ends.push(() => broker.stop())
    }
    const bridgeWith = (own: Partial<BridgeOptions> = {}, address: Partial<BridgeOptions['address']> = {}) => {
      const messages: DeviceMessage[] = []
      const problems: AppError[] = []
      const link = startBridge({
        address: {
          url: broker.url,
          clientId: 'fleet-recorder',
          protocol,
          username: null,
          passwordFile: null,
          caFile: null,
          certFile: null,
          keyFile: null,
          persistent: true,
          ...address,
        },
        filters: ['+/+/#'],
        shareGroup: null,
        sessionFile: join(folder, 'session.json'),
        limits,
        isOwnTopic: (topic) => topic.endsWith('/request'),
        backOffMs: { first: 50, max: 500 },
        onProblem: (error) => problems.push(error),
        ...own,
      })
      ends.push(() => link.stop())
      link.onMessage(async (message) => void messages.push(message))
      return { link, messages, problems }
    }
    const device = async (options = {}): Promise<MqttClient> => {
      const client = await connectAsync(broker.url, { clientId: 'device', reconnectPeriod: 50, ...options })
      client.on('error', () => undefined)
      ends.push(() => client.endAsync(true))
      return client
    }
    const texts = (messages: DeviceMessage[]): string[] => messages.map(({ payload }) => Buffer.from(payload).toString())
    const connected = (link: { health: () => { connected: boolean } }): Promise<void> =>
      eventually(() => expect(link.health().connected).toBe(true), patiently)

    it.each([0, 1, 2] as const)('takes QoS %i, once', async (qos) => {
      await startBroker()
      const { link, messages } = bridgeWith()
      await connected(link)
      await (await device()).publishAsync('a/b/c', 'x', { qos })
      await eventually(() => expect(texts(messages)).toEqual(['x']), patiently)
      expect(messages[0]).toMatchObject({
        topic: 'a/b/c',
        qos: Math.min(qos, 1),
        dup: false,
        storedCopy: false,
        clientId: 'fleet-recorder',
      })
    })

    it('gets what came while it was away, in order', async () => {
      await startBroker()
      const first = bridgeWith()
      await connected(first.link)
      await first.link.stop()
      const client = await device()
      const sent = Array.from({ length: 100 }, (_, n) => String(n))
      for (const text of sent) await client.publishAsync('a/b/c', text, { qos: 1 })
      const second = bridgeWith()
      await eventually(() => expect(texts(second.messages)).toEqual(sent), patiently)
      expect(second.link.stats().session).toMatchObject({ connection: 2 })
    })

    it('gets again what the log did not take, marked as sent again', async () => {
      await startBroker()
      const { link } = bridgeWith()
      const seen: DeviceMessage[] = []
      link.onMessage(async (message) => {
        seen.push(message)
        if (seen.length === 1) throw new Error('the log is down')
      })
      await connected(link)
      await (await device()).publishAsync('a/b/c', 'x', { qos: 1 })
      await eventually(() => expect(seen).toHaveLength(2), patiently)
      expect(seen.map(({ dup, packetId, sessionId }) => ({ dup, packetId, sessionId }))).toEqual([
        { dup: false, packetId: seen[0]?.packetId, sessionId: seen[0]?.sessionId },
        { dup: true, packetId: seen[0]?.packetId, sessionId: seen[0]?.sessionId },
      ])
      expect(seen[1]?.connection).toBe((seen[0]?.connection ?? 0) + 1)
    })

    it('marks copies that the broker had kept, and gets none of them twice over a restart of its own', async () => {
      await startBroker()
      const client = await device()
      await client.publishAsync('a/b/status', 'online', { qos: 1, retain: true })
      const first = bridgeWith()
      await eventually(() => expect(first.messages).toHaveLength(1), patiently)
      expect(first.messages[0]).toMatchObject({ storedCopy: true, retain: false })
      await client.publishAsync('a/b/status', 'offline', { qos: 1, retain: true })
      await eventually(() => expect(first.messages).toHaveLength(2), patiently)
      expect(first.messages[1]).toMatchObject({ storedCopy: false, retain: false })
      await first.link.stop()
      const second = bridgeWith()
      await connected(second.link)
      await client.publishAsync('a/b/c', 'fresh', { qos: 1 })
      await eventually(() => expect(texts(second.messages)).toEqual(['fresh']), patiently)
    })

    it('loses nothing that it acknowledged or had to acknowledge when the broker is restarted', async () => {
      await startBroker()
      const { link, messages } = bridgeWith()
      await connected(link)
      const client = await device({ clean: false })
      const sent = Array.from({ length: 600 }, (_, n) => String(n))
      const published = Promise.all(sent.map((text) => client.publishAsync('a/b/c', text, { qos: 1 })))
      await eventually(() => expect(messages.length).toBeGreaterThan(100), patiently)
      await broker.stop()
      await broker.start()
      await published
      await eventually(() => expect(new Set(texts(messages)).size).toBe(sent.length), patiently)
    })

    it('shares the messages with another of its group, each message once, also after the broker was killed', async () => {
      await startBroker()
      const one = bridgeWith({ shareGroup: 'recorder', sessionFile: join(folder, 'one.json') }, { clientId: 'one' })
      const two = bridgeWith({ shareGroup: 'recorder', sessionFile: join(folder, 'two.json') }, { clientId: 'two' })
      await connected(one.link)
      await connected(two.link)
      const client = await device()
      const sent = Array.from({ length: 200 }, (_, n) => String(n))
      await Promise.all(sent.map((text) => client.publishAsync('a/b/c', text, { qos: 1 })))
      await eventually(() => expect(one.messages.length + two.messages.length).toBe(200), patiently)
      expect(new Set([...texts(one.messages), ...texts(two.messages)]).size).toBe(200)
      expect(Math.min(one.messages.length, two.messages.length)).toBeGreaterThan(0)
      await broker.kill()
      await broker.start()
      for (const { link } of [one, two]) {
        await eventually(() => expect(link.stats()).toMatchObject({ connected: true, connections: 2 }), patiently)
      }
      await client.publishAsync('a/b/c', 'after the kill', { qos: 1 })
      await eventually(() => expect([...texts(one.messages), ...texts(two.messages)]).toContain('after the kill'), patiently)
    })

    it('sends a request to a device and is not told of it', async () => {
      await startBroker()
      const { link, messages } = bridgeWith()
      await connected(link)
      const client = await device()
      const got: string[] = []
      client.on('message', (_topic, payload) => got.push(payload.toString()))
      await client.subscribeAsync('p/m/00-11-22-33-44-55/tasks/+/request', { qos: 1 })
      await link.send('p/m/00-11-22-33-44-55/tasks/1/request', Buffer.from('do it'), 1)
      await eventually(() => expect(got).toEqual(['do it']), patiently)
      await eventually(() => expect(link.stats().received.own).toBe(1), patiently)
      expect(messages).toEqual([])
    })

    it('logs in by name and password, and says when that was refused', async () => {
      const passwords = join(folder, 'passwords')
      const password = join(folder, 'password')
      execFileSync('mosquitto_passwd', ['-b', '-c', passwords, 'recorder', 'right'])
      writeFileSync(password, 'wrong\n')
      await startBroker('allow_anonymous false', `password_file ${passwords}`)
      const { link, problems } = bridgeWith({}, { username: 'recorder', passwordFile: password })
      await eventually(() => expect(problems[0]?.code).toBe('MQTT_LOGIN_REFUSED'), patiently)
      writeFileSync(password, 'right\n') // Read again at each connection.
      await connected(link)
    })
  })
}
