/**
 * What every DeviceLink promises (`model/ports.ts`), run by each adapter's test with a device on the other side.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { DeviceLink, DeviceMessage } from '../model/ports.ts'

export type DeviceLinkHarness = {
  link: DeviceLink
  /** As a device with a persistent session; resolves when acknowledged, however often it had to be sent. */
  publish: (topic: string, payload: string, qos: 0 | 1 | 2, retain?: boolean) => Promise<void>
  /** As a device: calls back with each payload that comes on the topic. Resolves when subscribed. */
  subscribe: (topic: string, onPayload: (payload: string) => void) => Promise<void>
  close: () => Promise<void>
  /** QoS 2 as it arrives: an outside broker is asked for QoS 1 at most. Default 2. */
  qos2ArrivesAs?: 1 | 2
}

/** A busy machine may take its time. */
const patiently = { timeout: 15_000, interval: 10 }

export const deviceLinkContract = (name: string, start: () => Promise<DeviceLinkHarness>): void => {
  describe(`${name} as a device link`, () => {
    let harness: DeviceLinkHarness
    beforeEach(async () => {
      harness = await start()
    })
    afterEach(async () => {
      await harness.close()
    })
    const collect = (): DeviceMessage[] => {
      const messages: DeviceMessage[] = []
      harness.link.onMessage(async (message) => {
        messages.push(message)
      })
      return messages
    }

    it.each([0, 1, 2] as const)('hands over a QoS %i message whole', async (qos) => {
      const messages = collect()
      const beforeMs = Date.now()
      await harness.publish('a/b/c', 'payload', qos)
      await vi.waitFor(() => expect(messages).toHaveLength(1), patiently)
      const [message] = messages
      expect(message).toMatchObject({ topic: 'a/b/c', cutFromBytes: null, dup: false, retain: false, storedCopy: false })
      expect(Buffer.from(message?.payload ?? []).toString()).toBe('payload')
      expect(message?.qos).toBe(qos === 2 ? (harness.qos2ArrivesAs ?? 2) : qos)
      expect(message?.receivedAtMs).toBeGreaterThanOrEqual(beforeMs)
      expect(message?.packetId === null).toBe(qos === 0)
      expect(message?.clientId).not.toBe('')
    })

    it.each([1, 2] as const)('acknowledges a QoS %i message only after the handler has resolved', async (qos) => {
      let release: () => void = () => undefined
      const handed = new Promise<void>((resolve) => {
        harness.link.onMessage(() => {
          resolve()
          return new Promise((done) => {
            release = done
          })
        })
      })
      let acknowledged = false
      const published = harness.publish('a', 'x', qos).then(() => {
        acknowledged = true
      })
      await handed
      await new Promise((resolve) => setTimeout(resolve, 50)) // Time enough for an answer that must not come.
      expect(acknowledged).toBe(false)
      release()
      await published
    })

    it('hands a message over again after the handler rejected it', async () => {
      const seen: string[] = []
      harness.link.onMessage(async (message) => {
        seen.push(Buffer.from(message.payload).toString())
        if (seen.length === 1) throw new Error('the log is down')
      })
      await harness.publish('a', 'again', 1)
      expect(seen).toEqual(['again', 'again'])
    })

    it('hands over messages in the order in which they came', async () => {
      const messages = collect()
      const texts = Array.from({ length: 200 }, (_, n) => String(n))
      await Promise.all(texts.map((text) => harness.publish('a', text, 1)))
      expect(messages.map((m) => Buffer.from(m.payload).toString())).toEqual(texts)
    })

    it('sends to a subscribed device and does not take its own messages for a device’s', async () => {
      const messages = collect()
      const got: string[] = []
      await harness.subscribe('p/m/00-11-22-33-44-55/tasks/+/request', (payload) => got.push(payload))
      await harness.link.send('p/m/00-11-22-33-44-55/tasks/1/request', Buffer.from('do it'), 1)
      await vi.waitFor(() => expect(got).toEqual(['do it']), patiently)
      expect(messages).toEqual([])
    })

    it('says whether devices can reach it and when the last message came', async () => {
      collect()
      expect(harness.link.health()).toMatchObject({ connected: true, lastMessageAtMs: null })
      const beforeMs = Date.now()
      await harness.publish('a', 'x', 1)
      expect(harness.link.health().lastMessageAtMs).toBeGreaterThanOrEqual(beforeMs)
      expect(harness.link.health().connections).toBeGreaterThanOrEqual(1)
    })

    it('stops once, however often it is told', async () => {
      await Promise.all([harness.link.stop(), harness.link.stop()])
      await harness.link.stop()
      expect(harness.link.health().connected).toBe(false)
    })
  })
}
