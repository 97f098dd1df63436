/**
 * Has the level moved for good: the median of the last 3 days against that of the 21 before, by 4 of their deviations and by a
 * least amount (6 dB for a signal). An antenna that lost its place shows here and nowhere else.
 */
import { medianOf, type Rop, ropsPerDay } from './rop-series.ts'

export type LevelShift = { atMs: number; from: number; to: number; deviations: number }

const dayMs = 86_400_000
const recentDays = 3
const priorDays = 21
const deviationsLeast = 4
const coverageLeast = 0.7

/** Null: no shift, or too little is known. */
export const levelShiftOf = (rops: readonly Rop[], nowMs: number, least: number): LevelShift | null => {
  const recent: number[] = []
  const prior: number[] = []
  for (const { startMs, value } of rops) {
    if (startMs >= nowMs - recentDays * dayMs) recent.push(value)
    else if (startMs >= nowMs - (recentDays + priorDays) * dayMs) prior.push(value)
  }
  if (recent.length < coverageLeast * recentDays * ropsPerDay || prior.length < coverageLeast * priorDays * ropsPerDay) return null
  const [from, to] = [medianOf(prior), medianOf(recent)]
  const mad = medianOf(prior.map((value) => Math.abs(value - from)))
  const shift = Math.abs(to - from)
  if (shift === 0 || shift < least || shift < deviationsLeast * mad) return null
  return { atMs: nowMs, from, to, deviations: mad === 0 ? deviationsLeast : Math.round((shift / mad) * 10) / 10 }
}
