/** When no heartbeat may be sent: each sign that alarms would not reach people, at its bound. */
import { describe, expect, it } from 'vitest'
import { lagRecordsMax, startWatchdog, timeBehindMsMax, unhealthyWhy, type WatchdogDeps } from './watchdog.ts'

const nowMs = 1_000_000
const well = { lagRecords: lagRecordsMax, stuckSinceMs: null, disabled: false, failingSinceMs: null }
const depsOf = (changes: {
  timeMs?: number | null
  fleetMs?: number | null
  isHere?: boolean
  outputs?: Partial<ReturnType<WatchdogDeps['outputs']>>
  answers?: boolean
}): WatchdogDeps => ({
  channel: { send: async () => ({ outcome: 'taken', answer: '204 No Content', retryAfterMs: null }) },
  clock: { nowMs: () => nowMs },
  warehouse: { ping: async () => changes.answers ?? true },
  tenant: 'main',
  everyMs: 60_000,
  timeMs: () => (changes.timeMs === undefined ? nowMs - timeBehindMsMax : changes.timeMs),
  fleet: () => ({ isHere: changes.isHere ?? true, throughMs: changes.fleetMs === undefined ? nowMs - timeBehindMsMax : changes.fleetMs }),
  outputs: () => ({ ...well, ...changes.outputs }),
  onTaken: () => undefined,
  onMissing: () => undefined,
})

describe('a heartbeat is sent', () => {
  it.each([
    ['while all is well, up to the bounds', {}],
    ['while alarms have not been taken in for a minute', { outputs: { stuckSinceMs: nowMs - timeBehindMsMax } }],
    ['while the receiver has failed for a minute', { outputs: { failingSinceMs: nowMs - timeBehindMsMax } }],
  ])('%s', async (_when, changes) => {
    expect(await unhealthyWhy(depsOf(changes))).toBeNull()
  })
})

describe('none is sent', () => {
  it.each([
    [{ timeMs: null }, 'the processors have not told how far they are'],
    [{ timeMs: nowMs - timeBehindMsMax - 1 }, 'the processors are 60 s behind'],
    [{ fleetMs: null }, 'the fleet stage has not told how far it is'],
    [{ fleetMs: nowMs - timeBehindMsMax - 1 }, 'the fleet stage is 60 s behind'],
    [{ outputs: { lagRecords: lagRecordsMax + 1 } }, '5001 records of alarms are not read yet'],
    [{ outputs: { stuckSinceMs: nowMs - timeBehindMsMax - 1 } }, 'alarms cannot be taken in'],
    [{ outputs: { disabled: true } }, 'the receiver of alarms answered 410'],
    [{ outputs: { failingSinceMs: nowMs - timeBehindMsMax - 1 } }, 'alarms do not reach their receiver'],
    [{ answers: false }, 'the warehouse does not answer'],
  ])('%j', async (changes, why) => {
    expect(await unhealthyWhy(depsOf(changes))).toBe(why)
  })
})

it('of several processors the one that has the fleet stage sends it, whoever that is by then', async () => {
  let isHere = false
  let asked = 0
  const told: string[] = []
  const stop = startWatchdog({
    ...depsOf({}),
    everyMs: 2,
    fleet: () => {
      asked++
      return { isHere, throughMs: isHere ? nowMs : null }
    },
    onTaken: () => told.push('taken'),
    onMissing: (why) => told.push(why),
  })
  await expect.poll(() => asked, { timeout: 5_000 }).toBeGreaterThan(3)
  expect(told).toEqual([])
  isHere = true
  await expect.poll(() => told.at(-1), { timeout: 5_000 }).toBe('taken')
  expect(new Set(told)).toEqual(new Set(['taken']))
  await stop()
})
