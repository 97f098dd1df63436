import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StageResult } from '../../model/ports.ts'
import { shortKey, shortKeyBytesMax } from './short-key.ts'
import { createStageStore, segmentsDroppedMax } from './stage-store.ts'
import { openTemporaryLog, type TemporaryLog } from './temporary-log.fixture.ts'

const result = (from: number, more: Partial<StageResult<string>> = {}): StageResult<string> => ({
  range: { topic: 'device-events', partition: 0, from, to: from },
  states: new Map(),
  segments: [],
  tables: [],
  outputs: [],
  ...more,
})

describe('stage store in LMDB', () => {
  let opened: TemporaryLog
  beforeEach(() => {
    opened = openTemporaryLog()
  })
  afterEach(() => opened.close())
  const createStore = () => createStageStore<string>({ environment: opened.environment, group: 'g', clock: { nowMs: () => 0 } })

  it('saves nothing of a result whose outputs name a partition that is not there', async () => {
    const store = createStore()
    const outputs = [{ topic: 'dead-letters' as const, records: [{ partition: 1, key: 'k', value: Buffer.from('x') }] }]
    await expect(store.finish(result(0, { states: new Map([['a', 'state']]), outputs }))).rejects.toThrow(
      /partition of dead-letters under 1, got 1/,
    )
    expect([store.get('device-events', 0, 'a'), await store.resume('device-events', 0)]).toEqual([
      undefined,
      { next: 0, repeatTo: null, lastRowOffsets: {} },
    ])
  })

  it('undoes a transaction that fails half-way', async () => {
    const store = createStore()
    await store.finish(result(0, { states: new Map([['a', 'before']]) }))
    const tooLong = 'n'.repeat(3000) // No LMDB key: fails after the states were put.
    const segments = [{ name: tooLong, put: { atMs: 1, bytes: Buffer.from('x') }, dropBeforeMs: 0 }]
    await expect(store.finish(result(1, { states: new Map([['a', 'after']]), segments }))).rejects.toThrow(/key size/i)
    expect([store.get('device-events', 0, 'a'), (await store.resume('device-events', 0)).next]).toEqual(['before', 1])
  })

  it('drops at most so many segments a time, the rest with the next', async () => {
    const store = createStore()
    const put = (atMs: number) => ({ name: 'identity', put: { atMs, bytes: new Uint8Array(1) }, dropBeforeMs: 0 })
    await store.finish(result(0, { segments: Array.from({ length: segmentsDroppedMax + 1 }, (_, n) => put(n)) }))
    const drop = { segments: [{ name: 'identity', put: null, dropBeforeMs: 1e9 }] }
    await store.finish(result(1, drop))
    expect(store.segments('device-events', 0, 'identity').map(({ atMs }) => atMs)).toEqual([segmentsDroppedMax])
    await store.finish(result(2, drop))
    expect(store.segments('device-events', 0, 'identity')).toEqual([])
  })

  it('keeps names of up to 900 bytes as they are, longer ones and those with NUL by digest', () => {
    const longest = 'x'.repeat(shortKeyBytesMax)
    expect(shortKey(longest)).toBe(longest)
    expect(shortKey(`${longest}x`)).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(shortKey('a\0b')).toMatch(/^sha256:[0-9a-f]{64}$/)
  })
})
