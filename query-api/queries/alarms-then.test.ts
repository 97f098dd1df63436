import { describe, expect, it } from 'vitest'
import { fakeWarehouse } from '../fakes.ts'
import { ProblemError } from '../domain/problems.ts'
import { everyAlarm } from '../domain/alarm-row.ts'
import { alarmsThen, episodesThenMax, eventsThenMax } from './alarms-then.ts'

const knownMs = Date.UTC(2026, 10, 25, 3, 15)
const row = (episode: number, updatedMs: number) => ({
  stream: 'alarm-1',
  episode,
  found_late: 0,
  updated_ms: updatedMs,
  cleared_ms: null,
  retracted: 0,
})
const rowsOf = (count: number, updatedMs = knownMs) => Array.from({ length: count }, (_, index) => row(index + 1, updatedMs))
const raise = { stream: 'alarm-1', episode: 1, found_late: 0, kind: 'AlarmRaised', severity: 'major', at_ms: 0, observed_ms: 0, detail: '' }

const asked: string[] = []
const then = async (episodes: object[], events: object[] = []) => {
  asked.length = 0
  const warehouse = fakeWarehouse((sql) => {
    asked.push(sql.includes('FROM alarm_events') ? 'events' : 'episodes')
    return sql.includes('FROM alarm_events') ? events : episodes
  })
  return alarmsThen({ warehouse, tenant: 'main' }, everyAlarm, { knownMs, atMs: null })
}
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof ProblemError ? error.problem.code : String(error)),
  )

describe('alarms of a moment', () => {
  it('that nothing changed since are not folded', async () => {
    expect(await then(rowsOf(1, knownMs))).toHaveLength(1)
    expect(asked).toEqual(['episodes'])
    expect(await then(rowsOf(1, knownMs + 1), [raise])).toHaveLength(1)
    expect(asked).toEqual(['episodes', 'events'])
  })

  it('are at most so many, and of so many events; beyond it is a refusal that says how to narrow', async () => {
    expect(await then(rowsOf(episodesThenMax))).toHaveLength(episodesThenMax)
    expect(await codeOf(then(rowsOf(episodesThenMax + 1)))).toBe('TOO_MANY_ALARMS')
    const events = (count: number) => Array.from({ length: count }, () => raise)
    expect(await codeOf(then(rowsOf(1, knownMs + 1), events(eventsThenMax)))).toBe('none')
    expect(await codeOf(then(rowsOf(1, knownMs + 1), events(eventsThenMax + 1)))).toBe('TOO_MANY_ALARMS')
  })
})
