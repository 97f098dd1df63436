/**
 * The recorder's own trouble as one alarm (rule 50): devices cannot reach it, its ticks were missing, it was started anew, or its
 * processors are behind. Being behind holds nothing up: devices are judged by the time of their records. In the other cases nothing is said about groups, and for one deadline after: a restart is no outage of anybody. Its end comes
 * when devices have reached us for that long without a break.
 */
import type { Severity } from '../../../model/alarm.ts'
import { nowOf, observeGroup } from './fleet-alarms.ts'
import { minutesOf } from './group-words.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const platformRule = 'platform.ingest-lag'
export const platformResource = 'platform/ingest'
/** One deadline of silence (`rules/presence.yaml`): so long after the return devices are waited for. */
const usualGraceMs = 300_000

type Trouble = { text: string; severity: Severity }

/** True while absence can be judged. */
export const judgePlatform = (turn: FleetTurn): boolean => {
  const { state } = turn
  const nowMs = nowOf(turn)
  const rule = ruleOf(turn, platformRule)
  const graceMs = rule === undefined ? usualGraceMs : parameterOf(rule, 'graceMs', usualGraceMs)
  const times = Object.values(state.partitions)
  const isAway = times.some(({ healthySinceMs }) => healthySinceMs === null)
  const resumedMs = Math.max(0, ...times.map(({ resumedMs: ms }) => ms))
  const isSettling = resumedMs > 0 && nowMs - resumedMs < graceMs
  const awaySinceMs = isAway ? (state.platform['away'] ??= nowMs) : 0
  if (!isAway) Reflect.deleteProperty(state.platform, 'away')
  if (rule !== undefined) {
    const raised = state.platform['raised'] ?? 0
    const critical = parameterOf(rule, 'criticalLagMs', 300_000)
    const lagMs = Math.max(0, ...times.map(({ lagMs: ms }) => ms ?? 0))
    // What stood in a queue during a known outage is worked off: that is no new alarm.
    const catchesUp = resumedMs > 0 && nowMs - resumedMs < parameterOf(rule, 'catchUpGraceMs', 900_000)
    const isBehind = !catchesUp && lagMs > parameterOf(rule, 'warningLagMs', 60_000)
    const trouble: Trouble | null = isAway
      ? {
          text: 'devices cannot reach the recorder: no front door has its broker',
          severity: nowMs - awaySinceMs >= critical ? 'critical' : rule.severity,
        }
      : isSettling
        ? { text: gapWords(state.platform['gap'] ?? 0), severity: (state.platform['gap'] ?? 0) >= critical ? 'critical' : rule.severity }
        : isBehind
          ? { text: `the processors are ${minutesOf(lagMs)} behind`, severity: lagMs > critical ? 'critical' : rule.severity }
          : null
    const known = state.platform['severity'] ?? 0
    if (trouble !== null && (raised === 0 || rankOf(trouble.severity) > known)) {
      tell(turn, trouble, 'active')
      state.platform['raised'] = nowMs
      state.platform['severity'] = rankOf(trouble.severity)
    } else if (trouble === null && raised > 0) {
      tell(turn, { text: 'devices reach the recorder, and its processors are not behind', severity: rule.severity }, 'inactive')
      Reflect.deleteProperty(state.platform, 'raised')
      Reflect.deleteProperty(state.platform, 'severity')
    }
  }
  return !isAway && !isSettling
}

const rankOf = (severity: Severity): number => (severity === 'critical' ? 2 : 1)

const gapWords = (gapMs: number): string =>
  gapMs > 0 ? `the recorder said nothing for ${minutesOf(gapMs)} and is back` : 'the recorder or its front door was started anew'

const tell = (turn: FleetTurn, { text, severity }: Trouble, verdict: 'active' | 'inactive'): void => {
  const rule = ruleOf(turn, platformRule)
  if (rule === undefined) return
  const nowMs = nowOf(turn)
  observeGroup(turn, {
    resource: platformResource,
    rule,
    qualifier: '',
    severity,
    verdict,
    values: [{ name: 'group.reason', value: text, unit: '', observedAtMs: nowMs }],
  })
}
