import { describe, expect, it } from 'vitest'
import { createMemoryLog } from '../adapters/memory/memory-log.ts'
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import { arrivalMs, createFakeWarehouse, deadLetterCodec, eventCodec, eventOf, readingsOf, tickOf } from '../test/stage-fakes.ts'
import { type ProcessorsDeps, startProcessors } from './main.ts'

const until = async (holds: () => boolean): Promise<void> => {
  for (const end = performance.now() + 10_000; !holds(); ) {
    if (performance.now() > end) throw new Error('waited 10 s in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
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
})
