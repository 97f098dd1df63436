import { describe, expect, it } from 'vitest'
import type { OperatorCommand } from '../../../model/alarm.ts'
import { by, dayMs, hourMs, liveThrough, observeOf, policyOf, startMs, tick } from '../../../test/alarm-fakes.ts'
import { reasonCharsMax } from './alarm-limits.ts'

const raised = liveThrough(policyOf(), [observeOf('active', 0)]).state
const shelve = (untilMs: number | null, change: Partial<OperatorCommand & { kind: 'Shelve' }> = {}): OperatorCommand => ({
  ...by(1),
  kind: 'Shelve',
  untilMs: untilMs === null ? null : startMs + untilMs,
  oneShot: untilMs === null,
  reason: 'waits for the part',
  ...change,
})
const codesOf = (command: OperatorCommand) => liveThrough(policyOf(), [command], raised).refusals.map(({ code }) => code)

describe('shelving', () => {
  it('ends at its time, to the millisecond', () => {
    const shelved = liveThrough(policyOf(), [shelve(hourMs)], raised)
    expect(shelved.state.shelf).toEqual({ is: 'timed', untilMs: startMs + hourMs, reason: 'waits for the part' })
    expect(liveThrough(policyOf(), [tick(hourMs - 1)], shelved.state).events).toEqual([])
    expect(liveThrough(policyOf(), [tick(hourMs)], shelved.state).events).toEqual([
      { kind: 'Unshelved', cause: 'expired', actor: null, commandId: null, episode: 1, atMs: startMs + hourMs, version: 3 },
    ])
  })

  it('of one shot ends with the clear', () => {
    const { events, state } = liveThrough(policyOf(), [shelve(null), observeOf('inactive', hourMs)], raised)
    expect(events.slice(1)).toMatchObject([{ kind: 'AlarmCleared' }, { kind: 'Unshelved', cause: 'cleared' }])
    expect(state.shelf).toEqual({ is: 'none' })
  })

  it('lasts 7 days at most, and not nothing', () => {
    expect(codesOf(shelve(1 + 7 * dayMs))).toEqual([])
    expect(codesOf(shelve(2 + 7 * dayMs))).toEqual(['SHELF_END_INVALID'])
    expect(codesOf(shelve(2))).toEqual([])
    expect(codesOf(shelve(1))).toEqual(['SHELF_END_INVALID'])
    expect(codesOf(shelve(hourMs, { oneShot: true }))).toEqual(['SHELF_END_INVALID'])
    expect(codesOf(shelve(null, { oneShot: false }))).toEqual(['SHELF_END_INVALID'])
  })

  it('needs a reason that fits', () => {
    expect(codesOf(shelve(hourMs, { reason: ' ' }))).toEqual(['REASON_MISSING'])
    expect(codesOf(shelve(hourMs, { reason: 'x'.repeat(reasonCharsMax + 1) }))).toEqual(['TEXT_TOO_LONG'])
  })

  it('is possible before the first raise, so that known works raise no dust', () => {
    const { state } = liveThrough(policyOf(), [shelve(hourMs, { expectedEpisode: 0 }), observeOf('active', 2)])
    expect(state).toMatchObject({ episode: 1, shelf: { is: 'timed' } })
  })

  it('a person ends it before its time', () => {
    const { events } = liveThrough(policyOf(), [shelve(hourMs), { ...by(2), kind: 'Unshelve' }], raised)
    expect(events.at(-1)).toMatchObject({ kind: 'Unshelved', cause: 'operator', actor: 'ann' })
  })
})
