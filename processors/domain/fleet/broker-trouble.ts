/**
 * One of several outside brokers is away: one alarm of the platform, with the broker's address as qualifier. Its devices are not
 * judged (`watch/broker-health.ts`), those of the others are. It ends when they have reached us for one deadline.
 */
import type { Severity } from '../../../model/alarm.ts'
import type { BrokerSignal } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { nowOf } from './fleet-alarms.ts'
import { minutesOf } from './group-words.ts'
import { isTroubleTold, platformRule, tellTrouble } from './platform-alarm.ts'
import type { FleetTurn } from './turn.ts'

type Levels = { isAway: boolean; graceMs: number; severityAfter: (ms: number) => Severity }

const embedded = 'embedded'
const awayKey = 'away broker '

export const judgeBrokers = (turn: FleetTurn, rule: Rule, levels: Levels): void => {
  const { platform } = turn.state
  const nowMs = nowOf(turn)
  const brokers = latestOf(turn)
  for (const { broker, healthySinceMs, fault } of brokers.values()) {
    const name = broker === '' ? embedded : broker
    const key = `${awayKey}${name}`
    if (healthySinceMs === null) {
      // All of them are away: that is told as one, and what one of them is told as already stands on.
      if (levels.isAway && !isTroubleTold(turn, platformRule, name)) continue
      const sinceMs = (platform[key] ??= nowMs)
      const severity = levels.severityAfter(nowMs - sinceMs)
      tellTrouble(turn, rule, name, { text: wordsOf(name, fault), severity, cause: fault }, '')
    } else if (platform[key] !== undefined && nowMs - healthySinceMs >= levels.graceMs) {
      const lastedMs = healthySinceMs - platform[key]
      Reflect.deleteProperty(platform, key)
      tellTrouble(turn, rule, name, null, `devices of broker ${name} reach the recorder again, after ${minutesOf(Math.max(0, lastedMs))}`)
    }
  }
  for (const key of Object.keys(platform)) {
    if (!key.startsWith(awayKey)) continue
    const name = key.slice(awayKey.length)
    if (brokers.has(name === embedded ? '' : name)) continue
    Reflect.deleteProperty(platform, key)
    tellTrouble(turn, rule, name, null, `broker ${name} is no longer one of ours`)
  }
}

/** Qualifiers of the alarms that stand. */
export const brokerTroubleTold = (turn: FleetTurn): string[] =>
  Object.keys(turn.state.platform)
    .filter((key) => key.startsWith(awayKey))
    .map((key) => key.slice(awayKey.length))
    .filter((name) => isTroubleTold(turn, platformRule, name))
    .sort()

/** All partitions hear the same ticks, a little apart: away in one of them is away. */
const latestOf = ({ state }: FleetTurn): ReadonlyMap<string, BrokerSignal> => {
  const found = new Map<string, BrokerSignal>()
  for (const { brokers = [] } of Object.values(state.partitions))
    for (const one of brokers) {
      const known = found.get(one.broker)
      if (known === undefined || (known.healthySinceMs !== null && (one.healthySinceMs ?? 0) < known.healthySinceMs))
        found.set(one.broker, one)
    }
  return found
}

const wordsOf = (name: string, fault: BrokerSignal['fault']): string =>
  fault === 'broker'
    ? `devices of broker ${name} cannot reach the recorder: no connection to it comes about, the broker or the network to it is down`
    : `devices of broker ${name} cannot reach the recorder: its front door is not heard, or is not let in`
