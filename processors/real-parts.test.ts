/** The processors over the embedded log and warehouse: rows, marks, an abrupt end, and lost rows written again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deviceEvent } from '../adapters/avro/event.arbitrary.ts'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { type Environment, openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { md5, systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { Warehouse } from '../model/ports.ts'
import { deadLetterCodec, eventCodec, eventOf, readingsOf } from '../test/stage-fakes.ts'
import { type Processors, startProcessors } from './main.ts'
import type { Refilled } from './recovery.ts'

/** Recent, since the engine drops rows by age of their arrival. */
const arrivalMs = Date.now() - 3_600_000
const events: DeviceEvent[] = []
for (let n = 0; n < 2_000; n++) {
  const receivedAtMs = arrivalMs + n * 500
  const item = { metric: 'network.io', attributes: '', value: n * 1_000, widthBits: null, linkBitsPerSecond: null }
  events.push(
    eventOf({
      device: `00-00-00-00-00-${String(n % 10).padStart(2, '0')}`,
      receivedAtMs,
      observedAtMs: receivedAtMs - 20,
      bootId: 'b',
      seq: Math.floor(n / 10) - (n % 50 === 0 ? 1 : 0), // Some come twice, and leave a gap.
      bodies: [
        readingsOf(n, null),
        { kind: 'Counters', items: [item] },
        { kind: 'Facts', items: [{ name: 'a', value: `${n >> 8}`, sealed: null }] },
      ],
    }),
  )
}
// And whatever else a frame can hold, always the same.
for (const event of fc.sample(deviceEvent, { numRuns: 200, seed: 7 })) events.push({ ...event, receivedAtMs: arrivalMs })

describe('processors on the embedded parts', () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  let environment: Environment
  const errors: string[] = []
  const dataDir = mkdtempSync(join(tmpdir(), 'processors-'))
  beforeAll(async () => {
    started = await startForTest({ listen: null })
    await migrate(started.warehouse)
    environment = openEnvironment(dataDir)
  }, 60_000)
  afterAll(async () => {
    await environment.close()
    await started.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  const start = async (
    warehouse: Warehouse,
    refilled: Refilled[] = [],
  ): Promise<{ processors: Processors; log: ReturnType<typeof openEventLog> }> => {
    const log = openEventLog({ environment, clock: systemClock, partitions: 1, diskFreeBytesMin: 0 })
    const processors = await startProcessors({
      log,
      warehouse,
      createStore: (group) => createStageStore({ environment, group, clock: systemClock }),
      codec: eventCodec,
      decodeDeadLetter: deadLetterCodec.decode,
      encodeDeadLetter: deadLetterCodec.encode,
      encodeAlarm: createAlarmCodec().encode,
      encodeSignal: createFleetCodec().encode,
      decodeSignal: createFleetCodec().decode,
      digest: md5,
      tenant: 'main',
      limits: { batchRecordsMax: 300, batchAfterMs: 20 },
      onError: (error) => errors.push(error.message),
      onCount: () => undefined,
      onRefilled: (told) => refilled.push(told),
    })
    return { processors, log }
  }
  const counts = async (): Promise<unknown> => {
    const tables = ['messages', 'measurements', 'counters', 'facts', 'boots', 'presence', 'radio', 'log_lines', 'dead_letters']
    const rows = await Promise.all(
      tables.map((table) => started.warehouse.query(`SELECT '${table}' AS t, count() AS n, max(offset) AS last FROM ${table}`)),
    )
    const account = await started.warehouse.query(
      'SELECT sum(received) AS received, sum(stored) + sum(duplicate) + sum(quarantined) AS of, sum(seq_expected) AS expected, sum(with_seq) + sum(seq_missing) AS told FROM ledger',
    )
    return [...rows.flat(), ...account]
  }

  it('lose nothing and double nothing when inserts fail half-way and rows are lost afterwards', async () => {
    let calls = 0
    const unreliable: Warehouse = {
      ...started.warehouse,
      insert: async (...args) => {
        const call = calls++
        if ([2, 11, 40].includes(call)) throw new Error('refused before')
        await started.warehouse.insert(...args)
        if ([5, 23, 47].includes(call)) throw new Error('ended after')
      },
    }
    const first = await start(unreliable)
    await first.log.append(
      'device-events',
      events.map((event) => ({ partition: 0, key: event.subject.id, value: Uint8Array.from(eventCodec.encode(event)) })),
    )
    const { next } = await first.log.bounds('device-events', 0)
    const finished = async (): Promise<boolean> => {
      const store = createStageStore({ environment, group: 'device-stage', clock: systemClock })
      return (await store.resume('device-events', 0)).next === next && first.processors.lagRecords() === 0
    }
    for (const end = performance.now() + 60_000; !(await finished()); await new Promise((resolve) => setTimeout(resolve, 20))) {
      if (performance.now() > end) throw new Error(`waited 60 s in vain: ${errors.join('; ')}`)
    }
    await first.processors.stop()
    await first.log.close()
    expect(errors.length).toBeGreaterThanOrEqual(4)
    expect(new Set(errors)).toEqual(new Set(['refused before', 'ended after']))
    const whole = await counts()
    const perRecord = await started.warehouse.query<{ records: number; rows: number }>(
      'SELECT uniqExact(offset) AS records, count() AS rows FROM messages',
    )
    expect(Number(perRecord[0]?.rows)).toBe(Number(perRecord[0]?.records))
    const [account] = (whole as { received?: unknown; of?: unknown; expected?: unknown; told?: unknown }[]).slice(-1)
    expect(account?.received).toEqual(account?.of)
    expect(account?.expected).toEqual(account?.told)

    await started.warehouse.command('ALTER TABLE measurements DELETE WHERE offset > 1000 SETTINGS mutations_sync = 2')
    await started.warehouse.command('ALTER TABLE counters DELETE WHERE offset > 1503 SETTINGS mutations_sync = 2')
    await started.warehouse.command(
      "ALTER TABLE sink_marks DELETE WHERE table IN ('measurements', 'counters', 'facts', 'ledger') SETTINGS mutations_sync = 2",
    )
    expect(await counts()).not.toEqual(whole)
    const refilled: Refilled[] = []
    const second = await start(started.warehouse, refilled)
    await second.processors.stop()
    await second.log.close()
    expect(refilled.map(({ table }) => table)).toEqual(['measurements', 'counters'])
    expect(await counts()).toEqual(whole)
  }, 120_000)
})
