/**
 * The recorder's own trouble as one alarm (rule 50): devices cannot reach it, its ticks were missing, it was started anew, or its
 * processors are behind. Being behind holds nothing up: devices are judged by the time of their records. In the other cases nothing is said about groups, and for one deadline after: a restart is no outage of anybody. Its end comes
 * when devices have reached us for that long without a break. Of several outside brokers one may be away by itself
 * (`broker-trouble.ts`): then the devices of the others are judged as ever.
 */
import { judgeBrokers } from './broker-trouble.ts'
import { nowOf } from './fleet-alarms.ts'
import { minutesOf } from './group-words.ts'
import { platformRule, tellTrouble, type Trouble } from './platform-alarm.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

/** One deadline of silence (`rules/presence.yaml`): so long after the return devices are waited for. */
const usualGraceMs = 300_000

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
    const critical = parameterOf(rule, 'criticalLagMs', 300_000)
    const lagMs = Math.max(0, ...times.map(({ lagMs: ms }) => ms ?? 0))
    // What stood in a queue during a known outage is worked off: that is no new alarm.
    const catchesUp = resumedMs > 0 && nowMs - resumedMs < parameterOf(rule, 'catchUpGraceMs', 900_000)
    const isBehind = !catchesUp && lagMs > parameterOf(rule, 'warningLagMs', 60_000)
    const severityAfter = (ms: number) => (ms >= critical ? 'critical' : rule.severity)
    const gapMs = state.platform['gap'] ?? 0
    const trouble: Trouble | null = isAway
      ? { ...awayWords(turn), severity: severityAfter(nowMs - awaySinceMs) }
      : isSettling
        ? { text: gapWords(gapMs), severity: severityAfter(gapMs), cause: 'our-bridge' }
        : isBehind
          ? { text: `the processors are ${minutesOf(lagMs)} behind`, severity: lagMs > critical ? 'critical' : rule.severity, cause: '' }
          : null
    tellTrouble(turn, rule, '', trouble, 'devices reach the recorder, and its processors are not behind')
    judgeBrokers(turn, rule, { isAway, graceMs, severityAfter })
  }
  return !isAway && !isSettling
}

const awayText = 'devices cannot reach the recorder: no front door has its broker'

/** All partitions hear the same ticks. */
const awayWords = ({ state }: FleetTurn): Pick<Trouble, 'text' | 'cause'> => {
  const brokers = Object.values(state.partitions)[0]?.brokers ?? []
  const names = brokers.flatMap(({ broker }) => (broker === '' ? [] : [broker]))
  return {
    text: names.length === 0 ? awayText : `${awayText} (${names.join(', ')})`,
    cause: brokers.some(({ fault }) => fault === 'broker') ? 'broker' : 'our-bridge',
  }
}

const gapWords = (gapMs: number): string =>
  gapMs > 0 ? `the recorder said nothing for ${minutesOf(gapMs)} and is back` : 'the recorder or its front door was started anew'
