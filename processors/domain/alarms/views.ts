/**
 * One alarm as other systems name it: 3GPP TS 28.532, TMF642 v4, RFC 8632. Views only: nothing is decided here, and no
 * standard's integers are used (theirs disagree). Unknown is shown as still active with the word beside it, since none of the
 * three has a value for it.
 */
import { type AlarmEventType, type AlarmKey, type AlarmType, type Severity, severityRank } from '../../../model/alarm.ts'
import { type AlarmState, isLive } from './alarm-state.ts'
import { episodeIdOf } from './stream-id.ts'

export type ViewedAlarm = { stream: string; key: AlarmKey; type: AlarmType; state: AlarmState }

export type PerceivedSeverity = Uppercase<Severity> | 'CLEARED'

/** 3GPP: acknowledged or not, and a severity that says cleared. */
export const ackStateOf = ({ operator }: AlarmState): 'ACKNOWLEDGED' | 'UNACKNOWLEDGED' =>
  operator.is === 'none' ? 'UNACKNOWLEDGED' : 'ACKNOWLEDGED'

export const perceivedSeverityOf = (state: AlarmState): PerceivedSeverity => {
  const { last } = state
  return last !== null && isLive(state) ? (last.severity.toUpperCase() as Uppercase<Severity>) : 'CLEARED'
}

/** Of what the alarm is about, for metrics of availability: unknown counts as neither. */
export const availabilityOf = (state: AlarmState): 'up' | 'down' | 'unknown' => {
  if (state.condition.is === 'unknown') return 'unknown'
  return isLive(state) ? 'down' : 'up'
}

/** TS 28.532 AlarmRecord, the fields that we know. Null before the first raise. */
export const alarmRecordOf = ({ stream, key, type, state }: ViewedAlarm) => {
  const { last, operator, situation } = state
  if (last === null) return null
  return {
    alarmId: episodeIdOf(stream, { episode: state.episode, foundLate: false }),
    notificationId: state.version,
    objectInstance: key.resource,
    alarmType: alarmTypes3gpp[type.eventType],
    probableCause: type.type,
    specificProblem: key.qualifier,
    perceivedSeverity: perceivedSeverityOf(state),
    alarmRaisedTime: rfc3339(last.raisedAtMs),
    alarmClearedTime: rfc3339(last.clearedAtMs),
    ackState: ackStateOf(state),
    ackTime: rfc3339(operator.sinceMs),
    ackUserId: operator.actor,
    rootCauseIndicator: situation.is === 'root',
    thresholdInfo: thresholdOf(state),
    proposedRepairActions: type.action,
    additionalInformation: additionalOf(state),
  }
}

/** `raised` until something of it changed, `updated` while it stands, then `cleared`. */
export const tmfStateOf = (state: AlarmState): 'raised' | 'updated' | 'cleared' => {
  const { last, operator, situation } = state
  if (last === null || !isLive(state)) return 'cleared'
  const isAsRaised =
    state.condition.is === 'active' &&
    operator.is === 'none' &&
    operator.comments === 0 &&
    operator.assignee === null &&
    operator.ticket === null &&
    situation.is === 'none' &&
    last.occurrences === 1
  return isAsRaised ? 'raised' : 'updated'
}

/** TMF642 v4 alarm, the record of `alarms-current`; its Swagger types the id as an integer, ours is text. Null before the first raise. */
export const tmf642Of = ({ stream, key, type, state }: ViewedAlarm, sourceSystemId: string) => {
  const { last, operator, situation } = state
  if (last === null) return null
  const id = episodeIdOf(stream, { episode: state.episode, foundLate: false })
  return {
    id,
    '@type': 'Alarm',
    externalAlarmId: id,
    sourceSystemId,
    alarmType: tmfTypes[type.eventType],
    alarmedObject: { id: key.resource, '@referredType': 'Resource' },
    probableCause: type.type,
    specificProblem: key.qualifier,
    alarmDetails: type.cause,
    // TMF wants it so of a cleared alarm; the last severity stands in additionalInformation.
    perceivedSeverity: isLive(state) ? last.severity : 'cleared',
    state: tmfStateOf(state),
    ackState: operator.is === 'none' ? 'unacknowledged' : 'acknowledged',
    ackSystemId: operator.is === 'none' ? null : sourceSystemId,
    ackUserId: operator.actor,
    alarmRaisedTime: rfc3339(last.raisedAtMs),
    alarmReportingTime: rfc3339(last.detectedAtMs),
    alarmClearedTime: rfc3339(last.clearedAtMs),
    alarmEscalation: operator.escalations > 0,
    isRootCause: situation.is === 'root',
    parentAlarm: situation.is === 'symptom' ? [{ id: situation.of, '@referredType': 'Alarm' }] : [],
    plannedOutageIndicator: state.suppressedBy.some(({ kind }) => kind === 'maintenance') ? 'outOfService' : 'inService',
    serviceAffecting: severityRank[last.severity] >= severityRank.major,
    crossedThresholdInformation: crossedOf(state),
    proposedRepairedActions: type.action,
    additionalInformation: additionalOf(state),
  }
}

