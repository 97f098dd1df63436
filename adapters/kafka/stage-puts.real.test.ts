/** What a stage puts without a new record (the answer to a message, time that passed) when the partition moves to another machine. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'
import { startForTest } from '../chdb/start-for-test.ts'
import { migrate } from '../clickhouse/migrations.ts'
import type { Warehouse } from '../../model/ports.ts'
import type { State } from '../stage-store.contract.ts'
import type { KafkaSettings } from './client-settings.ts'
import { openStageMachine, stateOf } from '../../test/real/stage-machine.ts'
import type { KafkaStageStore } from './stage-store.ts'

let kafka: TemporaryKafka
let warehouse: Awaited<ReturnType<typeof startForTest>>
beforeAll(async () => {
  kafka = await startTemporaryKafka()
  warehouse = await startForTest()
  await migrate(warehouse.warehouse, { alone: true })
})
const dirs = new Set<string>()
afterAll(async () => {
  await warehouse.stop()
  await kafka.remove()
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

const topic = 'alarms'
const group = 'alarm-outputs'
const machine = async (settings: KafkaSettings, dir?: string, insert: Warehouse['insert'] = warehouse.warehouse.insert) => {
  const opened = await openStageMachine({
    settings,
    warehouse: { ...warehouse.warehouse, insert },
    groups: [group],
    topic,
    ...(dir === undefined ? {} : { dir }),
  })
  dirs.add(opened.dir)
  const store = opened.storeOf(group)
  return { ...opened, store, counts: () => ['a', 'b', 'c'].map((key) => countOf(store, key)) }
}
const countOf = (store: KafkaStageStore<State>, key: string): number | undefined => store.get(topic, 0, key)?.count
const put = (store: KafkaStageStore<State>, states: Record<string, number | null>): Promise<void> =>
  store.put(topic, 0, new Map(Object.entries(states).map(([key, count]) => [key, count === null ? null : stateOf(count)])))
/** Ten records came and gave these states. */
const tenRecords = async ({ log, store }: Awaited<ReturnType<typeof machine>>, states: Record<string, number>): Promise<void> => {
  await log.append(
    topic,
    Array.from({ length: 10 }, () => ({ partition: 0, key: 'k', value: Buffer.of(1) })),
  )
  const range = { topic, partition: 0, from: 0, to: 9 } as const
  await store.begin(range)
  const own = new Map(Object.entries(states).map(([key, count]) => [key, stateOf(count)]))
  await store.finish({ range, states: own, segments: [], tables: [], outputs: [] })
}

it('is known to the next owner, put before the first record or long after the last, time and again', async () => {
  const settings = kafka.settings()
  const first = await machine(settings)
  await put(first.store, { c: 1 })
  await first.close()
  const second = await machine(settings)
  expect(second.counts()).toEqual([undefined, undefined, 1])
  await tenRecords(second, { a: 1, b: 1 })
  await second.store.snapshot()
  await put(second.store, { a: 2 })
  await second.store.snapshot()
  await put(second.store, { a: 3, b: null })
  await second.close()
  const third = await machine(settings)
  expect([(await third.store.resume(topic, 0)).next, third.counts()]).toEqual([10, [3, undefined, 1]])
  expect([first.errors, second.errors, third.errors]).toEqual([[], [], []])
  await third.close()
})

it('of another machine at the same offset is newer than what was left here; what was put here after the last snapshot is kept', async () => {
  const settings = kafka.settings()
  const first = await machine(settings)
  await tenRecords(first, { a: 1, b: 1 })
  await first.close()
  const second = await machine(settings)
  await put(second.store, { a: 2 })
  await second.close()
  const back = await machine(settings, first.dir)
  expect(back.counts()).toEqual([2, 1, undefined])
  await put(back.store, { a: 3, b: null })
  await back.kill()
  const again = await machine(settings, first.dir)
  expect(again.counts()).toEqual([3, undefined, undefined])
  await again.close()
  const other = await machine(settings)
  expect(other.counts()).toEqual([3, undefined, undefined])
  await other.close()
})

it('while a snapshot is being written is in the one that is written when it leaves', async () => {
  const settings = kafka.settings()
  const [writing, go] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  const first = await machine(settings, undefined, async (...args) => {
    writing.resolve(undefined)
    await go.promise
    await warehouse.warehouse.insert(...args)
  })
  await tenRecords(first, { a: 1 })
  const written = first.store.snapshot()
  await writing.promise
  await put(first.store, { a: 2 })
  const closed = first.close()
  await first.leaving
  go.resolve(undefined)
  await Promise.all([written, closed])
  const second = await machine(settings)
  expect(second.counts()).toEqual([2, undefined, undefined])
  await second.close()
})
