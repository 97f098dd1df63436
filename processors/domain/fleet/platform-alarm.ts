/** Alarms of the platform: told when they begin and when they are graver, ended once. Rule 50 of one broker has its address as qualifier. */
import type { EvidenceValue, Severity } from '../../../model/alarm.ts'
import type { DoorFault } from '../../../model/front-door.ts'
import type { Rule } from '../../../model/rule.ts'
import { nowOf, observeGroup, valuesNow } from './fleet-alarms.ts'
import type { FleetTurn } from './turn.ts'

export const platformRule = 'platform.ingest-lag'

/** `platform/ingest` of `platform.ingest-lag` is older than the others and keeps its name. */
export const platformResource = (rule: string): string => (rule === platformRule ? 'platform/ingest' : rule.replace('.', '/'))

/** `cause`: which side of the broker's connection; '' where it is neither. */
export type Trouble = { text: string; severity: Severity; cause: DoorFault | ''; values?: readonly EvidenceValue[] }

const rankOf = (severity: Severity): number => (severity === 'critical' ? 2 : 1)

const keyOf = (rule: string, word: string, qualifier: string): string =>
  [...(rule === platformRule ? [] : [rule]), word, ...(qualifier === '' ? [] : [qualifier])].join(' ')

export const isTroubleTold = ({ state }: FleetTurn, rule: string, qualifier: string): boolean =>
  (state.platform[keyOf(rule, 'raised', qualifier)] ?? 0) > 0

/** Qualifiers of what is told of a rule other than rule 50. */
export const troublesTold = ({ state }: FleetTurn, rule: string): string[] => {
  const start = keyOf(rule, 'raised', '')
  return Object.keys(state.platform)
    .filter((key) => key === start || key.startsWith(`${start} `))
    .map((key) => key.slice(start.length + 1))
    .sort()
}

export const forgetTrouble = ({ state }: FleetTurn, rule: string, qualifier: string): void => {
  for (const word of ['raised', 'severity']) Reflect.deleteProperty(state.platform, keyOf(rule, word, qualifier))
}

/** Null: it is over. */
export const tellTrouble = (turn: FleetTurn, rule: Rule, qualifier: string, trouble: Trouble | null, overWords: string): void => {
  const { platform } = turn.state
  const [raised, severity] = [keyOf(rule.id, 'raised', qualifier), keyOf(rule.id, 'severity', qualifier)]
  const isTold = isTroubleTold(turn, rule.id, qualifier)
  if (trouble !== null && (!isTold || rankOf(trouble.severity) > (platform[severity] ?? 0))) {
    tell(turn, rule, qualifier, trouble, 'active')
    platform[raised] = nowOf(turn)
    platform[severity] = rankOf(trouble.severity)
  } else if (trouble === null && isTold) {
    tell(turn, rule, qualifier, { text: overWords, severity: rule.severity, cause: '' }, 'inactive')
    forgetTrouble(turn, rule.id, qualifier)
  }
}

const tell = (turn: FleetTurn, rule: Rule, qualifier: string, trouble: Trouble, verdict: 'active' | 'inactive'): void => {
  const { text, severity, cause, values = [] } = trouble
  const value = valuesNow(turn)
  observeGroup(turn, {
    resource: platformResource(rule.id),
    rule,
    qualifier,
    severity,
    verdict,
    values: [value('group.reason', text), ...(cause === '' ? [] : [value('presence.cause', cause)]), ...values],
  })
}
