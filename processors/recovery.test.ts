import { describe, expect, it } from 'vitest'
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { Row } from '../model/ports.ts'
import {
  arrivalMs,
  type Bench,
  createBench,
  deadLetterCodec,
  fleetCodec,
  eventCodec,
  eventOf,
  readingsOf,
  tickOf,
  withStore,
} from '../test/stage-fakes.ts'
import { createDeadLetterSink, type SinkState } from './dead-letter-sink.ts'
import { createDeviceStage, type DeviceStageDeps } from './device-stage.ts'
import type { StageState } from './domain/state.ts'
import { type Refilled, recover } from './recovery.ts'

const events: DeviceEvent[] = []
for (let n = 0; n < 30; n++) {
  const receivedAtMs = arrivalMs + n * 1_000
  const item = { metric: 'network.io', attributes: '', value: n * 100, widthBits: null, linkBitsPerSecond: null }
  const bodies: DeviceEvent['bodies'] = [
    readingsOf(n),
    { kind: 'Counters', items: [item] },
    { kind: 'Facts', items: [{ name: 'a', value: `${n >> 3}`, sealed: null }] },
  ]
  events.push(eventOf({ device: `device-${n % 2}`, receivedAtMs, observedAtMs: receivedAtMs, bootId: 'b', seq: n % 25, bodies }))
  if (n % 5 === 0) events.push(tickOf(receivedAtMs))
}

const benchOf = async (): Promise<Bench> => {
  const bench = createBench()
  bench.append(...events)
  await bench.run(7)
  return bench
}

const recoverBench = async (bench: Bench, store = bench.store) => {
  const refilled: Refilled[] = []
  const sinkStore = createMemoryStageStore<SinkState>({ group: 'dead-letter-sink', log: bench.log })
  const marks = await recover({
    ...bench.deps,
    log: bench.log,
    stageStore: store,
    sinkStore,
    fleetStore: createMemoryStageStore({ group: 'fleet-stage', log: bench.log }),
    partitions: 1,
    decodeSignal: fleetCodec.decode,
    decodeDeadLetter: deadLetterCodec.decode,
    onRefilled: (told) => refilled.push(told),
  })
  return { refilled, marks }
}

/** As a power loss or an older copy leaves it: rows above an offset are gone. */
const loseRows = ({ warehouse }: Bench, above: (table: string) => number): void => {
  for (const [table, rows] of Object.entries(warehouse.rows))
    warehouse.rows[table] = rows.filter((row) => Number(row['offset']) <= above(table))
}

const comparable = ({ warehouse, log }: Bench): unknown =>
  Object.keys(warehouse.rows)
    .sort()
    .map((table) => {
      const rows = warehouse.rows[table] ?? []
      return [table, table === 'ledger' ? sums(rows) : rows.map((row) => ({ ...row, log_id: row['log_id'] === log.logId }))]
    })
const sums = (rows: readonly Row[]): unknown => {
  const total: Record<string, number> = {}
  for (const row of rows) {
    for (const name of ['received', 'stored', 'duplicate', 'with_seq', 'seq_expected', 'seq_missing']) {
      const key = `${String(row['subject'])} ${name}`
      total[key] = (total[key] ?? 0) + Number(row[name])
    }
  }
  return total
}

const whole = await benchOf()