/** RFC 8632 ietf-alarms: cleared is a flag, severity keeps its last value, the shelf is an operator state that the system sets. */
export const ietfAlarmOf = ({ key, type, state }: ViewedAlarm) => {
  const { last, operator, shelf } = state
  if (last === null) return null
  return {
    resource: key.resource,
    'alarm-type-id': type.type,
    'alarm-type-qualifier': key.qualifier,
    'is-cleared': !isLive(state),
    'perceived-severity': last.severity,
    'operator-state': shelf.is === 'none' ? operator.is : ('shelved' as const),
    'time-created': rfc3339(last.raisedAtMs),
    'last-raised': rfc3339(last.raisedAtMs),
    'alarm-text': type.cause,
    'root-cause-resource': state.situation.is === 'symptom' ? [state.situation.of] : [],
  }
}

const additionalOf = (state: AlarmState) => ({
  condition: state.condition.is,
  severity: state.last?.severity ?? null,
  occurrences: state.last?.occurrences ?? 0,
  shelved: state.shelf.is !== 'none',
  suppressedBy: state.suppressedBy.map(({ by }) => by),
  flapping: state.stability.is === 'flapping',
  closed: state.operator.is === 'closed',
  ruleVersion: state.ruleVersion,
})

/** X.733: which level was crossed, where it clears, what was observed. */
const thresholdOf = ({ evidence }: AlarmState) => {
  const observed = evidence?.values[0]
  if (evidence === null || evidence.raiseLevel === null || observed === undefined) return null
  return {
    observedMeasurement: observed.name,
    observedValue: observed.value,
    raiseLevel: evidence.raiseLevel,
    clearLevel: evidence.clearLevel,
    direction: directionOf(evidence.raiseLevel, evidence.clearLevel, observed.value),
  }
}

const crossedOf = (state: AlarmState) => {
  const threshold = thresholdOf(state)
  if (threshold === null) return null
  return { indicatorName: threshold.observedMeasurement, observedValue: String(threshold.observedValue), direction: threshold.direction }
}

/** `up`: the raise level is the high one. */
const directionOf = (raiseLevel: number, clearLevel: number | null, value: number | string | null): 'up' | 'down' => {
  if (clearLevel !== null && clearLevel !== raiseLevel) return raiseLevel > clearLevel ? 'up' : 'down'
  return typeof value === 'number' && value < raiseLevel ? 'down' : 'up'
}

const rfc3339 = <T extends number | null>(atMs: T): T extends null ? string | null : string =>
  (atMs === null ? null : new Date(atMs).toISOString()) as T extends null ? string | null : string

const alarmTypes3gpp: Readonly<Record<AlarmEventType, string>> = {
  communications: 'COMMUNICATIONS_ALARM',
  'quality-of-service': 'QUALITY_OF_SERVICE_ALARM',
  'processing-error': 'PROCESSING_ERROR_ALARM',
  equipment: 'EQUIPMENT_ALARM',
  environmental: 'ENVIRONMENTAL_ALARM',
  'integrity-violation': 'INTEGRITY_VIOLATION',
  'operational-violation': 'OPERATIONAL_VIOLATION',
  'physical-violation': 'PHYSICAL_VIOLATION',
  'security-service-violation': 'SECURITY_SERVICE_OR_MECHANISM_VIOLATION',
  'time-domain-violation': 'TIME_DOMAIN_VIOLATION',
}

const tmfTypes: Readonly<Record<AlarmEventType, string>> = {
  communications: 'communicationsAlarm',
  'quality-of-service': 'qualityOfServiceAlarm',
  'processing-error': 'processingErrorAlarm',
  equipment: 'equipmentAlarm',
  environmental: 'environmentalAlarm',
  'integrity-violation': 'integrityViolation',
  'operational-violation': 'operationalViolation',
  'physical-violation': 'physicalViolation',
  'security-service-violation': 'securityServiceOrMechanismViolation',
  'time-domain-violation': 'timeDomainViolation',
}
