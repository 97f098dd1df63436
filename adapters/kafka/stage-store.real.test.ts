/** The suite of every stage store, beside a real Kafka and the embedded warehouse; and what happens when a partition moves. */
import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StageResult } from '../../model/ports.ts'
import { startForTest } from '../chdb/start-for-test.ts'
import { migrate } from '../clickhouse/migrations.ts'
import { describeStageStore, type State } from '../stage-store.contract.ts'
import type { KafkaSettings } from './client-settings.ts'
import type { KafkaLog } from './event-log.ts'
import { openStageMachine, stateOf } from '../../test/real/stage-machine.ts'
import { startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

let kafka: TemporaryKafka
let warehouse: Awaited<ReturnType<typeof startForTest>>
beforeAll(async () => {
  kafka = await startTemporaryKafka()
  warehouse = await startForTest()
  await migrate(warehouse.warehouse, { alone: true })
})
afterAll(async () => {
  await warehouse.stop()
  await kafka.remove()
})

const openMachine = (settings: KafkaSettings, groups: readonly string[], dir?: string) =>
  openStageMachine({ settings, warehouse: warehouse.warehouse, groups, topic, ...(dir === undefined ? {} : { dir }) })

const topic = 'device-events'
const group = 'device-stage'

describeStageStore('Kafka', async () => {
  const machine = await openMachine(kafka.settings(), ['device-stage', 'dead-letter-stage'])
  return {
    ...machine,
    close: async () => {
      await machine.close()
      rmSync(machine.dir, { recursive: true })
    },
  }
})

const result = (from: number, to: number, more: Partial<StageResult<State>> = {}): StageResult<State> => ({
  range: { topic, partition: 0, from, to },
  states: new Map([['device', stateOf(to)]]),
  segments: [{ name: 'seen', put: { atMs: 100 + to, bytes: Uint8Array.of(to) }, dropBeforeMs: 0 }],
  tables: ['messages'],
  outputs: [],
  ...more,
})
const events = async (log: KafkaLog, count: number): Promise<void> => {
  await log.append(
    topic,
    Array.from({ length: count }, (_, n) => ({ partition: 0, key: 'device', value: Buffer.from(`${n}`) })),
  )
}
const outputs = (text: string): StageResult<State>['outputs'] => [
  { topic: 'dead-letters', records: [{ partition: 0, key: 'k', value: Buffer.from(text) }] },
]
const lettersOf = async (log: KafkaLog): Promise<string[]> => {
  const texts: string[] = []
  for await (const { value } of log.read('dead-letters', 0, 0, 99)) texts.push(Buffer.from(value).toString())
  return texts
}

describe('a partition that moves to another machine', () => {
  const machines: Awaited<ReturnType<typeof openMachine>>[] = []
  const machine = async (settings: KafkaSettings, dir?: string) => {
    const opened = await openMachine(settings, [group], dir)
    machines.push(opened)
    return opened
  }
  afterAll(() => {
    for (const { dir } of machines) rmSync(dir, { recursive: true, force: true })
  })

  it('goes on at the snapshot that the first one left, with states, segments and marks', async () => {
    const settings = kafka.settings()
    const first = await machine(settings)
    await events(first.log, 20)
    await first.storeOf(group).begin({ topic, partition: 0, from: 0, to: 9 })
    await first.storeOf(group).finish(result(0, 9))
    await first.close() // In order: a last snapshot, and the note says finished.
    const second = await machine(settings)
    expect(await second.storeOf(group).resume(topic, 0)).toEqual({ next: 10, repeatTo: null, lastRowOffsets: { messages: 9 } })
    expect(second.storeOf(group).get(topic, 0, 'device')).toEqual({ ...stateOf(9), bytes: Buffer.of(0, 255, 9) })
    expect(
      second
        .storeOf(group)
        .segments(topic, 0, 'seen')
        .map(({ atMs, bytes }) => [atMs, [...bytes]]),
    ).toEqual([[109, [9]]])
    expect([first.errors, second.errors]).toEqual([[], []])
    await second.close()
  })

  it('runs forward from an older snapshot to the pending range, repeats no output, and repeats the range with its bounds', async () => {
    const settings = kafka.settings()
    const first = await machine(settings)
    await events(first.log, 20)
    const own = first.storeOf(group)
    await own.begin({ topic, partition: 0, from: 0, to: 4 })
    await own.finish(result(0, 4, { outputs: outputs('of 0 to 4') }))
    await own.snapshot()
    await own.begin({ topic, partition: 0, from: 5, to: 9 })
    await own.finish(result(5, 9, { outputs: outputs('of 5 to 9') }))
    await own.begin({ topic, partition: 0, from: 10, to: 14 })
    const second = await machine(settings) // The first one still thinks that it has both partitions.
    // Two members, two partitions: whoever has partition 0 now goes on; the other is refused.
    const [owner, other] =
      second.log.assignmentOf(group)?.partitions.some(({ partition }) => partition === 0) === true ? [second, first] : [first, second]
    await expect(other.storeOf(group).begin({ topic, partition: 0, from: 15, to: 15 })).rejects.toMatchObject({ code: 'STAGE_FENCED' })
    if (owner === first) {
      await first.close()
      await expect.poll(() => second.log.assignmentOf(group)?.partitions.length, { timeout: 10_000 }).toBe(2)
    }
    const store = second.storeOf(group)
    const resumed = await store.resume(topic, 0)
    if (owner === second) {
      expect(resumed).toEqual({ next: 5, repeatFrom: 10, repeatTo: 14, lastRowOffsets: { messages: 4 } })
      await store.begin({ topic, partition: 0, from: 5, to: 7 })
      await expect(store.finish(result(5, 10))).rejects.toThrow(/ends before 10|from 5 to 7/)
      await store.finish(result(5, 7, { outputs: outputs('again') }))
      await store.begin({ topic, partition: 0, from: 8, to: 9 })
      await store.finish(result(8, 9, { outputs: outputs('again') }))
      await expect(store.begin({ topic, partition: 0, from: 10, to: 12 })).rejects.toThrow(/from 10 to 14, got 10 to 12/)
    }
    await store.begin({ topic, partition: 0, from: 10, to: 14 })
    await store.finish(result(10, 14, { outputs: outputs('of 10 to 14') }))
    expect(await lettersOf(second.log)).toEqual(['of 0 to 4', 'of 5 to 9', 'of 10 to 14'])
    expect((await store.resume(topic, 0)).next).toBe(15)
    if (owner === second) await first.close()
    await second.close()
  })

  it('keeps its own state when it is newer than the snapshot, and then saves everything', async () => {
    const settings = kafka.settings()
    const first = await machine(settings)
    await events(first.log, 20)
    const own = first.storeOf(group)
    await own.begin({ topic, partition: 0, from: 0, to: 4 })
    await own.finish(result(0, 4, { states: new Map([['gone', stateOf(1)]]) }))
    await own.snapshot()
    await own.begin({ topic, partition: 0, from: 5, to: 9 })
    await own.finish(
      result(5, 9, {
        states: new Map([
          ['gone', null],
          ['device', stateOf(9)],
        ]),
      }),
    )
    await first.close()
    // The same folder again, and then a third machine that has nothing.
    const again = await machine(settings, first.dir)
    const store = again.storeOf(group)
    expect((await store.resume(topic, 0)).next).toBe(10)
    await store.begin({ topic, partition: 0, from: 10, to: 12 })
    await store.finish(result(10, 12))
    await again.close()
    const third = await machine(settings)
    expect((await third.storeOf(group).resume(topic, 0)).next).toBe(13)
    expect([third.storeOf(group).get(topic, 0, 'gone'), third.storeOf(group).get(topic, 0, 'device')?.count]).toEqual([undefined, 12])
    await third.close()
  })
})
