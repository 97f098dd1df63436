/** The fleet stage killed at any step, run in other slices, or given its outputs twice: the same rows, alarms and verdicts. */
import { describe, expect, it } from 'vitest'
import { deviceOf, type FleetBench } from '../test/fleet-fakes.ts'
import { fleetHistory, historyDevices } from '../test/fleet-history.ts'
import { failingAt, recordFleet, replayOf, resultOf } from '../test/fleet-replay.ts'

const { whole, recorded } = await recordFleet(fleetHistory())
const stateKeys = ['fleet', ...historyDevices.map((n) => `member:${deviceOf(n)}`)]

const batchRecords = 60
const replayed = replayOf(recorded)
await replayed.runFleet(batchRecords)
const expected = await resultOf(replayed, stateKeys)
const counted = replayOf(recorded)
const parts = failingAt(counted, -1, false)
await counted.runFleet(batchRecords, parts)
const steps = parts.steps()

describe('the fleet stage', () => {
  it('has raised, grouped and cleared what is killed here', () => {
    const kinds = whole
      .rowsOf('alarm_events')
      .filter(({ log_topic }) => log_topic === 'fleet-signals')
      .map(({ type, kind }) => `${String(type)} ${String(kind)}`)
    expect(kinds).toEqual(
      expect.arrayContaining([
        'presence.group-outage AlarmRaised',
        'presence.group-outage AlarmCleared',
        'site.power-outage AlarmRaised',
        'platform.dead-letters AlarmRaised',
        'platform.dead-letters AlarmCleared',
        'fw.new-fingerprint AlarmRaised',
        'platform.ingest-lag AlarmRaised',
      ]),
    )
    expect(steps).toBeGreaterThan(20)
  })

  it('run over its topic as it was recorded gives the rows of the first time', async () => {
    const live = whole.rowsOf('alarm_events').filter(({ log_topic }) => log_topic === 'fleet-signals')
    expect(JSON.stringify(replayed.rowsOf('alarm_events')).replaceAll(replayed.log.logId, 'LOG')).toBe(
      JSON.stringify(live).replaceAll(whole.log.logId, 'LOG'),
    )
  })

  for (const after of [false, true])
    it(`gives the same when the process dies ${after ? 'after' : 'before'} any step and starts anew`, async () => {
      for (let failAt = 0; failAt < steps; failAt++) {
        const bench = replayOf(recorded)
        await expect(bench.runFleet(batchRecords, failingAt(bench, failAt, after))).rejects.toThrow('killed')
        await bench.runFleet(batchRecords)
        expect(await resultOf(bench, stateKeys)).toBe(expected)
      }
    })

  it('gives the same whatever its batches are', async () => {
    for (const size of [1, 7, 1_000]) {
      const bench = replayOf(recorded)
      await bench.runFleet(size)
      expect(await resultOf(bench, stateKeys)).toBe(expected)
    }
  })

  it('passes over signals that it has had: outputs may come twice after a kill', async () => {
    const twice = recorded.flatMap((frame, at) => (at % 10 === 9 ? [frame, ...recorded.slice(Math.max(0, at - 9), at + 1)] : [frame]))
    const bench = replayOf(twice)
    await bench.runFleet(batchRecords)
    const plain = (rows: readonly object[]): string =>
      JSON.stringify(rows.map((row) => ({ ...row, offset: 0, log_id: '', evidence: '', detail: '' })))
    expect(plain(bench.rowsOf('alarm_events'))).toBe(plain(replayed.rowsOf('alarm_events')))
    const count = async ({ log }: FleetBench): Promise<number> => (await log.bounds('device-events', 0)).next
    expect(await count(bench)).toBe(await count(replayed))
  })
})