describe('recovery', () => {
  it('does nothing when the warehouse has all that the state says', async () => {
    const bench = await benchOf()
    const { refilled, marks } = await recoverBench(bench)
    expect(refilled).toEqual([])
    expect(marks.stage.get(0)).toMatchObject({ messages: 35, measurements: 35 })
  })

  it('writes again what the warehouse lost, wherever each table was cut, and nothing twice', async () => {
    for (let cut = -1; cut < events.length; cut++) {
      const bench = await benchOf()
      loseRows(bench, (table) => (table === 'ledger' ? Math.floor(cut / 7) * 7 + 6 : cut + (table.length % 3)))
      await recoverBench(bench)
      expect(comparable(bench)).toEqual(comparable(whole))
      expect((await recoverBench(bench)).refilled).toEqual([])
    }
  })

  it('does not double rows whose marks were lost', async () => {
    const bench = await benchOf()
    bench.warehouse.marksLost = true
    expect((await recoverBench(bench)).refilled).toEqual([])
    expect(comparable(bench)).toEqual(comparable(whole))
  })

  it('runs an older state forward and writes no row at or below its mark', async () => {
    for (let known = 0; known < events.length; known += 5) {
      const bench = createBench()
      bench.append(...events.slice(0, known))
      await bench.run(4)
      const older = createMemoryStageStore<StageState>({ group: 'device-stage', log: bench.log })
      await bench.run(4, { store: older }) // The copy: its rows have the same tokens.
      bench.append(...events.slice(known))
      await bench.run(7)
      const { marks, refilled } = await recoverBench(bench, older)
      const stage = createDeviceStage({ ...bench.deps, store: older })
      const { next } = await stage.startAt(0, marks.stage.get(0))
      expect({ next, refilled }).toEqual({ next: known, refilled: [] })
      for (let from = next; from < events.length; from += 11)
        await stage.processBatch(await bench.batchFrom(from, Math.min(from + 11, events.length) - 1))
      expect(comparable(bench)).toEqual(comparable(whole))
    }
  })

  it('repeats a whole range though its marks stand, since the views behind a mark may not', async () => {
    const bench = createBench()
    bench.append(...events)
    await expect(bench.run(7, { store: withStore(bench.store, { finish: () => Promise.reject(new Error('killed')) }) })).rejects.toThrow(
      'killed',
    )
    const first = bench.warehouse.inserts.splice(0)
    const { marks } = await recoverBench(bench)
    expect(marks.stage.get(0)).toMatchObject({ messages: 6, measurements: 6 })
    const stage = createDeviceStage(bench.deps)
    expect(await stage.startAt(0, marks.stage.get(0))).toMatchObject({ next: 0, repeatTo: 6 })
    await stage.processBatch(await bench.batchFrom(0, 6))
    expect(bench.warehouse.inserts).toEqual(first)
  })

  it('writes nothing twice when it is killed while an older state runs forward', async () => {
    const forward = async (bench: Bench, older: Bench['store'], deps: Partial<DeviceStageDeps>): Promise<void> => {
      const { marks } = await recoverBench(bench, older)
      const stage = createDeviceStage({ ...bench.deps, store: older, ...deps })
      let { next, repeatTo } = await stage.startAt(0, marks.stage.get(0))
      while (next < events.length) {
        const to = repeatTo ?? Math.min(next + 11, events.length) - 1
        await stage.processBatch(await bench.batchFrom(next, to))
        next = to + 1
        repeatTo = null
      }
    }
    for (const after of [false, true]) {
      for (let failAt = 0, failed = true; failed; failAt++) {
        const bench = createBench()
        bench.append(...events.slice(0, 12))
        await bench.run(5) // Marks differ by table: only the first message of eight tells a fact.
        const older = createMemoryStageStore<StageState>({ group: 'device-stage', log: bench.log })
        bench.append(...events.slice(12))
        const step = { count: 0, failAt, after }
        await forward(bench, older, killedAt(bench, older, step)).catch(() => undefined)
        failed = step.count > failAt
        await forward(bench, older, {})
        expect(comparable(bench)).toEqual(comparable(whole))
      }
    }
  })

  it('says what the log does not hold any more', async () => {
    const bench = await benchOf()
    loseRows(bench, () => 9)
    bench.log.deleteBefore('device-events', 0, 20)
    const { refilled } = await recoverBench(bench)
    expect(refilled.find(({ table }) => table === 'messages')).toEqual({
      table: 'messages',
      partition: 0,
      fromOffset: 10,
      toOffset: 35,
      rows: 16,
      lostRecords: 10,
    })
  })

  it('refuses a log that ends before rows that came from it', async () => {
    const bench = await benchOf()
    bench.warehouse.rows['radio'] = [{ log_id: bench.log.logId, partition: 0, offset: events.length }]
    await expect(recoverBench(bench)).rejects.toMatchObject({ code: 'STAGE_MARK_BEYOND_LOG' })
  })

  it('writes dead letters again too', async () => {
    const bench = createBench()
    bench.appendFrames([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)])
    await bench.run()
    const { store, sink } = sinkOf(bench)
    await sink.processBatch(await lettersOf(bench))
    expect(bench.rowsOf('dead_letters')).toMatchObject(
      [0, 1, 2].map((offset) => ({ reason: 'FRAME_UNREADABLE', topic_shape: 'device-events', cut: 1, offset })),
    )
    loseRows(bench, () => 0)
    const refilled: Refilled[] = []
    await recover({
      ...bench.deps,
      log: bench.log,
      stageStore: bench.store,
      sinkStore: store,
      fleetStore: createMemoryStageStore({ group: 'fleet-stage', log: bench.log }),
      partitions: 1,
      decodeSignal: fleetCodec.decode,
      decodeDeadLetter: deadLetterCodec.decode,
      onRefilled: (told) => refilled.push(told),
    })
    expect(bench.rowsOf('dead_letters').map((row) => row['offset'])).toEqual([0, 1, 2])
    expect(refilled).toMatchObject([{ table: 'dead_letters', rows: 2 }])
  })
})

