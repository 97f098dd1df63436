/** A window as one number, and a number as evidence. */
import type { EvidenceValue } from '../../../model/alarm.ts'
import { metricDefinition } from '../../../model/measurement-catalogue.ts'
import type { LevelCondition } from '../../../model/rule.ts'
import type { Run } from './outcome.ts'
import { aggregateOf } from './windows.ts'

/** Null: the aggregate says nothing about these, or what it is divided by is not known. */
export const numberOf = ({ state }: Run, { aggregate, shareOf, dividedBy }: LevelCondition, values: readonly number[]): number | null => {
  const value = aggregateOf(aggregate, values, shareOf)
  if (value === null || dividedBy === null) return value
  const divisor = dividedBy.metric !== null ? state.readings[dividedBy.metric] : Number(state.words[dividedBy.fact ?? ''] ?? NaN)
  return divisor === undefined || !(divisor > 0) ? null : value / divisor
}

export const valueOf = (name: string, metric: string, value: number, observedAtMs: number): EvidenceValue => ({
  name,
  value,
  unit: metricDefinition(metric)?.unit ?? '',
  observedAtMs,
})
