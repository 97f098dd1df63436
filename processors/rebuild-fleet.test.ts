/** The fleet stage made anew from its topic: the rows and the state of the stage that ran. */
import { describe, expect, it } from 'vitest'
import type { Row, StoredRecord } from '../model/ports.ts'
import { fleetHistory } from '../test/fleet-history.ts'
import { recordFleet } from '../test/fleet-replay.ts'
import type { FleetStageState } from './domain/fleet/fleet-state.ts'
import { rebuildFleet, type RowSink } from './rebuild.ts'

const { whole, recorded } = await recordFleet(fleetHistory())

const rebuilt = async (records: readonly StoredRecord[], chunk: number) => {
  const rows: Record<string, Row[]> = { alarm_events: [], alarm_episodes: [] }
  let gathered: [string, readonly Row[]][] = []
  const sink: RowSink = {
    add: (table, own) => void gathered.push([table, [...own]]),
    isFull: () => gathered.length > 3,
    flush: async () => {
      for (const [table, own] of gathered) rows[table]?.push(...own)
      gathered = []
    },
  }
  async function* chunks() {
    for (let at = 0; at < records.length; at += chunk) yield records.slice(at, at + chunk)
  }
  const states = await rebuildFleet({ ...whole.fleetDeps, rows: sink, elapsedMs: () => 0, tokens: 'test' }, chunks())
  return { rows, states }
}

const ofFleet = (rows: readonly Row[]): Row[] => rows.filter(({ subject }) => /^(group|platform)\//.test(String(subject)))
const asRan = (states: ReadonlyMap<string, FleetStageState>): Map<string, FleetStageState | undefined> =>
  new Map([...states.keys()].map((key) => [key, whole.fleetStore.get('fleet-signals', 0, key)]))

describe('the fleet stage made anew', () => {
  for (const chunk of [1, 100, 10_000])
    it(`by ${chunk} records has the rows and the state of the one that ran`, async () => {
      const { rows, states } = await rebuilt(recorded, chunk)
      expect(rows['alarm_events']).toEqual(ofFleet(whole.rowsOf('alarm_events')))
      expect(rows['alarm_episodes']).toEqual(ofFleet(whole.rowsOf('alarm_episodes')))
      // Where batches are cut shows only in what is compared with the warehouse at a start.
      expect(states).toEqual(asRan(states))
      for (const name of ['alarms', 'bad', 'firmware', 'fleet', 'group', 'home', 'member', 'situation'])
        expect(
          [...states.keys()].some((key) => key === name || key.startsWith(`${name}:`)),
          name,
        ).toBe(true)
    })

  it('of the half of its topic has the state of then, not that of the end', async () => {
    const { states } = await rebuilt(recorded.slice(0, recorded.length / 2), 100)
    expect(states.get('fleet')).not.toEqual(whole.fleetStore.get('fleet-signals', 0, 'fleet'))
  })
})
