/** Topics are made as they must be, and what was changed behind our back is refused with the reason. */
import { ConfigResourceTypes } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestAdmin, openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'
import type { KafkaSettings } from './client-settings.ts'
import { kafkaTopicNames, logTopicNames } from './topics.ts'

let kafka: TemporaryKafka
let admin: ReturnType<typeof openTestAdmin>
beforeAll(async () => {
  kafka = await startTemporaryKafka()
  admin = openTestAdmin(kafka.settings())
})
afterAll(async () => {
  await admin.close()
  await kafka.remove()
})

const idOf = async (settings: KafkaSettings): Promise<string> => {
  const log = await openTestLog(settings)
  await log.close()
  return log.logId
}
const setPolicy = (name: string, value: string): Promise<void> =>
  admin.incrementalAlterConfigs({
    resources: [
      { resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configs: [{ name: 'cleanup.policy', configOperation: 0, value }] },
    ],
  })

describe('the topics of the log', () => {
  it('are made with their settings, once, by whoever comes first', async () => {
    const settings = kafka.settings()
    const ids = await Promise.all([idOf(settings), idOf(settings), idOf(settings)])
    expect(new Set(ids).size).toBe(1)
    expect(await idOf(settings)).toBe(ids[0])
    const { topics } = await admin.metadata({ topics: kafkaTopicNames.map((topic) => settings.prefix + topic) })
    expect(Array.from(topics, ([name, { partitionsCount }]) => [name.slice(settings.prefix.length), partitionsCount]).sort()).toEqual([
      ['alarms', 3],
      ['alarms-current', 3],
      ['dead-letters', 1],
      ['device-events', 3],
      ['fleet-signals', 1],
      ['log-facts', 1],
      ['subject-keys', 1],
    ])
  })

  it('are another log when all were deleted and made anew', async () => {
    const settings = kafka.settings()
    const before = await idOf(settings)
    await admin.deleteTopics({ topics: kafkaTopicNames.map((topic) => settings.prefix + topic) })
    expect(await idOf(settings)).not.toBe(before)
    // Also when the facts about the old one stayed.
    const now = await idOf(settings)
    await admin.deleteTopics({ topics: logTopicNames.map((topic) => settings.prefix + topic) })
    expect(await idOf(settings)).not.toBe(now)
  })

  it('are refused when only a part was deleted and made anew', async () => {
    const settings = kafka.settings()
    await idOf(settings)
    await admin.deleteTopics({ topics: [`${settings.prefix}device-events`] })
    await expect(openTestLog(settings)).rejects.toMatchObject({
      code: 'LOG_TOPICS_INVALID',
      message: expect.stringContaining('device-events') as string,
    })
  })

  it('are refused with another number of partitions, whether the setting or the topic was changed', async () => {
    const settings = kafka.settings()
    await idOf(settings)
    await expect(openTestLog(settings, { partitions: 4 })).rejects.toMatchObject({
      code: 'LOG_PARTITIONS_CHANGED',
      message: expect.stringMatching(/Expected 3 .* got the setting 4/) as string,
    })
    await admin.createPartitions({ topics: [{ name: `${settings.prefix}device-events`, count: 4, assignments: null }] })
    await expect(openTestLog(settings, { partitions: 4 })).rejects.toMatchObject({
      code: 'LOG_PARTITIONS_CHANGED',
      message: expect.stringMatching(/Expected 3 .* got 4/) as string,
    })
  })

  it('are refused when events would be compacted or keys deleted', async () => {
    const settings = kafka.settings()
    await idOf(settings)
    await setPolicy(`${settings.prefix}device-events`, 'compact')
    await expect(openTestLog(settings)).rejects.toMatchObject({ code: 'LOG_TOPICS_INVALID' })
    await setPolicy(`${settings.prefix}device-events`, 'delete')
    await setPolicy(`${settings.prefix}subject-keys`, 'delete')
    await expect(openTestLog(settings)).rejects.toMatchObject({ code: 'LOG_TOPICS_INVALID' })
  })

  it('take a record as large as they say and refuse a larger one before it shares a send with others', async () => {
    const log = await openTestLog(kafka.settings())
    const append = (bytes: number): Promise<number[]> =>
      log.append('device-events', [{ partition: 0, key: '', value: Buffer.alloc(bytes) }])
    const limit = 8 * 1024 * 1024 - 128
    expect(await append(limit)).toEqual([0])
    await expect(append(limit + 1)).rejects.toThrow(/at most 8388608 bytes/)
    const lengths: number[] = []
    for await (const { value } of log.read('device-events', 0, 0, 9)) lengths.push(value.length)
    expect(lengths).toEqual([limit])
    await log.close()
  })
})
