/** The alarms that stood at a moment, as a device's state and both sides of a difference show them. */
import { type Static, Type } from 'typebox'
import { idOfRow } from '../domain/alarm-id.ts'
import { reasonInShort } from '../domain/alarm-explanation.ts'
import { everyAlarm } from '../domain/alarm-row.ts'
import { toTime } from '../domain/time.ts'
import { alarmsThen } from '../queries/alarms-then.ts'
import { evidenceOf, rulesById, SeverityName } from './alarm-item.ts'
import type { RouteContext } from './context.ts'
import { choice, TextOrNull, Time } from './schemas.ts'

export const AlarmThen = Type.Object({
  id: Type.String(),
  type: Type.String(),
  qualifier: Type.String(),
  title: TextOrNull,
  text: Type.String({ description: 'What had been seen last, in one sentence; may quote the device: escape it before showing.' }),
  severity: Type.Unsafe<Static<typeof SeverityName>>({ ...SeverityName, description: 'At that moment.' }),
  unknown: Type.Boolean({ description: 'Nothing could be told of it then: neither up nor down.' }),
  operator: choice(['none', 'ack', 'closed']),
  raisedAt: Time,
  detectedAt: Time,
  foundLate: Type.Boolean(),
  ageSeconds: Type.Number({ description: 'Seconds from `raisedAt` to `at`.' }),
})

/** Newest first. */
export const deviceAlarmsThen = async (
  context: RouteContext,
  subject: string,
  { atMs, throughMs, knownMs }: { atMs: number; throughMs: number; knownMs: number | null },
): Promise<Static<typeof AlarmThen>[]> => {
  const rows = await alarmsThen(context.scope, { ...everyAlarm, state: 'active', subject }, { knownMs, atMs: throughMs })
  const rules = rulesById(context)
  return rows
    .sort((one, other) => other.raised_ms - one.raised_ms || (idOfRow(one) < idOfRow(other) ? -1 : 1))
    .map((row) => ({
      id: idOfRow(row),
      type: row.type,
      qualifier: row.qualifier,
      title: rules.get(row.type)?.title ?? null,
      text: reasonInShort(row, rules.get(row.type), evidenceOf(row.evidence), 'UTC'),
      severity: row.severity,
      unknown: row.condition === 'unknown',
      operator: row.operator,
      raisedAt: toTime(row.raised_ms),
      detectedAt: toTime(row.detected_ms),
      foundLate: row.found_late === 1,
      ageSeconds: Math.max(0, atMs - row.raised_ms) / 1_000,
    }))
}
