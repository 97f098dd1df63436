/** What every StageStore does. Run by each adapter's test with its own way to open one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventLog, StageResult, StageStore } from '../model/ports.ts'

export type State = { count: number; name: string | null; samples: number[]; bytes: Uint8Array; nested: Record<string, { at: number }> }
export type OpenedStore = { storeOf: (group: string) => StageStore<State>; log: EventLog; close: () => Promise<void> }
/** Opens an empty store beside a log with 2 partitions of device-events. */
export type OpenStore = () => Promise<OpenedStore>

const topic = 'device-events'
const state = (count: number): State => ({
  count,
  name: null,
  samples: [0.1, -1, 2 ** 40],
  bytes: Uint8Array.of(0, 255, count),
  nested: { 'cpu.user': { at: 1_767_600_000_000 } },
})
const plain = (value: State | undefined): unknown => value && { ...value, bytes: [...value.bytes] }
const result = (from: number, to: number, more: Partial<StageResult<State>> = {}): StageResult<State> => ({
  range: { topic, partition: 0, from, to },
  states: new Map(),
  segments: [],
  tables: [],
  outputs: [],
  ...more,
})

export const describeStageStore = (engine: string, open: OpenStore): void => {
  describe(`stage store, ${engine}`, () => {
    let opened: OpenedStore
    let store: StageStore<State>

    beforeEach(async () => {
      opened = await open()
      store = opened.storeOf('device-stage')
    })
    afterEach(() => opened.close())

    it('starts at 0 with nothing pending', async () => {
      expect(await store.resume(topic, 0)).toEqual({ next: 0, repeatTo: null, lastRowOffsets: {} })
      expect(store.get(topic, 0, 'device')).toBeUndefined()
      expect(store.segments(topic, 0, 'identity')).toEqual([])
    })

    it('says the pending range until it is finished, and takes the same one again', async () => {
      const range = { topic, partition: 0, from: 0, to: 9 } as const
      await store.begin(range)
      await store.begin(range)
      expect(await store.resume(topic, 0)).toEqual({ next: 0, repeatTo: 9, lastRowOffsets: {} })
      await store.finish(result(0, 9, { tables: ['messages', 'radio'] }))
      await store.finish(result(10, 12, { tables: ['messages'] }))
      expect(await store.resume(topic, 0)).toEqual({ next: 13, repeatTo: null, lastRowOffsets: { messages: 12, radio: 9 } })
    })

    it('says which tables of the pending range were held before it', async () => {
      await store.begin({ topic, partition: 0, from: 0, to: 9, held: ['messages', 'clock_observations'] })
      expect(await store.resume(topic, 0)).toEqual({
        next: 0,
        repeatTo: 9,
        repeatHeld: ['messages', 'clock_observations'],
        lastRowOffsets: {},
      })
      await store.finish(result(0, 9, { tables: ['messages'] }))
      await store.begin({ topic, partition: 0, from: 10, to: 11 })
      expect(await store.resume(topic, 0)).toEqual({ next: 10, repeatTo: 11, lastRowOffsets: { messages: 9 } })
    })

    it('refuses a range that does not go on, or that is not the pending one', async () => {
      await store.begin({ topic, partition: 0, from: 0, to: 9 })
      await expect(store.begin({ topic, partition: 0, from: 0, to: 8 })).rejects.toThrow(/from 0 to 9, got 0 to 8/)
      await expect(store.finish(result(1, 9, { states: new Map([['device', state(1)]]) }))).rejects.toThrow(/got 1 to 9/)
      expect(store.get(topic, 0, 'device')).toBeUndefined()
      await store.finish(result(0, 9))
      await expect(store.finish(result(0, 9))).rejects.toThrow(/from 10, got 0 to 9/)
    })

    it('keeps states that came about by no record, and its progress stays where it was', async () => {
      await store.finish(result(0, 4))
      await store.begin({ topic, partition: 0, from: 5, to: 7 })
      await store.put(topic, 0, new Map([['one', state(1)], ['two', state(2)]])) // biome-ignore format: one map
      await store.put(topic, 0, new Map([['one', null]]))
      expect([plain(store.get(topic, 0, 'one')), plain(store.get(topic, 0, 'two'))]).toEqual([undefined, plain(state(2))])
      expect(await store.resume(topic, 0)).toMatchObject({ next: 5, repeatTo: 7 })
    })

    it('keeps states by partition and key, and removes with null', async () => {
      await store.finish(
        result(0, 0, {
          states: new Map([
            ['a', state(1)],
            ['b', state(2)],
          ]),
        }),
      )
      expect([plain(store.get(topic, 0, 'a')), plain(store.get(topic, 0, 'b'))]).toEqual([plain(state(1)), plain(state(2))])
      expect(store.get(topic, 1, 'a')).toBeUndefined()
      await store.finish(
        result(1, 1, {
          states: new Map([
            ['a', null],
            ['b', state(3)],
          ]),
        }),
      )
      expect([plain(store.get(topic, 0, 'a')), plain(store.get(topic, 0, 'b'))]).toEqual([undefined, plain(state(3))])
    })

    it('gives a fresh copy each time', async () => {
      await store.finish(result(0, 0, { states: new Map([['a', state(1)]]) }))
      store.get(topic, 0, 'a')?.samples.push(99)
      expect(plain(store.get(topic, 0, 'a'))).toEqual(plain(state(1)))
    })

    it('takes state keys of any length', async () => {
      const long = 'world/'.repeat(2000)
      await store.finish(
        result(0, 0, {
          states: new Map([
            [long, state(1)],
            [`${long}x`, state(2)],
          ]),
        }),
      )
      expect([store.get(topic, 0, long)?.count, store.get(topic, 0, `${long}x`)?.count]).toEqual([1, 2])
    })

    it('keeps segments oldest first and drops those before a time, its own excluded', async () => {
      const put = (atMs: number) => ({ atMs, bytes: Uint8Array.of(atMs) })
      const segment = (atMs: number, dropBeforeMs: number) => ({ segments: [{ name: 'identity', put: put(atMs), dropBeforeMs }] })
      await store.finish(result(0, 0, segment(20, 0)))
      await store.finish(result(1, 1, segment(10, 0)))
      await store.finish(result(2, 2, segment(20, 0)))
      const ats = (name: string) => store.segments(topic, 0, name).map(({ atMs, bytes }) => [atMs, [...bytes]])
      expect(ats('identity')).toEqual([
        [10, [10]],
        [20, [20]],
        [20, [20]],
      ])
      expect(ats('other')).toEqual([])
      await store.finish(result(3, 3, segment(30, 20)))
      expect(ats('identity')).toEqual([
        [20, [20]],
        [20, [20]],
        [30, [30]],
      ])
      await store.finish(result(4, 4, { segments: [{ name: 'identity', put: null, dropBeforeMs: 31 }] }))
      expect(ats('identity')).toEqual([])
    })

    it('appends outputs to the log, after what is there, in one step with the rest', async () => {
      await opened.log.append('dead-letters', [{ partition: 0, key: 'k', value: Buffer.from('before') }])
      const records = [{ partition: 0, key: 'k', value: Buffer.from('output') }]
      await store.finish(result(0, 0, { outputs: [{ topic: 'dead-letters', records }] }))
      expect(await opened.log.append('dead-letters', [{ partition: 0, key: 'k', value: Buffer.from('after') }])).toEqual([2])
      const texts: string[] = []
      for await (const { value } of opened.log.read('dead-letters', 0, 0, 9)) texts.push(Buffer.from(value).toString())
      expect(texts).toEqual(['before', 'output', 'after'])
    })

    it('keeps groups apart', async () => {
      await store.finish(result(0, 5, { states: new Map([['a', state(1)]]) }))
      const other = opened.storeOf('dead-letter-stage')
      expect(await other.resume(topic, 0)).toEqual({ next: 0, repeatTo: null, lastRowOffsets: {} })
      expect(other.get(topic, 0, 'a')).toBeUndefined()
    })
  })
}
