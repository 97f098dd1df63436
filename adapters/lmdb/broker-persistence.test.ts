import assert from 'node:assert' // The suite is written for the loose deepEqual of node:test.
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { limitsWith } from '../mqtt/limits.ts'
import type { StoredPacket } from './broker-packets.ts'
import { type BrokerPersistence, type BrokerStoreLimits, openBrokerPersistence } from './broker-persistence.ts'

const folders: string[] = []
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'broker-persistence-'))
  folders.push(path)
  return path
}
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true })
})

const make = (path = folder(), own: Partial<BrokerStoreLimits> = {}, nowMs?: () => number): BrokerPersistence =>
  openBrokerPersistence({ path, limits: { ...limitsWith(), ...own }, ...(nowMs ? { nowMs } : {}) })

type SuiteContext = { assert: typeof assert; plan: () => void; diagnostic: () => void }
type Suite = (options: {
  test: (title: string, run: (context: SuiteContext) => Promise<void>) => void
  persistence: () => BrokerPersistence
  testAsync: boolean
}) => void

describe("aedes' own persistence suite", () => {
  const suite = createRequire(import.meta.url)('aedes-persistence/abstract.js') as Suite
  const context: SuiteContext = { assert, plan: () => undefined, diagnostic: () => undefined }
  suite({
    test: (title, run) => it(title, () => run(context), 30_000),
    persistence: () => openBrokerPersistence({ path: folder(), limits: limitsWith(), keepIncomingPayloads: true }),
    testAsync: true,
  })
})

const packet = (topic: string, text: string, brokerCounter = 1): StoredPacket => ({
  cmd: 'publish',
  brokerId: 'a',
  brokerCounter,
  topic,
  payload: Buffer.from(text),
  qos: 1,
  retain: false,
  dup: false,
})
const open = (clientId: string, keepSeconds: number | null = null, resume = true) => ({ clientId, identity: 'me', resume, keepSeconds })
const topicsOf = async (stream: NodeJS.ReadableStream): Promise<string[]> => {
  const topics: string[] = []
  for await (const item of stream) topics.push((item as unknown as StoredPacket).topic)
  return topics
}

