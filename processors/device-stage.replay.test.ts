/** Rows depend on the log alone: the same log twice, and the log cut into other batches, give the same rows. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Body, DeviceEvent } from '../model/event.ts'
import type { Row } from '../model/ports.ts'
import { arrivalMs, type Bench, createBench, eventOf, readingsOf, rulesEvent, tickOf } from '../test/stage-fakes.ts'

const smallBody: fc.Arbitrary<Body> = fc.oneof(
  fc.array(fc.option(fc.integer({ min: 0, max: 3 })), { maxLength: 3 }).map((values) => readingsOf(...values)),
  fc.record({
    kind: fc.constant('Counters' as const),
    items: fc.array(
      fc.record({
        metric: fc.constantFrom('network.io', 'network.packets'),
        attributes: fc.constant(''),
        value: fc.oneof(fc.nat({ max: 1_000 }), fc.constantFrom(2 ** 32 - 1, 2 ** 32 - 50)),
        widthBits: fc.constantFrom(null, 32, 64),
        linkBitsPerSecond: fc.constant(null),
      }),
      { maxLength: 2 },
    ),
  }),
  fc.record({
    kind: fc.constant('Facts' as const),
    items: fc.array(fc.record({ name: fc.constantFrom('a', 'b'), value: fc.constantFrom('1', '2', null), sealed: fc.constant(null) }), {
      maxLength: 2,
    }),
  }),
  fc.record({
    kind: fc.constant('Presence' as const),
    state: fc.constantFrom('online' as const, 'offline' as const),
    sessionId: fc.constantFrom(null, 's1', 's2'),
    reason: fc.constant(null),
  }),
  fc.constantFrom(0, 1).map(
    (value): Body => ({
      kind: 'Measurements',
      items: [{ metric: 'network.wan.up', attributes: '', value, quality: 'ok', observedAtMs: null }],
    }),
  ),
  fc.constantFrom('usb 1-1.2: USB disconnect, device number 5', 'Kernel panic - not syncing: x').map(
    (message): Body => ({
      kind: 'LogLines',
      source: 'log/dmesg',
      items: [{ observedAtMs: null, writtenAt: '', severity: 3, facility: 'kernel', program: null, message, cut: false }],
    }),
  ),
  fc.record({ kind: fc.constant('Quarantined' as const), reason: fc.constant('X'), deadLetter: fc.constant('0:1') }),
)

const event: fc.Arbitrary<(atMs: number) => DeviceEvent> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom('front-1', 'front-2').map((instance) => (atMs: number) => tickOf(atMs, { instance })) },
  {
    weight: 6,
    arbitrary: fc
      .record({
        device: fc.constantFrom('00-00-00-00-00-01', '00-00-00-00-00-02'),
        bootId: fc.constantFrom(null, 'b1', 'b2'),
        seq: fc.option(fc.nat({ max: 12 })),
        backMs: fc.option(fc.nat({ max: 20_000 })),
        uptimeSeconds: fc.option(fc.nat({ max: 1_000 })),
        text: fc.constantFrom('a', 'b'),
        bodies: fc.array(smallBody, { maxLength: 2 }),
        source: fc.record({
          connection: fc.integer({ min: 1, max: 3 }),
          packetId: fc.integer({ min: 1, max: 2 }),
          sessionId: fc.constantFrom(null, 'session'),
          storedCopy: fc.constantFrom(false, false, true),
          redriveOf: fc.constantFrom(null, null, null, '0:1', '0:2:uncounted'),
        }),
      })
      .map(
        ({ backMs, ...words }) =>
          (atMs: number) =>
            eventOf({ ...words, receivedAtMs: atMs, observedAtMs: backMs === null ? null : atMs - backMs }),
      ),
  },
)
const history = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 40_000 })), { minLength: 1, maxLength: 40 }).map((steps) => {
  let atMs = arrivalMs
  return steps.map(([make, laterMs]) => make((atMs += laterMs)))
})

const ran = async (events: readonly DeviceEvent[], batchRecords: number): Promise<Bench> => {
  const bench = createBench()
  bench.append(rulesEvent(), ...events)
  await bench.run(batchRecords)
  return bench
}
/** Frames as texts: the one of the rules is long, and bytes are compared one by one. */
const rowsWithoutLog = (rows: readonly Row[]): Row[] =>
  rows.map((row) => ({
    ...row,
    log_id: 'LOG',
    ...(row['frame'] instanceof Uint8Array ? { frame: Buffer.from(row['frame']).toString('base64') } : {}),
  }))
const sums = (rows: readonly Row[]): Record<string, number> => {
  const total: Record<string, number> = {}
  for (const row of rows) {
    for (const name of ['received', 'stored', 'duplicate', 'quarantined', 'ambiguous', 'with_seq', 'seq_expected', 'seq_missing']) {
      const key = `${String(row['subject'])} ${String(row['hour'])} ${name}`
      total[key] = (total[key] ?? 0) + Number(row[name])
    }
  }
  return total
}

describe('a replay', () => {
  it('gives the same rows, in whatever batches the log is read; accounts add up to the same', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 1, max: 7 }), async (events, batchRecords) => {
        const [one, again, cut] = [await ran(events, 1_000), await ran(events, 1_000), await ran(events, batchRecords)]
        for (const table of Object.keys({ ...one.warehouse.rows, ...cut.warehouse.rows })) {
          const rows = rowsWithoutLog(one.warehouse.rows[table] ?? [])
          expect(rowsWithoutLog(again.warehouse.rows[table] ?? [])).toEqual(rows)
          if (table !== 'ledger') expect(rowsWithoutLog(cut.warehouse.rows[table] ?? [])).toEqual(rows)
        }
        expect(sums(cut.rowsOf('ledger'))).toEqual(sums(one.rowsOf('ledger')))
        expect(one.counts['failed']).toBe(undefined)
      }),
      { numRuns: 200 },
    )
  })

  it('keeps accounts that balance: received = stored + duplicate + quarantined, expected = with_seq + missing', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (events) => {
        const bench = await ran(events, 5)
        for (const row of bench.rowsOf('ledger')) {
          const account = row as Record<string, number>
          expect(account['received']).toBe((account['stored'] ?? 0) + (account['duplicate'] ?? 0) + (account['quarantined'] ?? 0))
          expect(account['seq_expected']).toBe((account['with_seq'] ?? 0) + (account['seq_missing'] ?? 0))
        }
        const outcomes = (name: string) => bench.rowsOf('messages').filter((row) => row['outcome'] === name).length
        const total = (name: string) => bench.rowsOf('ledger').reduce((sum, row) => sum + Number(row[name]), 0)
        expect(total('duplicate')).toBe(outcomes('duplicate') + outcomes('stored_copy'))
        expect(total('stored')).toBe(outcomes('stored') + outcomes('ambiguous'))
      }),
      { numRuns: 200 },
    )
  })
})
