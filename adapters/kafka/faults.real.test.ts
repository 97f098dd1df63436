/** What a real Kafka does to us when it dies, and what a group does when members come, go and hang. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConsumeOptions, EventLog, LogBatch, LogConsumer, StoredRecord } from '../../model/ports.ts'
import type { KafkaClient, KafkaLog } from './event-log.ts'
import { sessionTimeoutMs } from './group-member.ts'
import { answerWithinMs } from './renewed-client.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

const topic = 'device-events'
const clients: readonly KafkaClient[] = ['kafkajs', 'platformatic']

let kafka: TemporaryKafka
beforeAll(async () => {
  kafka = await startTemporaryKafka()
})
afterAll(() => kafka.remove())

const textOf = ({ value }: StoredRecord): string => Buffer.from(value).toString()
const stored = async (log: EventLog, partitions = 3): Promise<string[]> => {
  const texts: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for await (const record of log.read(topic, partition, 0, Number.MAX_SAFE_INTEGER)) texts.push(textOf(record))
  }
  return texts
}

/** Appends one after the other on several lines until told, and keeps what was acknowledged. */
const startAppending = (log: EventLog, lines: number) => {
  const acknowledged: string[] = []
  const rejected: string[] = []
  let going = true
  const line = async (own: number): Promise<void> => {
    for (let n = 0; going; n++) {
      const text = `${own}-${n}`
      const record = { partition: own % 3, key: `line ${own}`, value: Buffer.from(text) }
      await log.append(topic, [record]).then(
        () => acknowledged.push(text),
        () => rejected.push(text),
      )
    }
  }
  const running = Array.from({ length: lines }, (_, own) => line(own))
  return {
    acknowledged,
    rejected,
    stop: async () => {
      going = false
      await Promise.all(running)
    },
  }
}

