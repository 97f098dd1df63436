/** What a consumer says of partitions that are its own and are not read. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ConsumeOptions } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

let kafka: TemporaryKafka
beforeAll(async () => {
  kafka = await startTemporaryKafka()
})
afterAll(() => kafka.remove())

const optionsWith = (startAt: ConsumeOptions['startAt']): ConsumeOptions => ({
  group: 'alarm-outputs',
  topics: ['alarms'],
  startAt,
  onBatch: async () => undefined,
  batchRecordsMax: 10,
  batchBytesMax: 1e6,
  batchAfterMs: 0,
  onError: () => undefined,
})

it('a partition that does not start at a later generation is told, since it was given to us, until it is given anew', async () => {
  const settings = kafka.settings()
  const first = await openTestLog(settings, { partitions: 2 })
  let isBroken = false
  const staying = await first.consume(
    optionsWith(async (_topic, partition) => {
      if (isBroken && partition === 1) throw new AppError('STAGE_MARK_BEYOND_LOG', 'broken')
      return { next: 0, repeatTo: null }
    }),
  )
  expect([staying.partitions?.('alarms').length, staying.waitingSinceMs?.()]).toEqual([2, null])
  const change = async (): Promise<void> => {
    const second = await openTestLog(settings, { partitions: 2 })
    await second.consume(optionsWith(async () => ({ next: 0, repeatTo: null })))
    await expect.poll(() => staying.partitions?.('alarms').length, { timeout: 20_000 }).toBe(1)
    await second.close()
    await expect.poll(() => staying.partitions?.('alarms').length, { timeout: 20_000 }).toBe(2)
  }
  isBroken = true
  const beforeMs = Date.now()
  await change()
  await expect.poll(() => staying.waitingSinceMs?.() ?? 0, { timeout: 20_000 }).toBeGreaterThanOrEqual(beforeMs)
  expect(staying.lagRecords()).toBe(0)
  isBroken = false
  await change()
  await expect.poll(() => staying.waitingSinceMs?.(), { timeout: 20_000 }).toBe(null)
  await first.close()
})
