/** The moment up to which everything is in the warehouse, as the ticks there tell it, whatever clocks were ahead. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import { readCompleteThrough } from './complete-through.ts'
import { followStageTime } from './stage-time.ts'

const nowMs = Date.UTC(2026, 0, 5, 12)
const dayMs = 86_400_000
let warehouse: Awaited<ReturnType<typeof startForTest>>
beforeAll(async () => {
  warehouse = await startForTest()
  await migrate(warehouse.warehouse, { alone: true })
})
afterAll(() => warehouse.stop())

const tick = (partition: number, offset: number, receivedAtMs: number, logId: string) => ({
  tenant: 'main',
  subject_kind: 'fleet',
  subject: 'all',
  observed_at: receivedAtMs,
  claimed_at: null,
  received_at: receivedAtMs,
  clock_verdict: 'missing',
  outcome: 'tick',
  topic: '',
  boot_id: '',
  seq: null,
  log_id: logId,
  partition,
  offset,
  frame: new Uint8Array(0),
})
const readAfter = async (logId: string, ticks: [partition: number, offset: number, receivedAtMs: number][]): Promise<number | null> => {
  const rows = ticks.map(([partition, offset, receivedAtMs]) => tick(partition, offset, receivedAtMs, logId))
  await warehouse.warehouse.insert('messages', rows, { dedupToken: `${logId}:messages` })
  return readCompleteThrough({ warehouse: warehouse.warehouse, log: { logId, partitionCount: () => 2 }, tenant: 'main', nowMs })
}

it('is the newest tick, by the order of the log, of the partition that is least far', async () => {
  expect(
    await readAfter('a', [
      [0, 0, nowMs - 20_000],
      [0, 1, nowMs - 1_000],
      [1, 0, nowMs - 6_000],
    ]),
  ).toBe(nowMs - 6_000)
  expect(await readAfter('b', [[0, 0, nowMs - 1_000]])).toBe(null)
  expect(
    await readAfter('c', [
      [0, 0, nowMs - 1_000],
      [1, 0, nowMs - dayMs - 1],
    ]),
  ).toBe(null)
})

it('is not what a clock that was ahead once told, and never beyond now', async () => {
  expect(
    await readAfter('d', [
      [0, 0, nowMs + 365 * dayMs],
      [0, 1, nowMs - 4_000],
      [1, 0, nowMs + 365 * dayMs],
      [1, 1, nowMs - 3_000],
    ]),
  ).toBe(nowMs - 4_000)
  expect(
    await readAfter('e', [
      [0, 0, nowMs + 365 * dayMs],
      [1, 0, nowMs + 365 * dayMs],
    ]),
  ).toBe(nowMs)
})

it('the time of the outputs follows it back, and stays where it is while nothing is known', async () => {
  const told = [nowMs + 365 * dayMs, nowMs, null, new Error('away')]
  const errors: unknown[] = []
  let asked = 0
  const time = followStageTime({
    read: async () => {
      const next = told[asked++]
      if (next instanceof Error) throw next
      return next ?? null
    },
    everyMs: 1,
    onError: (error) => errors.push(error),
  })
  expect(time.nowMs()).toBe(null)
  await expect.poll(() => asked, { timeout: 5_000 }).toBeGreaterThan(told.length)
  expect([time.nowMs(), errors.length]).toEqual([nowMs - 10_000, 1])
  time.stop()
})
