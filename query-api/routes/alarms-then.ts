/** The alarms that stood at a moment, as a device's state and both sides of a difference show them. */
import { type Static, Type } from 'typebox'
import { alarmIdOf } from '../domain/alarm-id.ts'
import { reasonInShort } from '../domain/alarm-explanation.ts'
import { alarmsAt } from '../domain/alarms-at.ts'
import { toTime } from '../domain/time.ts'
import { eventsAround } from '../queries/alarms.ts'
import { SeverityName } from './alarm-item.ts'
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

export const alarmsThen = async (
  { scope, deps }: RouteContext,
  subject: string,
  { atMs, throughMs, knownMs }: { atMs: number; throughMs: number; knownMs: number | null },
): Promise<Static<typeof AlarmThen>[]> => {
  const events = await eventsAround(scope, { subject, atMs: throughMs, knownMs })
  const rules = new Map((events.length === 0 ? [] : (deps.rules ?? [])).map((rule) => [rule.id, rule]))
  const stood = alarmsAt(
    events.map((row) => ({
      id: alarmIdOf({ stream: row.stream, episode: row.episode, foundLate: row.found_late === 1 }),
      type: row.type,
      qualifier: row.qualifier,
      foundLate: row.found_late === 1,
      kind: row.kind,
      severity: row.severity,
      actor: row.actor,
      atMs: row.at_ms,
      observedMs: row.observed_ms,
      detail: row.detail === '' ? {} : (JSON.parse(row.detail) as Record<string, unknown>),
    })),
    throughMs,
  )
  return stood.map(({ raisedMs, detectedMs, evidence, ...alarm }) => ({
    ...alarm,
    title: rules.get(alarm.type)?.title ?? null,
    text: reasonInShort(alarm, rules.get(alarm.type), evidence, 'UTC'),
    raisedAt: toTime(raisedMs),
    detectedAt: toTime(detectedMs),
    ageSeconds: Math.max(0, atMs - raisedMs) / 1_000,
  }))
}
