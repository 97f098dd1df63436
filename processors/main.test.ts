import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../model/event.ts'
import { createMemoryLog, type MemoryLog } from '../adapters/memory/memory-log.ts'
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import {
  alarmCodec,
  arrivalMs,
  createFakeWarehouse,
  deadLetterCodec,
  eventCodec,
  eventOf,
  fleetCodec,
  readingsOf,
  rulesEvent,
  tickOf,
} from '../test/stage-fakes.ts'
import { AppError } from '../runtime/errors.ts'
import { failingFrom, type ProcessorsDeps, startProcessors } from './main.ts'

const until = async (holds: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !holds(); ) {
    if (performance.now() > end) throw new Error('waited 10 s in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const createDeps = () => {
  const log = createMemoryLog({ clock: { nowMs: () => Date.now() }, partitions: 1 })
  const warehouse = createFakeWarehouse(() => log.logId)
  const deps: ProcessorsDeps = {
    log,
    warehouse,
    createStore: (group) => createMemoryStageStore({ group, log }),
    codec: eventCodec,
    decodeDeadLetter: deadLetterCodec.decode,
    encodeDeadLetter: deadLetterCodec.encode,
    encodeAlarm: alarmCodec.encode,
    encodeSignal: fleetCodec.encode,
    decodeSignal: fleetCodec.decode,
    digest: md5,
    tenant: 'main',
    limits: { batchAfterMs: 10 },
    onError: () => undefined,
    onCount: () => undefined,
  }
  const append = (event: DeviceEvent) =>
    log.append('device-events', [{ partition: 0, key: 'k', value: Uint8Array.from(eventCodec.encode(event)) }])
  return { deps, append }
}

describe('processors', () => {
  it('turn events of every partition into rows, tell lag and completeness, and go on where they stopped', async () => {
    const log = createMemoryLog({ clock: { nowMs: () => Date.now() }, partitions: 2 })
    const warehouse = createFakeWarehouse(() => log.logId)
    const stores = new Map<string, unknown>()
    const createStore: ProcessorsDeps['createStore'] = <S>(group: string) => {
      const store = stores.get(group) ?? createMemoryStageStore<S>({ group, log })
      stores.set(group, store)
      return store as ReturnType<typeof createMemoryStageStore<S>>
    }
    const counts: Record<string, number> = {}
    const errors: unknown[] = []
    let refusals = 1
    const deps: ProcessorsDeps = {
      log,
      warehouse: {
        ...warehouse,
        insert: async (...args) => {
          if (refusals-- > 0) throw new Error('the warehouse is away')
          await warehouse.insert(...args)
        },
      },
      createStore,
      codec: eventCodec,
      decodeDeadLetter: deadLetterCodec.decode,
      encodeDeadLetter: deadLetterCodec.encode,
      encodeAlarm: alarmCodec.encode,
      encodeSignal: fleetCodec.encode,
      decodeSignal: fleetCodec.decode,
      digest: md5,
      tenant: 'main',
      limits: { batchAfterMs: 10 },
      onError: (error, where) => errors.push([error.message, where.stage]),
      onCount: (what, label, by) => (counts[`${what} ${label}`] = (counts[`${what} ${label}`] ?? 0) + by),
    }
    const append = async (partition: number, ...frames: Uint8Array[]): Promise<unknown> =>
      log.append(
        'device-events',
        frames.map((value) => ({ partition, key: 'k', value: Uint8Array.from(value) })),
      )
    const processors = await startProcessors(deps)
    expect(processors.completeThroughMs()).toBe(null)
    await append(0, eventCodec.encode(eventOf({ bodies: [readingsOf(1)] })), Uint8Array.of(7))
    await append(0, eventCodec.encode(tickOf(arrivalMs + 5_000)))
    await append(1, eventCodec.encode(tickOf(arrivalMs + 4_000)))
    await until(
      () => processors.completeThroughMs() === arrivalMs + 4_000 && counts['rows dead_letters'] === 1 && processors.lagRecords() === 0,
    )
    expect(errors).toEqual([['the warehouse is away', 'device-stage']])
    expect(counts).toMatchObject({
      'rows measurements': 1,
      'rows messages': 3,
      'outcomes stored': 1,
      'outcomes undecodable': 1,
      'outcomes tick': 2,
    })
    await processors.stop()
    await processors.stop()

    await append(1, eventCodec.encode(eventOf({ bodies: [readingsOf(2)] })))
    const again = await startProcessors(deps)
    await until(() => counts['rows measurements'] === 2)
    await again.stop()
    expect(warehouse.rows['messages']).toHaveLength(4)
  })

  it('rows that the warehouse refuses are told with since when and why, other failures are not, and how far each group is behind', async () => {
    const { deps, append } = createDeps()
    let nowMs = arrivalMs + 10_000
    let failure: Error | null = new Error('not of the warehouse')
    const insert: typeof deps.warehouse.insert = async (...args) => {
      if (failure !== null) throw failure
      await deps.warehouse.insert(...args)
    }
    const failed: string[] = []
    const processors = await startProcessors({
      ...deps,
      clock: { nowMs: () => nowMs },
      warehouse: { ...deps.warehouse, insert },
      onError: (error) => failed.push(error.message),
    })
    await append(tickOf(arrivalMs + 5_000))
    await until(() => failed.length > 0)
    expect(processors.refused()).toEqual([])
    failure = new AppError('WAREHOUSE_REFUSED', 'Too many parts')
    nowMs += 1_000
    await until(() => failed.includes('Too many parts'))
    expect(processors.refused()).toEqual([{ stage: 'device-stage', partition: 0, sinceMs: arrivalMs + 11_000, why: 'Too many parts' }])
    // What the device stage has finished is not known before its first tick is.
    expect(processors.readers()).toEqual([
      { group: 'dead-letter-sink', lagMs: 0 },
      { group: 'fleet-stage', lagMs: 0 },
    ])
    failure = null
    await until(() => processors.refused().length === 0 && processors.lagRecords() === 0)
    failure = new AppError('WAREHOUSE_REFUSED', 'Too many parts')
    await append(tickOf(arrivalMs + 7_000))
    await until(() => processors.refused().length === 1)
    // The last tick that was finished lies before our start: since then it is behind, as far as is known.
    expect(processors.readers()[0]).toEqual({ group: 'device-stage', lagMs: 1_000 })
    failure = null
    await processors.stop()
  })

  it('a batch that is refused again and again is told from its third failure on, until it passes', async () => {
    const { deps, append } = createDeps()
    let refused = 0
    let letPass: () => void = () => undefined
    const passing = new Promise<void>((resolve) => (letPass = resolve))
    const insert: typeof deps.warehouse.insert = async (...args) => {
      if (args[0] === 'messages' && ++refused <= failingFrom) throw new Error('refused')
      if (args[0] === 'messages') await passing
      await deps.warehouse.insert(...args)
    }
    const told: number[] = []
    const processors: { failing: () => unknown[]; stop: () => Promise<void> } = await startProcessors({
      ...deps,
      warehouse: { ...deps.warehouse, insert },
      onError: () => told.push(processors.failing().length),
    })
    await append(eventOf({ bodies: [readingsOf(1)] }))
    await until(() => refused === failingFrom + 1)
    expect(told).toEqual([0, 0, 1])
    expect(processors.failing()).toEqual([{ stage: 'device-stage', partition: 0, times: failingFrom, message: 'refused' }])
    letPass()
    await until(() => processors.failing().length === 0)
    await processors.stop()
  })

  it('after a tick from a clock that was ahead, nothing is called complete beyond now, nor beyond the newest tick', async () => {
    const { deps, append } = createDeps()
    let nowMs = arrivalMs + 1_000
    const processors = await startProcessors({ ...deps, clock: { nowMs: () => nowMs } })
    await append(tickOf(arrivalMs + 365 * 86_400_000))
    await until(() => processors.completeThroughMs() === nowMs)
    await append(tickOf(arrivalMs + 2_000))
    nowMs = arrivalMs + 60_000
    await until(() => processors.completeThroughMs() === arrivalMs + 2_000)
    await processors.stop()
  })

  it('tell the time of the fleet stage, which stands still while its batches fail though devices go on', async () => {
    const { deps, append } = createDeps()
    let isFull = false
    const createStore: ProcessorsDeps['createStore'] = (group) => {
      const store = createMemoryStageStore<never>({ group, log: deps.log as MemoryLog })
      const begin: typeof store.begin = async (range) => {
        if (group === 'fleet-stage' && isFull) throw new Error('full')
        await store.begin(range)
      }
      return { ...store, begin } as never
    }
    const processors = await startProcessors({ ...deps, createStore })
    expect(processors.fleet()).toEqual({ isHere: true, throughMs: null })
    await append(rulesEvent())
    await append(tickOf(arrivalMs + 5_000))
    await until(() => processors.fleet().throughMs === arrivalMs + 5_000)
    isFull = true
    await append(tickOf(arrivalMs + 10_000))
    await until(() => processors.completeThroughMs() === arrivalMs + 10_000)
    expect(processors.fleet()).toEqual({ isHere: true, throughMs: arrivalMs + 5_000 })
    isFull = false
    await until(() => processors.fleet().throughMs === arrivalMs + 10_000)
    await processors.stop()
  })

  it('have the fleet stage while its partition is theirs, or while they do not know whose it is', async () => {
    const { deps } = createDeps()
    let [given, waitingSinceMs]: [number[], number | null] = [[0], null]
    const consume: typeof deps.log.consume = async (options) => ({
      ...(await deps.log.consume(options)),
      partitions: () => given,
      waitingSinceMs: () => waitingSinceMs,
    })
    const processors = await startProcessors({ ...deps, log: { ...deps.log, consume } })
    expect(processors.fleet().isHere).toBe(true)
    given = []
    expect(processors.fleet().isHere).toBe(false)
    waitingSinceMs = arrivalMs
    expect(processors.fleet().isHere).toBe(true)
    await processors.stop()
  })
})
