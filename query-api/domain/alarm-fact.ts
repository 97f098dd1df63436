/** One event of an alarm, as it is folded: its row and what its detail says. */
import type { EpisodeOf } from './alarm-row.ts'

/** A row of `alarm_events`, its detail read. */
export type AlarmFact = EpisodeOf & {
  kind: string
  severity: string
  actor: string
  at_ms: number
  observed_ms: number
  rule_version: number
  detail: Readonly<Record<string, unknown>>
}

/** When it was so, by the device's time. */
export const momentOf = (fact: AlarmFact): number =>
  numberOf(fact, fact.kind === 'AlarmCleared' ? 'clearedAtMs' : 'raisedAtMs') ?? fact.observed_ms

/** Whole, as the table has them. */
export const numberOf = ({ detail }: AlarmFact, name: string): number | null => {
  const value = detail[name]
  return typeof value === 'number' ? Math.round(value) : null
}
export const textOf = ({ detail }: AlarmFact, name: string): string => textIn(detail, name)
export const textIn = (holder: unknown, name: string): string => {
  const value = typeof holder === 'object' && holder !== null ? (holder as Record<string, unknown>)[name] : undefined
  return typeof value === 'string' ? value : ''
}
