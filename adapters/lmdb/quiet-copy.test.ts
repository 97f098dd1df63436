import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../system/clock-ids-digest.ts'
import { type Environment, openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'
import { copyWhenQuiet, whenQuiet } from './quiet-copy.ts'
import { createStageStore } from './stage-store.ts'

const record = { partition: 0, key: 'device', value: Buffer.from('event') }
const range = { topic: 'device-events', partition: 0, from: 0, to: 0 } as const

describe('a copy of the log at a quiet moment', () => {
  let dataDir: string
  let environment: Environment
  let log: ReturnType<typeof openEventLog>
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'quiet-'))
    environment = openEnvironment(dataDir)
    log = openEventLog({ environment, clock: systemClock, partitions: 1, diskFreeBytesMin: 0 })
    await log.append('device-events', [record])
  })
  afterEach(async () => {
    await log.close()
    await environment.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const nextIn = async (folder: string): Promise<number | undefined> => {
    const copy = openEnvironment(folder)
    const next = copy.bounds.get(['device-events', 0])?.next
    await copy.close()
    return next
  }

  it('holds what was appended before its moment and nothing after', async () => {
    let appended: Promise<number[]> | undefined
    const copy = await copyWhenQuiet(dataDir, join(dataDir, 'copy', 'log'), 5_000, async () => {
      appended = log.append('device-events', [record]) // Waits for the lock.
      return true
    })
    expect(await appended).toEqual([1])
    expect(copy).toMatchObject({ logId: log.logId, bounds: { 'device-events:0': { first: 0, next: 1 } } })
    expect(await nextIn(join(dataDir, 'copy'))).toBe(1)
  })

  it('waits until no range is pending, and gives up when one stays so', async () => {
    const store = createStageStore({ environment, group: 'device-stage', clock: systemClock })
    await store.begin(range)
    expect(await whenQuiet(environment, 100, async () => 'quiet')).toBe(null)
    const waiting = whenQuiet(environment, 5_000, async () => 'quiet')
    await store.finish({ range, states: new Map(), segments: [], tables: [], outputs: [] })
    expect(await waiting).toBe('quiet')
  })

  it('tries again when its caller saw an insert', async () => {
    let asked = 0
    expect(await copyWhenQuiet(dataDir, join(dataDir, 'copy', 'log'), 5_000, async () => ++asked === 3)).toMatchObject({ logId: log.logId })
    expect(asked).toBe(3)
  })
})
