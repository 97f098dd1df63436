import { describe, expect, it } from 'vitest'
import type { AlarmFact } from './alarm-fact.ts'
import { asOf, foldAlarms } from './alarm-fold.ts'
import { fits, everyAlarm } from './alarm-row.ts'

const fact = (kind: string, atMs: number, more: Partial<AlarmFact> = {}): AlarmFact => ({
  subject: '00-11-22-33-44-55',
  stream: 'alarm-1',
  episode: 1,
  found_late: 0,
  resource: 'dwr/311-a1/00-11-22-33-44-55',
  type: 'wan.down',
  qualifier: '',
  kind,
  severity: 'minor',
  actor: '',
  at_ms: atMs,
  observed_ms: atMs,
  rule_version: 1,
  detail: {},
  ...more,
})
const raised = fact('AlarmRaised', 1_000, { detail: { raisedAtMs: 1_000 } })
const folded = (facts: readonly AlarmFact[], atMs: number | null) =>
  [...foldAlarms(facts, atMs).values()].flatMap((row) => (atMs === null ? [row] : (asOf(row, atMs) ?? [])))
const standing = (facts: readonly AlarmFact[], atMs: number | null) =>
  folded(facts, atMs)
    .filter((row) => fits(row, { ...everyAlarm, state: 'active' }))
    .map(({ stream, episode, severity }) => `${stream}:${String(episode)} ${severity}`)

describe('the alarms that stood at a moment', () => {
  it('stand from the moment of the raise to before the moment of the clear', () => {
    const facts = [raised, fact('AlarmCleared', 2_000, { detail: { clearedAtMs: 2_000 } })]
    expect(standing(facts, 999)).toEqual([])
    expect(standing(facts, 1_000)).toEqual(['alarm-1:1 minor'])
    expect(standing(facts, 1_999)).toEqual(['alarm-1:1 minor'])
    expect(standing(facts, 2_000)).toEqual([])
  })

  it('have the severity of their last change before it, not of a later one', () => {
    const facts = [raised, fact('SeverityChanged', 1_500, { severity: 'major' })]
    expect(standing(facts, 1_499)).toEqual(['alarm-1:1 minor'])
    expect(standing(facts, 1_500)).toEqual(['alarm-1:1 major'])
  })

  it('are as what came late amended them, whenever it came: begin, end and severity; what it left alone stays', () => {
    const amended = (detail: AlarmFact['detail']): AlarmFact[] => [raised, fact('AlarmAmended', 9_000, { severity: 'minor', detail })]
    expect(standing(amended({ raisedAtMs: 500, clearedAtMs: null, severity: 'critical' }), 500)).toEqual(['alarm-1:1 critical'])
    expect(standing(amended({ raisedAtMs: null, clearedAtMs: 1_200, severity: null }), 1_199)).toEqual(['alarm-1:1 minor'])
    expect(standing(amended({ raisedAtMs: null, clearedAtMs: 1_200, severity: null }), 1_200)).toEqual([])
  })

  it('do not stand when they were taken back', () => {
    expect(standing([raised, fact('AlarmRetracted', 9_000)], 1_000)).toEqual([])
  })

  it('have not ended yet: the condition is that of then, and so is what a person had done', () => {
    const facts = [
      raised,
      fact('ClearDelayStarted', 1_500),
      fact('Acknowledged', 1_600, { actor: 'ann' }),
      fact('AlarmCleared', 2_000, { detail: { clearedAtMs: 1_900, cause: 'condition' } }),
    ]
    const at = (atMs: number) =>
      folded(facts, atMs).map(({ condition, operator, cleared_ms, clear_cause }) => [condition, operator, cleared_ms, clear_cause])
    expect(at(1_499)).toEqual([['active', 'none', null, '']])
    expect(at(1_599)).toEqual([['clearing', 'none', null, '']])
    expect(at(1_899)).toEqual([['clearing', 'ack', null, '']])
    expect(at(1_900)).toEqual([['normal', 'ack', 1_900, 'condition']])
  })
})

describe('the alarms as they were known', () => {
  it('keep their shelf and what holds them down over a new raise, and lose them with its end', () => {
    const facts = [
      raised,
      fact('Shelved', 1_100, { detail: { untilMs: 9_000, oneShot: false } }),
      fact('Suppressed', 1_200, { detail: { suppressor: { kind: 'alarm', by: 'alarm-2:1', untilMs: null } } }),
      fact('AlarmCleared', 2_000, { detail: { clearedAtMs: 2_000 } }),
      fact('AlarmRaised', 3_000, { episode: 2, detail: { raisedAtMs: 3_000 } }),
      fact('Unsuppressed', 4_000, { episode: 2, detail: { by: 'alarm-2:1' } }),
      fact('Unshelved', 5_000, { episode: 2, detail: { cause: 'expired' } }),
    ]
    const known = (count: number) =>
      folded(facts.slice(0, count), null).map(({ shelf, shelved_until_ms, suppressed_by }) => [shelf, shelved_until_ms, suppressed_by])
    expect(known(5)[1]).toEqual(['timed', 9_000, ['alarm-2:1']])
    expect(known(6)[1]).toEqual(['timed', 9_000, []])
    expect(known(7)[1]).toEqual(['none', null, []])
  })

  it('know nothing of an episode whose raise is not among the events', () => {
    expect(folded([fact('Commented', 2_000)], null)).toEqual([])
  })
})

it('a row that nothing changed since is as it was, but for an end that had not come', () => {
  const [row] = folded([raised, fact('AlarmCleared', 2_000, { detail: { clearedAtMs: 2_000, cause: 'condition' } })], null)
  if (row === undefined) throw new Error('expected a row')
  expect(asOf(row, 2_000)).toEqual(row)
  expect(asOf(row, 1_999)).toEqual({ ...row, cleared_ms: null, first_cleared_ms: null, clear_cause: '', condition: 'active' })
  expect(asOf(row, 999)).toBeNull()
})
