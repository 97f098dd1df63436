/** Rows of `clock_observations`: whole rows, and the same ones however the log is cut. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Row } from '../../../model/ports.ts'
import { arrivalMs, createBench, deviceId, eventOf } from '../../../test/stage-fakes.ts'

const minuteMs = 60_000
const rowsOf = async (events: Parameters<typeof eventOf>[0][], batchRecords = 7): Promise<Row[]> => {
  const bench = createBench()
  bench.append(...events.map((words, index) => eventOf({ text: `${index}`, ...words })))
  await bench.run(batchRecords)
  expect(bench.counts['failed']).toBe(undefined)
  return bench.rowsOf('clock_observations').map((row) => ({ ...row, log_id: 'LOG' }))
}
const common = { tenant: 'main', subject: deviceId, log_id: 'LOG', partition: 0, topic: `dwr/311-a1/${deviceId}/hardware/loadavg` }
const nothing = { verdict_before: null, skew_ms: null, drift_ppm: null, samples: 0, step_ms: null }

describe('clock observations', () => {
  it('of a device that runs 90 s behind, boots into 1970 and is set', async () => {
    const at = (minute: number) => arrivalMs + minute * minuteMs
    const behind = Array.from({ length: 3 }, (_, n) => ({
      bootId: 'b1',
      uptimeSeconds: 600 + n * 60,
      receivedAtMs: at(n),
      observedAtMs: at(n) - 90_000,
    }))
    const rows = await rowsOf([
      ...behind,
      { bootId: 'b2', uptimeSeconds: 30, receivedAtMs: at(4), observedAtMs: 30_000 },
      { bootId: 'b2', uptimeSeconds: 90, receivedAtMs: at(5), observedAtMs: at(5) },
    ])
    expect(rows).toEqual([
      {
        ...common,
        ...nothing,
        kind: 'boot',
        observed_at: at(0) - 90_000,
        received_at: at(0),
        verdict: 'trusted',
        boot_id: 'b1',
        claimed_at: at(0) - 90_000,
        evidence_received_at: at(0),
        evidence_offset: 0,
        offset: 0,
      },
      {
        ...common,
        ...nothing,
        kind: 'verdict',
        observed_at: at(0) - 90_000,
        received_at: at(0),
        verdict: 'trusted',
        boot_id: 'b1',
        claimed_at: at(0) - 90_000,
        evidence_received_at: at(0),
        evidence_offset: 0,
        offset: 0,
      },
      {
        ...common,
        ...nothing,
        topic: '',
        kind: 'estimate',
        observed_at: at(0),
        received_at: at(4),
        verdict: 'before-2010',
        skew_ms: -90_000,
        samples: 3,
        boot_id: 'b1',
        claimed_at: at(0) - 90_000,
        evidence_received_at: at(0),
        evidence_offset: 0,
        offset: 3,
      },
      {
        ...common,
        ...nothing,
        kind: 'boot',
        observed_at: at(4),
        received_at: at(4),
        verdict: 'before-2010',
        boot_id: 'b2',
        claimed_at: 30_000,
        evidence_received_at: at(4),
        evidence_offset: 3,
        offset: 3,
      },
      {
        ...common,
        ...nothing,
        kind: 'verdict',
        observed_at: at(4),
        received_at: at(4),
        verdict: 'before-2010',
        verdict_before: 'trusted',
        boot_id: 'b2',
        claimed_at: 30_000,
        evidence_received_at: at(4),
        evidence_offset: 3,
        offset: 3,
      },
      {
        ...common,
        ...nothing,
        kind: 'verdict',
        observed_at: at(5),
        received_at: at(5),
        verdict: 'trusted',
        verdict_before: 'before-2010',
        boot_id: 'b2',
        claimed_at: at(5),
        evidence_received_at: at(5),
        evidence_offset: 4,
        offset: 4,
      },
      {
        ...common,
        ...nothing,
        kind: 'step',
        observed_at: at(5),
        received_at: at(5),
        verdict: 'trusted',
        skew_ms: 0,
        step_ms: at(5) - 90_000,
        boot_id: 'b2',
        claimed_at: at(5),
        evidence_received_at: at(5),
        evidence_offset: 4,
        offset: 4,
      },
    ])
  })

  it('are made of new messages only: not of repeats, stored copies and re-driven letters', async () => {
    const live = { bootId: 'b1', seq: 1, receivedAtMs: arrivalMs, observedAtMs: arrivalMs }
    const wrong = { receivedAtMs: arrivalMs + 1, observedAtMs: 5 }
    const rows = await rowsOf([
      live,
      { ...live, ...wrong },
      { ...wrong, source: { storedCopy: true } },
      { ...wrong, source: { redriveOf: '0:7' } },
    ])
    expect(rows.map(({ kind, verdict }) => [kind, verdict])).toEqual([['verdict', 'trusted']])
  })

  it('hold the wildest claims', async () => {
    const wild = [-(2 ** 52), 2 ** 53 - 2, 0, 2 ** 53 - 2]
    const rows = await rowsOf(wild.map((observedAtMs, n) => ({ receivedAtMs: arrivalMs + n * 30_000, observedAtMs, seq: n, bootId: 'b' })))
    expect(rows.filter(({ kind }) => kind === 'step').map((row) => row['step_ms'])).toEqual([
      Number.MAX_SAFE_INTEGER,
      Number.MIN_SAFE_INTEGER,
      2 ** 53 - 2 - 30_000,
    ])
  })

  it('are the same however the log is cut into batches', async () => {
    const messages = fc.array(
      fc.record({
        laterMs: fc.nat({ max: 600_000 }),
        claim: fc.constantFrom(0, 0, 0, 90_000, -3_600_000, 3_600_000, null, 'unset' as const),
        uptimeSeconds: fc.option(fc.nat({ max: 100_000 })),
        bootId: fc.constantFrom(null, 'b1', 'b2'),
        seq: fc.option(fc.nat({ max: 30 })),
      }),
      { minLength: 1, maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(messages, fc.integer({ min: 1, max: 9 }), async (list, batchRecords) => {
        let receivedAtMs = arrivalMs
        const events = list.map(({ laterMs, claim, ...words }) => {
          receivedAtMs += laterMs
          const observedAtMs = claim === null ? null : claim === 'unset' ? receivedAtMs % 1_000_000 : receivedAtMs + claim
          return { ...words, receivedAtMs, observedAtMs }
        })
        expect(await rowsOf(events, batchRecords)).toEqual(await rowsOf(events, 1_000))
      }),
      { numRuns: 60 },
    )
  })
})
