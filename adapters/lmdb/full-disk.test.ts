import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { limitsWith } from '../mqtt/limits.ts'
import type { StoredPacket } from './broker-packets.ts'
import { openBrokerPersistence } from './broker-persistence.ts'
import { createLowWater } from './low-water.ts'
import { createStageStore } from './stage-store.ts'
import { openTemporaryLog } from './temporary-log.fixture.ts'

let dataDir = ''
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'full-disk-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

describe('a file that cannot grow', () => {
  it('ends no program: writes are refused, nothing is unhandled, memory and file agree, and freed pages are used again', async () => {
    // A limit on the size of files needs no privilege; at it, growing fails as on a full disk.
    const script = 'ulimit -S -f 16000 && exec "$0" adapters/lmdb/full-disk.fixture.ts "$1"'
    const { stdout } = await promisify(execFile)('sh', ['-c', script, process.execPath, dataDir])
    const { queuedWhenFull, queuedAtEnd, queuedAfterRestart, acceptedAgain, ...seen } = JSON.parse(stdout) as Record<string, unknown>
    const refused = ['LOG_DISK_FULL', 'LOG_DISK_FULL']
    expect(seen).toEqual({ unhandled: [], logRefusals: refused, queueRefusals: refused, retainedRefusals: refused })
    expect(queuedWhenFull).toBeGreaterThan(100)
    // How many removals find a page depends on the layout of the file; refused ones stay queued.
    expect(queuedAtEnd).toBeLessThan(queuedWhenFull as number)
    expect(acceptedAgain).toBeGreaterThan(0)
    expect(queuedAfterRestart).toBe(queuedAtEnd)
  }, 60_000)
})

describe('low-water mark', () => {
  it('stops what is new first, then the stages, then everything; room inside the file counts but for the last', () => {
    let free = 0
    let reusable = 0
    const { refusal } = createLowWater({ path: dataDir, diskFreeBytesMin: 1000, diskFreeBytes: () => free, reusableBytes: () => reusable })
    const allowed = (freeBytes: number, reusableBytes = 0): string[] => {
      free = freeBytes
      reusable = reusableBytes
      return (['accept', 'progress', 'anything'] as const).filter((what) => refusal(what) === undefined)
    }
    expect(allowed(1000)).toEqual(['accept', 'progress', 'anything'])
    expect(allowed(999)).toEqual(['progress', 'anything'])
    expect(allowed(500)).toEqual(['progress', 'anything'])
    expect(allowed(499)).toEqual(['anything'])
    expect(allowed(250)).toEqual(['anything'])
    expect(allowed(249)).toEqual([])
    expect(allowed(250, 749)).toEqual(['progress', 'anything'])
    expect(allowed(250, 750)).toEqual(['accept', 'progress', 'anything'])
    expect(allowed(249, 1e9)).toEqual([])
  })

  it('asks the file system when nobody else is named', () => {
    const path = dataDir
    expect(createLowWater({ path, diskFreeBytesMin: 1, reusableBytes: () => 0 }).refusal('accept')).toBeUndefined()
    expect(createLowWater({ path, diskFreeBytesMin: 1e18, reusableBytes: () => 0 }).refusal('anything')).toMatchObject({
      code: 'LOG_DISK_FULL',
      retryable: true,
    })
  })

  it('stops a stage before it writes, and the same range is taken when there is space', async () => {
    const opened = openTemporaryLog()
    let free = 499
    const environment = { ...opened.environment, reusableBytes: () => 0 }
    const clock = { nowMs: () => 0 }
    const store = createStageStore<string>({ environment, group: 'g', clock, diskFreeBytesMin: 1000, diskFreeBytes: () => free })
    const range = { topic: 'device-events' as const, partition: 0, from: 0, to: 0 }
    const finish = () => store.finish({ range, states: new Map([['a', 's']]), segments: [], tables: [], outputs: [] })
    await expect(store.begin(range)).rejects.toMatchObject({ code: 'LOG_DISK_FULL', retryable: true })
    await expect(finish()).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    free = 500
    await store.begin(range)
    await finish()
    expect(store.get('device-events', 0, 'a')).toBe('s')
    await opened.close()
  })

  it('stops the broker from keeping anything new; nothing of it stays in memory', async () => {
    let free = 1e9
    const store = openBrokerPersistence({
      path: join(dataDir, 'broker'),
      limits: limitsWith(),
      diskFreeBytesMin: 1e9,
      diskFreeBytes: () => free,
    })
    const packet: StoredPacket = { cmd: 'publish', topic: 't', payload: Buffer.from('x'), qos: 1, retain: true, dup: false }
    const away = [{ clientId: 'away', qos: 1 }]
    await store.openSession({ clientId: 'away', identity: '', resume: true, keepSeconds: null })
    await store.storeRetained(packet)
    const before = store.stats()
    free = 4e8
    await expect(store.enqueue(away, packet).synced).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    await expect(store.storeRetained({ ...packet, payload: Buffer.from('longer') })).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    await expect(store.storeRetained({ ...packet, topic: 'u' })).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    free = 0
    await expect(store.storeRetained({ ...packet, payload: Buffer.alloc(0) })).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    await expect(store.dropSession('away')).rejects.toMatchObject({ code: 'LOG_DISK_FULL' })
    await expect(store.openSession({ clientId: 'new', identity: '', resume: true, keepSeconds: 9 })).rejects.toMatchObject({
      code: 'LOG_DISK_FULL',
    })
    expect(store.stats()).toEqual({ ...before, writesFailed: 6 })
    expect([store.identityOf('away'), store.identityOf('new')]).toEqual(['', undefined])
    free = 1e9
    await store.enqueue(away, packet).synced
    await store.destroy()
  })

  it('keeps the id of a received QoS 2 message whose release cannot be written, and ends the connection', async () => {
    let free = 1e9
    const ended: string[] = []
    const options = { path: join(dataDir, 'broker'), limits: limitsWith(), diskFreeBytesMin: 1e9, diskFreeBytes: () => free }
    const store = openBrokerPersistence({ ...options, onWriteFailed: (clientId) => ended.push(clientId) })
    await store.openSession({ clientId: 'p', identity: '', resume: true, keepSeconds: null })
    const packet: StoredPacket = { cmd: 'publish', topic: 't', payload: Buffer.from('x'), qos: 2, retain: false, dup: false, messageId: 7 }
    await store.incomingStorePacket({ id: 'p' }, packet)
    free = 0
    await store.incomingDelPacket({ id: 'p' }, packet)
    expect([ended, store.hasIncoming('p', 7)]).toEqual([['p'], true])
    free = 1e9
    await store.incomingDelPacket({ id: 'p' }, packet)
    await store.destroy()
    const again = openBrokerPersistence(options)
    expect(again.hasIncoming('p', 7)).toBe(false)
    await again.destroy()
  })
})
