/** Evidence as the engine keeps it: the newest piece of an episode in its state, at most 8 values, each of bounded length. */
import { type Evidence, evidenceValuesMax } from '../../../model/alarm.ts'

/** A log line's words; the record named beside it holds the whole. */
export const evidenceTextCharsMax = 300

export const boundedEvidence = (evidence: Evidence | null): Evidence | null => {
  if (evidence === null) return null
  const { values } = evidence
  const fits =
    values.length <= evidenceValuesMax && values.every(({ value }) => typeof value !== 'string' || value.length <= evidenceTextCharsMax)
  if (fits) return evidence
  return {
    ...evidence,
    values: values
      .slice(0, evidenceValuesMax)
      .map((one) => (typeof one.value === 'string' ? { ...one, value: one.value.slice(0, evidenceTextCharsMax) } : one)),
  }
}
