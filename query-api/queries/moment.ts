/**
 * All that was last known of a subject at a moment, in two statements that run side by side. A third is asked where the rows
 * shortly before do not hold it: series that were silent, an older radio snapshot, a presence that was repeated often.
 */
import { bootPart, presenceChanges, presenceOf, recorderGap, ticksAround } from './presence.ts'
import { newestRadio, radioAt, recentRadio } from './radio.ts'
import type { Scope } from './scope.ts'
import {
  counterDays,
  factsByName,
  factsPart,
  joinedMeasurements,
  type LastCounterRow,
  type LastDaysRow,
  type LastFactRow,
  type LastMeasurementRow,
  measurementDays,
  momentParams,
  olderMeasurementsKnown,
  recentCounters,
  recentMeasurements,
  type SubjectMoment,
  withSilentCounters,
  withSilentMeasurements,
} from './state.ts'
import { askTogether } from './together.ts'

export type SubjectState = { measurements: LastMeasurementRow[]; counters: LastCounterRow[]; facts: LastFactRow[] }

/** Measurements, counters and facts: all that a place has. */
export const subjectAt = async (scope: Scope, moment: SubjectMoment): Promise<SubjectState> => {
  const parts = commonParts(scope, moment)
  const [measured, counted, older] = await Promise.all([
    askTogether(scope.warehouse, parts.measured),
    askTogether(scope.warehouse, parts.counted),
    olderKnown(scope, moment),
  ])
  return finished(scope, moment, measured, counted, older)
}

/** Also radio, presence, boot, and whether the recorder ran at `asked.atMs`; undefined where nothing is known. */
export const deviceAt = async (scope: Scope, moment: SubjectMoment, asked: { atMs: number; nowMs: number }) => {
  const { warehouse } = scope
  const { subject, atMs, knownMs } = moment
  const params = momentParams(scope, moment)
  const parts = commonParts(scope, moment)
  const [[recent, days, snapshots, ticks], [counters, series, facts, changes, boots], older] = await Promise.all([
    askTogether(warehouse, [...parts.measured, recentRadio(params, atMs, knownMs), ticksAround(scope, asked.atMs, knownMs)]),
    askTogether(warehouse, [...parts.counted, presenceChanges(params, knownMs), bootPart(params, knownMs)]),
    olderKnown(scope, moment),
  ])
  const [state, radio, presence, gap] = await Promise.all([
    finished(scope, moment, [recent, days], [counters, series, facts], older),
    newestRadio(snapshots) ?? radioAt(scope, subject, atMs, knownMs),
    presenceOf(scope, changes, moment),
    recorderGap(scope, ticks, { ...asked, knownMs }),
  ])
  return { ...state, radio, presence, boot: boots[0], gap }
}

const commonParts = (scope: Scope, moment: SubjectMoment) => {
  const params = momentParams(scope, moment)
  return {
    measured: [recentMeasurements(params, moment.knownMs), measurementDays(params)],
    counted: [recentCounters(params, moment.knownMs), counterDays(params, moment.knownMs), factsPart(params, moment.knownMs)],
  } as const
}

/** Rollups do not know when their rows arrived: silent series, as they were known then, are looked for in the rows of all days. */
const olderKnown = async (scope: Scope, moment: SubjectMoment): Promise<LastMeasurementRow[] | null> => {
  if (moment.knownMs === null) return null
  const [rows] = await askTogether(scope.warehouse, [olderMeasurementsKnown(momentParams(scope, moment), moment.knownMs)])
  return rows
}

const finished = async (
  scope: Scope,
  moment: SubjectMoment,
  [recent, days]: readonly [LastMeasurementRow[], LastDaysRow[]],
  [counters, series, facts]: readonly [LastCounterRow[], LastDaysRow[], LastFactRow[]],
  older: LastMeasurementRow[] | null,
): Promise<SubjectState> => {
  const params = momentParams(scope, moment)
  const [measurements, allCounters] = await Promise.all([
    older === null ? withSilentMeasurements(scope, params, recent, days) : joinedMeasurements(recent, older),
    withSilentCounters(scope, params, moment.knownMs, counters, series),
  ])
  return { measurements, counters: allCounters, facts: factsByName(facts) }
}
