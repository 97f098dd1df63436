/**
 * Alarms of groups and of the platform: the same streams, decider and rows as those of devices. What a group shares them with is
 * told by situations; `turn.ts` gathers what goes out.
 * Before: `outages.ts` and the like.  After: tables `alarm_events` and `alarm_episodes`, the log topic `alarms`.
 */
import type { EvidenceValue, OperatorCommand, Severity } from '../../../model/alarm.ts'
import { alarmTypeOf, type Rule } from '../../../model/rule.ts'
import { episodeIdOf, streamIdOf } from '../alarms/stream-id.ts'
import type { CompiledRules } from '../rules/compile.ts'
import { streamKey } from '../rules/state.ts'
import { type AlarmSink, writeRefused, writeTold } from '../watch/alarm-rows.ts'
import { type AlarmsState, type DeviceAlarms, initialAlarms, openAlarms } from '../watch/device-alarms.ts'
import { allCommandKinds, commandOf } from '../watch/operator-command.ts'
import type { CommandSignal } from '../../../model/fleet-signal.ts'
import type { FleetTurn } from './turn.ts'

export type Telling = {
  resource: string
  rule: Rule
  qualifier: string
  severity: Severity
  verdict: 'active' | 'inactive'
  values: readonly EvidenceValue[]
  raiseLevel?: number
  clearLevel?: number
}

/** The id of the episode that stands after it. */
export const observeGroup = (turn: FleetTurn, telling: Telling): string => {
  const { resource, rule, qualifier, severity, verdict, values, raiseLevel = null, clearLevel = null } = telling
  const { place } = turn
  const nowMs = nowOf(turn)
  let episode = 0
  withGroup(turn, resource, (alarms) => {
    const key = { type: rule.id, qualifier }
    alarms.observe(
      key,
      {
        kind: 'Observe',
        sourceEventId: `fleet-signals:${place.partition}:${place.offset}#${turn.observations++} ${rule.id} ${resource} ${qualifier}`,
        verdict,
        severity,
        observedAtMs: nowMs,
        atMs: nowMs,
        watermarkMs: null,
        ruleVersion: rule.version,
        evidence: {
          topic: 'fleet-signals',
          partition: place.partition,
          firstOffset: place.offset,
          lastOffset: place.offset,
          values,
          raiseLevel,
          clearLevel,
        },
      },
      { onDelayMs: rule.onDelayMs, offDelayMs: rule.offDelayMs },
    )
    episode = alarms.stateOf(streamKey(rule.id, qualifier))?.episode ?? 0
  })
  return episodeIdOf(streamIdOf(turn.tenant, { resource, type: rule.id, qualifier }), { episode, foundLate: false })
}

/** The group's own alarm as part of a situation: its root, or a symptom of a wider one. */
export const correlateGroup = (
  turn: FleetTurn,
  { resource, rule, qualifier }: { resource: string; rule: string; qualifier: string },
  { situation, role, reason }: { situation: string; role: 'root' | 'symptom'; reason: string },
): void =>
  withGroup(turn, resource, (alarms) => {
    alarms.tell(streamKey(rule, qualifier), { kind: 'Correlate', situation, role, reason, atMs: nowOf(turn) })
  })

/** Its rule is no longer in force: nobody would judge it again. */
export const retireGroup = (turn: FleetTurn, { resource, rule, qualifier }: { resource: string; rule: string; qualifier: string }): void =>
  withGroup(turn, resource, (alarms) => {
    const key = streamKey(rule, qualifier)
    if (alarms.stateOf(key) !== null) alarms.tell(key, { kind: 'RetireRule', atMs: nowOf(turn) })
  })

/** Deadlines of the streams that have one. */
export const fireDue = (turn: FleetTurn): void => {
  const nowMs = nowOf(turn)
  for (const [resource, dueMs] of Object.entries(turn.state.due)) if (dueMs <= nowMs) withGroup(turn, resource, (alarms) => alarms.fire())
}

/** What a person asks of an alarm of a group; one that cannot be done is a row of its own. */
export const commandGroup = (turn: FleetTurn, { subject, actor, command: body }: CommandSignal): void => {
  const nowMs = nowOf(turn)
  withGroup(turn, subject, (alarms, sink) => {
    const own = alarms.find(body.stream)
    const command: OperatorCommand | null = commandOf(body, actor, nowMs)
    const refusal =
      own === null
        ? { code: 'EPISODE_UNKNOWN' as const, detail: `Expected a stream of alarms of ${subject}, got ${body.stream}` }
        : command === null
          ? { code: 'COMMAND_UNKNOWN' as const, detail: `Expected one of ${allCommandKinds.join(', ')}, got ${body.name}` }
          : alarms.tell(own, command)
    if (refusal === null) return
    const key = own === null ? { resource: subject, type: '', qualifier: '' } : alarms.keyOf(own)
    const expectedEpisode = Math.min(Math.max(0, Math.trunc(body.expectedEpisode)), 2 ** 32 - 1)
    const said = { name: body.name, actor, commandId: body.commandId, expectedEpisode }
    writeRefused(sink, { stream: body.stream, key, state: own === null ? null : alarms.stateOf(own), refusal, command: said, atMs: nowMs })
  })
}

/** Before all partitions have told the time, that of the record. */
export const nowOf = ({ state, atMs }: FleetTurn): number => (state.nowMs > 0 ? state.nowMs : atMs)

/** Makes what was counted or said at the stage's time. */
export const valuesNow = (turn: FleetTurn) => {
  const observedAtMs = nowOf(turn)
  return (name: string, value: number | string, unit = ''): EvidenceValue => ({ name, value, unit, observedAtMs })
}

const withGroup = (turn: FleetTurn, resource: string, work: (alarms: DeviceAlarms, sink: AlarmSink) => void): void => {
  const { tenant, place, atMs, overlay, rows, records, state, onLimit } = turn
  const stored: AlarmsState = overlay.look('alarms', resource) ?? initialAlarms(resource)
  const sink: AlarmSink = {
    tenant,
    subject: resource,
    place,
    topic: 'fleet-signals',
    receivedAtMs: atMs,
    rows,
    records,
    audienceOf: (type) => {
      const rule = state.rules?.rules.find(({ id }) => id === type)
      return {
        class: resource.startsWith('platform/') ? 'platform' : 'group',
        notifies: rule?.notify.critical ?? true,
        model: '',
        site: '',
      }
    },
  }
  const rules = state.rules?.rules ?? []
  const alarms = openAlarms(stored, {
    tenant,
    rules: compiled(rules),
    typeOf: (type) => rules.filter(({ id }) => id === type).map(alarmTypeOf)[0],
    nowMs: nowOf(turn),
    onTold: (told) => writeTold(sink, told),
    onLimit,
  })
  work(alarms, sink)
  const { isChanged, dueMs } = alarms.close()
  if (isChanged) overlay.keep('alarms', resource, stored)
  if (dueMs > 0) state.due[resource] = dueMs
  else Reflect.deleteProperty(state.due, resource)
}

const compiled = (rules: readonly Rule[]): Pick<CompiledRules, 'rules' | 'dependents'> => {
  const dependents = new Map<string, string[]>()
  for (const { id, dependsOn } of rules) for (const cause of dependsOn) dependents.set(cause, [...(dependents.get(cause) ?? []), id])
  return { rules: new Map(rules.map((rule) => [rule.id, rule])), dependents }
}