describe.each(clients)('appends by %s', (client) => {
  it('lose nothing and double nothing when the broker is killed in the middle and comes back', async () => {
    const log = await openTestLog(kafka.settings(), { client })
    const appending = startAppending(log, 50)
    for (let kill = 1; kill <= 3; kill++) {
      const before = appending.acknowledged.length
      await expect.poll(() => appending.acknowledged.length, { timeout: 30_000 }).toBeGreaterThan(before + 500)
      await kafka.server.kill()
      await kafka.server.start()
    }
    const before = appending.acknowledged.length
    await expect.poll(() => appending.acknowledged.length, { timeout: 30_000 }).toBeGreaterThan(before + 500)
    await appending.stop()
    const texts = await stored(log)
    const unique = new Set(texts)
    const lost = appending.acknowledged.filter((text) => !unique.has(text))
    console.log(`${client}: ${appending.acknowledged.length} acknowledged, ${appending.rejected.length} rejected, ${texts.length} stored`)
    expect({ lost, doubled: texts.length - unique.size }).toEqual({ lost: [], doubled: 0 })
    await log.close()
  })

  it('are held while the broker is down, rejected when that takes too long, and go on by themselves', async () => {
    const errors: Error[] = []
    const heldMsMax = 5_000
    const log = await openTestLog(kafka.settings(), { client, heldMsMax, onError: (error) => errors.push(error) })
    const one = (text: string): Promise<number[]> => log.append(topic, [{ partition: 0, key: 'k', value: Buffer.from(text) }])
    await one('before')
    await kafka.server.kill()
    const startedMs = performance.now()
    await expect(one('in vain')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', retryable: true })
    await expect(one('in vain too')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    const tookMs = performance.now() - startedMs
    expect(tookMs).toBeGreaterThan(2 * heldMsMax - 1_500)
    expect(tookMs).toBeLessThan(2 * heldMsMax + 8_000)
    expect(errors.length).toBeGreaterThan(0)
    await kafka.server.start()
    let tries = 0
    const again = (): Promise<boolean> =>
      one(`after ${tries++}`).then(
        () => true,
        () => false,
      )
    await expect.poll(again, { timeout: 60_000 }).toBe(true)
    const texts = await stored(log)
    expect([texts[0], texts.at(-1)]).toEqual(['before', `after ${tries - 1}`])
    expect(new Set(texts).size).toBe(texts.length) // Of the rejected ones each may be stored once, never twice.
    await log.close()
  })
})

describe('a group', () => {
  const recordsOf = (count: number, partition: number) =>
    Array.from({ length: count }, (_, n) => ({ partition, key: 'k', value: Buffer.from(`${partition}-${n}`) }))

  /** A member that takes its progress from one place, as the stage store does from the note. */
  const member = async (
    log: KafkaLog,
    next: Map<number, number>,
    batches: LogBatch[],
    more: Partial<ConsumeOptions> = {},
  ): Promise<LogConsumer> =>
    log.consume({
      group: 'g',
      topics: [topic],
      startAt: async (_, partition) => ({ next: next.get(partition) ?? 0, repeatTo: null }),
      onBatch: async (batch) => {
        batches.push(batch)
        next.set(batch.partition, batch.lastOffset + 1)
      },
      batchRecordsMax: 20,
      batchBytesMax: 1e6,
      batchAfterMs: 0,
      onError: () => undefined,
      ...more,
    })

  it('hands every record to one member in offset order while members join and leave under load', async () => {
    const settings = kafka.settings()
    const one = await openTestLog(settings)
    const two = await openTestLog(settings)
    const next = new Map<number, number>()
    const batches: LogBatch[] = []
    const first = await member(one, next, batches)
    let appended = 0
    let going = true
    const goesOn = (): boolean => going
    const appending = (async () => {
      while (goesOn()) {
        await one.append(
          topic,
          [0, 1, 2].map((partition) => ({ partition, key: 'k', value: Buffer.from(`${appended}`) })),
        )
        appended++
      }
    })()
    for (let round = 0; round < 2; round++) {
      const second = await member(two, next, batches)
      await expect.poll(() => second.partitions?.(topic).length, { timeout: 20_000 }).toBeGreaterThan(0)
      const before = batches.length
      await expect.poll(() => batches.length, { timeout: 20_000 }).toBeGreaterThan(before + 20)
      await second.stop()
      await expect.poll(() => first.partitions?.(topic).length, { timeout: 20_000 }).toBe(3)
    }
    going = false
    await appending
    await expect.poll(() => [0, 1, 2].map((partition) => next.get(partition)), { timeout: 20_000 }).toEqual([appended, appended, appended])
    for (const partition of [0, 1, 2]) {
      const offsets = batches.filter((batch) => batch.partition === partition).flatMap(({ records }) => records.map(({ offset }) => offset))
      expect(offsets).toEqual(Array.from({ length: appended }, (_, n) => n)) // Each once, in order: progress moved with the partition.
    }
    await first.stop()
    await one.close()
    await two.close()
  })

  it('refuses the commit of a member that hung longer than its session, and the next one repeats its range', async () => {
    const settings = kafka.settings()
    const log = await openTestLog(settings)
    await log.append(topic, recordsOf(5, 0))
    const hangsMs = sessionTimeoutMs + 6_000
    const hung = fork(fileURLToPath(new URL('hung-member.fixture.ts', import.meta.url)), [
      settings.brokers.join(','),
      settings.prefix,
      `${hangsMs}`,
    ])
    const said: unknown[] = []
    hung.on('message', (message) => said.push(message))
    await expect.poll(() => said, { timeout: 60_000 }).toEqual(['begun'])
    hung.kill('SIGSTOP')
    const batches: LogBatch[] = []
    const notes: unknown[] = []
    const startAt = async (_: unknown, partition: number) => {
      const note = await log.assignmentOf('g')?.committed(topic, partition)
      if (partition === 0) notes.push(note)
      return { next: note?.next ?? 0, repeatTo: note?.pendingTo ?? null }
    }
    const heir = await member(log, new Map(), batches, { startAt })
    await expect.poll(() => batches.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]), { timeout: 60_000 }).toEqual([[0, 4]])
    expect(notes).toEqual([{ next: 0, pendingTo: 4 }])
    hung.kill('SIGCONT')
    await expect.poll(() => said, { timeout: 60_000 }).toEqual(['begun', 'STAGE_FENCED'])
    expect(await log.assignmentOf('g')?.committed(topic, 0)).toEqual({ next: 0, pendingTo: 4 })
    hung.kill('SIGKILL')
    await heir.stop()
    await log.close()
  })

  it('goes on after the broker was down longer than a session lasts', async () => {
    const log = await openTestLog(kafka.settings())
    const next = new Map<number, number>()
    const batches: LogBatch[] = []
    const consumer = await member(log, next, batches)
    await log.append(topic, recordsOf(3, 1))
    await expect.poll(() => next.get(1)).toBe(3)
    await kafka.server.kill()
    await new Promise((resolve) => setTimeout(resolve, sessionTimeoutMs + 2_000)) // The time is the point.
    await kafka.server.start()
    await log.append(topic, recordsOf(3, 1))
    await expect.poll(() => next.get(1), { timeout: 40_000 }).toBe(6)
    const offsets = batches.filter(({ partition }) => partition === 1).flatMap(({ records }) => records.map(({ offset }) => offset))
    expect(offsets).toEqual([0, 1, 2, 3, 4, 5])
    await consumer.stop()
    await log.close()
  })

  it('goes on after the broker stood still longer than any client waits for an answer', async () => {
    const log = await openTestLog(kafka.settings())
    const next = new Map<number, number>()
    const consumer = await member(log, next, [], {
      // As the stages do, it asks the coordinator and the leader while nobody answers.
      onBatch: async ({ partition, lastOffset }) => {
        await log.assignmentOf('g')?.commit(topic, partition, { next: lastOffset + 1, pendingTo: null })
        await log.bounds(topic, partition)
        next.set(partition, lastOffset + 1)
      },
    })
    await log.append(topic, recordsOf(3, 1))
    await expect.poll(() => next.get(1), { timeout: 20_000 }).toBe(3)
    const meanwhile = log.append(topic, recordsOf(3, 1)).catch(() => undefined)
    kafka.server.freeze()
    await new Promise((resolve) => setTimeout(resolve, answerWithinMs + 5_000)) // The time is the point.
    kafka.server.thaw()
    await meanwhile
    await log.append(topic, recordsOf(3, 1))
    const end = (await log.bounds(topic, 1)).next
    await expect.poll(() => next.get(1), { timeout: 60_000 }).toBe(end)
    await consumer.stop()
    await log.close()
  })
})