describe('broker persistence', () => {
  it('finds everything again after a restart', async () => {
    const path = folder()
    const first = make(path)
    const opened = await first.openSession(open('reader'))
    await first.addSubscriptions({ id: 'reader' }, [{ topic: 'a/+', qos: 1 }])
    await first.storeRetained({ ...packet('a/b', 'kept'), retain: true })
    await first.outgoingEnqueueCombi(first.matching('a/b'), packet('a/b', 'queued', 1))
    await first.outgoingEnqueueCombi(first.matching('a/c'), packet('a/c', 'queued', 2))
    await first.incomingStorePacket({ id: 'reader' }, { ...packet('x', 'y'), qos: 2, messageId: 9 })
    await first.destroy()

    const second = make(path)
    expect(await topicsOf(second.createRetainedStream('a/#'))).toEqual(['a/b'])
    expect(await topicsOf(second.outgoingStream({ id: 'reader' }))).toEqual(['a/b', 'a/c'])
    expect(second.matching('a/z').map((s) => s.clientId)).toEqual(['reader'])
    expect(second.hasIncoming('reader', 9)).toBe(true)
    expect(second.identityOf('reader')).toBe('me')
    expect(await second.openSession(open('reader'))).toEqual({ sessionId: opened.sessionId, connection: 2 })
    await second.destroy()
  })

  it('gives a session that is created anew another id and counts from 1 again', async () => {
    const store = make()
    const first = await store.openSession(open('c'))
    const second = await store.openSession(open('c', null, false))
    expect(second.connection).toBe(1)
    expect(second.sessionId).not.toBe(first.sessionId)
    expect(await store.openSession(open('c', 0, false))).toEqual({ sessionId: null, connection: 0 })
    expect(store.identityOf('c')).toBeUndefined()
    await store.destroy()
  })

  it('refuses to retain one topic more than the maximum and goes on replacing the others', async () => {
    const store = make(folder(), { retainedMessagesMax: 2 })
    for (const topic of ['a', 'b', 'c']) await store.storeRetained(packet(topic, 'x'))
    await store.storeRetained(packet('b', 'newer'))
    expect(await topicsOf(store.createRetainedStream('#'))).toEqual(['a', 'b'])
    expect(store.stats()['retainedRefused']).toBe(1)
    await store.destroy()
  })

  it('drops the newest message of a full queue', async () => {
    const store = make(folder(), { queuedPerSessionMax: 2 })
    await store.openSession(open('c'))
    for (const n of [1, 2, 3]) await store.outgoingEnqueue({ clientId: 'c' }, packet(`t${n}`, 'x', n))
    expect(await topicsOf(store.outgoingStream({ id: 'c' }))).toEqual(['t1', 't2'])
    expect(store.stats()).toMatchObject({ queueDropped: 1 })
    await store.destroy()
  })

  it('makes room for a new session by dropping the one that was away longest', async () => {
    let nowMs = 1_000
    const store = make(folder(), { sessionsMax: 2 }, () => nowMs)
    for (const id of ['a', 'b']) {
      await store.openSession(open(id))
      await store.closeSession(id, null)
      nowMs += 1_000
    }
    await store.openSession(open('c'))
    expect(['a', 'b', 'c'].map((id) => store.identityOf(id))).toEqual([undefined, 'me', 'me'])
    await store.destroy()
  })

  it('drops a session exactly when its time away is over, and never one that is connected', async () => {
    let nowMs = 0
    const store = make(folder(), {}, () => nowMs)
    await store.openSession(open('short', 10))
    await store.openSession(open('online', 10))
    await store.closeSession('short', 10)
    nowMs = 9_999
    await store.sweep()
    expect(store.identityOf('short')).toBe('me')
    nowMs = 10_000
    await store.sweep()
    expect(store.identityOf('short')).toBeUndefined()
    expect(store.identityOf('online')).toBe('me')
    await store.destroy()
  })

  it('writes a retained message that is equal to the kept one no second time, and never says kept before it is', async () => {
    let free = 1_000
    const path = folder()
    const store = openBrokerPersistence({ path, limits: limitsWith(), diskFreeBytesMin: 1_000, diskFreeBytes: () => free })
    const status = (text: string): StoredPacket => ({ ...packet('dwr/311-a1/x/status', text), retain: true })
    await store.storeRetained(status('online'))
    free = 0
    await store.storeRetained(status('online')) // Would be refused, were it written.
    const refused = { code: 'LOG_DISK_FULL' }
    const [offline, again] = [store.storeRetained(status('offline')), store.storeRetained(status('offline'))]
    await expect(offline).rejects.toMatchObject(refused)
    await expect(again).rejects.toMatchObject(refused)
    await expect(store.storeRetained({ ...status('online'), qos: 0 })).rejects.toMatchObject(refused)
    expect(store.stats()).toMatchObject({ retainedMessages: 1, writesFailed: 2 })
    await store.destroy()
    const reopened = make(path)
    expect(await topicsOf(reopened.createRetainedStream('dwr/+/+/status'))).toEqual(['dwr/311-a1/x/status'])
    await reopened.destroy()
  })

  it('keeps the byte count of queued and retained messages at what is there', async () => {
    const store = make()
    const empty = store.stats()
    await store.openSession(open('c'))
    await store.outgoingEnqueue({ clientId: 'c' }, packet('t', 'x', 1))
    await store.outgoingUpdate({ id: 'c' }, { ...packet('t', 'x', 1), messageId: 5 })
    await store.outgoingUpdate({ id: 'c' }, { cmd: 'pubrel', messageId: 5 } as StoredPacket)
    await store.outgoingClearMessageId({ id: 'c' }, { messageId: 5 })
    await store.storeRetained(packet('r', 'x'))
    await store.storeRetained(packet('r', ''))
    await store.dropSession('c')
    expect(store.stats()).toEqual(empty)
    await store.destroy()
  })
})
