/**
 * All that was last known of a subject at a moment, in statements that run side by side: two, and one for the radio, which is
 * followed by the names of its cell. More is asked where the rows shortly before do not hold it: series that were silent, an older radio snapshot, a presence that was repeated often.
 */
import { bootOf, bootSigns, presenceChanges, presenceOf, recorderGap, ticksAround } from './presence.ts'
import { type CellNameRow, cellNames, newestRadio, radioAt, type RadioRow, recentRadio } from './radio.ts'
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
  type ReadingRow,
  recentCounters,
  recentMeasurements,
  type SeriesDay,
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
  const { knownMs } = moment
  const params = momentParams(scope, moment)
  const parts = commonParts(scope, moment)
  const [[recent, days, ticks], [counters, series, facts, changes, signs], { radio, cells }, older] = await Promise.all([
    askTogether(warehouse, [...parts.measured, ticksAround(scope, asked.atMs, knownMs)]),
    askTogether(warehouse, [...parts.counted, presenceChanges(params, knownMs), bootSigns(params, knownMs)]),
    radioThen(scope, params, moment),
    olderKnown(scope, moment),
  ])
  const [state, presence, boot, gap] = await Promise.all([
    finished(scope, moment, [recent, days], [counters, series, facts], older),
    presenceOf(scope, changes, moment),
    bootOf(scope, signs, moment),
    recorderGap(scope, ticks, { ...asked, knownMs }),
  ])
  return { ...state, radio, cells, presence, boot, gap }
}

const radioThen = async (
  scope: Scope,
  params: Record<string, unknown>,
  { subject, atMs, knownMs }: SubjectMoment,
): Promise<{ radio: RadioRow | undefined; cells: CellNameRow[] }> => {
  const [snapshots] = await askTogether(scope.warehouse, [recentRadio(params, atMs, knownMs)])
  const radio = newestRadio(snapshots) ?? (await radioAt(scope, subject, atMs, knownMs))
  const id = radio?.cell_id ?? null
  return { radio, cells: await cellNames(scope, id === null ? [] : [id]) }
}

const commonParts = (scope: Scope, moment: SubjectMoment) => {
  const params = momentParams(scope, moment)
  return {
    measured: [recentMeasurements(params, moment.knownMs), measurementDays(params)],
    counted: [recentCounters(params, moment.knownMs), counterDays(params, moment.knownMs), factsPart(params, moment.knownMs)],
  } as const
}

/** Rollups do not know when their rows arrived: silent series, as they were known then, are looked for in the rows of all days. */
const olderKnown = async (scope: Scope, moment: SubjectMoment): Promise<ReadingRow[] | null> => {
  if (moment.knownMs === null) return null
  const [rows] = await askTogether(scope.warehouse, [olderMeasurementsKnown(momentParams(scope, moment), moment.knownMs)])
  return rows
}

const finished = async (
  scope: Scope,
  moment: SubjectMoment,
  [recent, days]: readonly [ReadingRow[], SeriesDay[]],
  [counters, series, facts]: readonly [LastCounterRow[], LastDaysRow[], LastFactRow[]],
  older: ReadingRow[] | null,
): Promise<SubjectState> => {
  const params = momentParams(scope, moment)
  const [measurements, allCounters] = await Promise.all([
    older === null ? withSilentMeasurements(scope, params, recent, days) : joinedMeasurements(recent, older),
    withSilentCounters(scope, params, moment.knownMs, counters, series),
  ])
  return { measurements, counters: allCounters, facts: factsByName(facts) }
}
