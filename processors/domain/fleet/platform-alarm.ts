/** The alarm of rule 50: told when it begins and when it is graver, ended once. One of a broker has its address as qualifier. */
import type { Severity } from '../../../model/alarm.ts'
import type { DoorFault } from '../../../model/front-door.ts'
import type { Rule } from '../../../model/rule.ts'
import { nowOf, observeGroup } from './fleet-alarms.ts'
import type { FleetTurn } from './turn.ts'

export const platformRule = 'platform.ingest-lag'
export const platformResource = 'platform/ingest'

/** `cause`: which side of the broker's connection; '' where it is neither. */
export type Trouble = { text: string; severity: Severity; cause: DoorFault | '' }

const rankOf = (severity: Severity): number => (severity === 'critical' ? 2 : 1)

const keyOf = (word: string, qualifier: string): string => (qualifier === '' ? word : `${word} ${qualifier}`)

export const isTroubleTold = ({ state }: FleetTurn, qualifier: string): boolean => (state.platform[keyOf('raised', qualifier)] ?? 0) > 0

export const forgetTrouble = ({ state }: FleetTurn, qualifier: string): void => {
  for (const word of ['raised', 'severity']) Reflect.deleteProperty(state.platform, keyOf(word, qualifier))
}

/** Null: it is over. */
export const tellTrouble = (turn: FleetTurn, rule: Rule, qualifier: string, trouble: Trouble | null, overWords: string): void => {
  const { platform } = turn.state
  const [raised, severity] = [keyOf('raised', qualifier), keyOf('severity', qualifier)]
  const isTold = isTroubleTold(turn, qualifier)
  if (trouble !== null && (!isTold || rankOf(trouble.severity) > (platform[severity] ?? 0))) {
    tell(turn, rule, qualifier, trouble, 'active')
    platform[raised] = nowOf(turn)
    platform[severity] = rankOf(trouble.severity)
  } else if (trouble === null && isTold) {
    tell(turn, rule, qualifier, { text: overWords, severity: rule.severity, cause: '' }, 'inactive')
    forgetTrouble(turn, qualifier)
  }
}

const tell = (turn: FleetTurn, rule: Rule, qualifier: string, { text, severity, cause }: Trouble, verdict: 'active' | 'inactive'): void => {
  const value = (name: string, of: string) => ({ name, value: of, unit: '', observedAtMs: nowOf(turn) })
  observeGroup(turn, {
    resource: platformResource,
    rule,
    qualifier,
    severity,
    verdict,
    values: [value('group.reason', text), ...(cause === '' ? [] : [value('presence.cause', cause)])],
  })
}