/** Ends the run at one of its steps, before or after that took effect. */
const killedAt = (
  bench: Bench,
  store: Bench['store'],
  step: { count: number; failAt: number; after: boolean },
): Partial<DeviceStageDeps> => {
  const wrap =
    <A extends unknown[]>(work: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      const own = step.count++
      if (own === step.failAt && !step.after) throw new Error('killed before')
      await work(...args)
      if (own === step.failAt && step.after) throw new Error('killed after')
    }
  return {
    store: withStore(store, { begin: wrap(store.begin), finish: wrap(store.finish) }),
    warehouse: { ...bench.warehouse, insert: wrap(bench.warehouse.insert) },
  }
}

const sinkOf = (bench: Bench) => {
  const store = createMemoryStageStore<SinkState>({ group: 'dead-letter-sink', log: bench.log })
  const sink = createDeadLetterSink({
    logId: bench.log.logId,
    store,
    warehouse: bench.warehouse,
    decodeDeadLetter: deadLetterCodec.decode,
    onUndecodable: () => undefined,
    onRows: () => undefined,
  })
  return { store, sink }
}
const lettersOf = async ({ log }: Bench) => {
  const records = []
  for await (const record of log.read('dead-letters', 0, 0, 1_000)) records.push(record)
  return { topic: 'dead-letters' as const, partition: 0, firstOffset: 0, lastOffset: records.length - 1, records }
}

describe('dead-letter sink', () => {
  it('writes a letter once, also when its batch comes again, and steps over a frame that it cannot read', async () => {
    const bench = createBench()
    const letter = deadLetterCodec.encode({
      eventId: new Uint8Array(16),
      tenant: 'main',
      receivedAtMs: arrivalMs,
      topic: 'a/b',
      topicShape: 'a/+',
      reason: 'JSON_INVALID',
      detail: 'expected JSON',
      subject: { kind: 'device', id: 'x' },
      source: eventOf({}).source,
      sealedPayload: Uint8Array.of(1, 2),
      payloadBytes: 9,
      cut: false,
    })
    bench.log.appendNow('dead-letters', [
      { partition: 0, key: 'a', value: letter },
      { partition: 0, key: 'a', value: eventCodec.encode(eventOf({})) },
    ])
    const { store, sink } = sinkOf(bench)
    const batch = await lettersOf(bench)
    const { finish } = store
    store.finish = async () => Promise.reject(new Error('killed'))
    await expect(sink.processBatch(batch)).rejects.toThrow('killed')
    store.finish = finish
    expect(await sink.startAt(0)).toEqual({ next: 0, repeatTo: 1 })
    await sink.processBatch(batch)
    expect(bench.rowsOf('dead_letters')).toEqual([
      {
        tenant: 'main',
        received_at: arrivalMs,
        topic: 'a/b',
        topic_shape: 'a/+',
        reason: 'JSON_INVALID',
        detail: 'expected JSON',
        subject_kind: 'device',
        subject: 'x',
        client_id: 'client-1',
        payload_bytes: 9,
        cut: 0,
        sealed_payload: Buffer.of(1, 2),
        log_id: bench.log.logId,
        partition: 0,
        offset: 0,
      },
    ])
  })
})
