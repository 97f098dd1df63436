/** Shape of an explanation: the reference of its fields. */
import { Type } from 'typebox'
import { evidenceMessagesMax } from '../queries/alarm-evidence.ts'
import { nullable, NumberOrNull, TextOrNull, Time, TimeOrNull } from './schemas.ts'

export const EvidenceData = Type.Object({
  topic: Type.String({ description: 'Of the log.' }),
  partition: Type.Integer(),
  firstOffset: Type.Integer(),
  lastOffset: Type.Integer(),
  values: Type.Array(
    Type.Object({
      name: Type.String(),
      value: Type.Union([Type.Number(), Type.String(), Type.Null()]),
      unit: Type.String({ description: 'UCUM; empty where it has none.' }),
      text: Type.String({ description: 'The value with its unit as people write it.' }),
      observedAt: Time,
    }),
  ),
  raiseLevel: NumberOrNull,
  clearLevel: NumberOrNull,
  raiseText: TextOrNull,
  clearText: TextOrNull,
})

export const Explanation = Type.Object({
  words: Type.Array(Type.String(), { description: 'In the order in which they are read; may quote a device: escape before showing.' }),
  rule: Type.Object({
    id: Type.String(),
    version: Type.Integer({ description: 'That decided.' }),
    inForce: Type.Union([Type.Integer(), Type.Null()], { description: 'Version that is loaded; null: none.' }),
    title: TextOrNull,
    why: TextOrNull,
    cause: TextOrNull,
    action: TextOrNull,
    runbook: TextOrNull,
    runbookUrl: TextOrNull,
    eventType: TextOrNull,
    clearsByItself: Type.Union([Type.Boolean(), Type.Null()]),
    condition: Type.Unknown({ description: 'As loaded: levels, window, aggregate, counts.' }),
    dependsOn: Type.Array(Type.String()),
  }),
  thresholds: Type.Object(
    { raise: NumberOrNull, clear: NumberOrNull },
    { description: 'That were compared with; null for rules without levels.' },
  ),
  evidence: nullable(EvidenceData),
  newestEvidence: nullable(EvidenceData),
  periods: Type.Array(Time, { description: 'Starts of the periods of 15 minutes that the evidence fills.' }),
  messages: Type.Array(
    Type.Object({
      topic: Type.String({ description: 'MQTT topic.' }),
      place: Type.String({ description: 'partition:offset in the log.' }),
      receivedAt: Time,
      observedAt: Time,
      outcome: Type.String(),
      explain: Type.String({ description: 'Address of the message with its payload.' }),
    }),
    { description: `The device’s messages between those offsets, newest first, at most ${String(evidenceMessagesMax)}.` },
  ),
  timers: Type.Object({
    onDelaySeconds: NumberOrNull,
    offDelaySeconds: NumberOrNull,
    raiseDelay: nullable(Type.Object({ startedAt: Time, dueAt: TimeOrNull })),
    clearDelay: nullable(Type.Object({ startedAt: Time, dueAt: TimeOrNull }, { description: 'It runs now.' })),
    clearsWithoutRepeatAt: TimeOrNull,
    shelvedUntil: TimeOrNull,
  }),
  suppressedBy: Type.Array(Type.Object({ kind: Type.String(), by: Type.String(), reason: Type.String(), since: Time })),
  groupedBy: nullable(Type.Object({ situation: Type.String(), role: Type.String(), reason: Type.String() })),
  links: Type.Object({
    device: TextOrNull,
    stateThen: TextOrNull,
    timeline: TextOrNull,
    rule: Type.String(),
    runbook: TextOrNull,
    runbookUrl: TextOrNull,
  }),
})
