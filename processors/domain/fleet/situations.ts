/** A situation from its raise to its end: the group's alarm is its root, its members are told, and told again when it is over. */
import type { EvidenceValue, Severity } from '../../../model/alarm.ts'
import type { OfflineCause } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { correlateGroup, nowOf, observeGroup, retireGroup } from './fleet-alarms.ts'
import type { SituationState } from './fleet-state.ts'
import { listed } from './lists.ts'
import { join, withdraw } from './membership.ts'
import type { FleetTurn } from './turn.ts'

/** At once; with each comes one list of groups to look at. Beyond, what would be raised is raised when another has ended. */
export const situationsMax = 1_000

export type Raising = {
  rule: Rule
  /** Key of the group or home. */
  of: string
  resource: string
  qualifier: string
  severity: Severity
  members: readonly string[]
  base: number
  cause: OfflineCause | ''
  /** "14 of 16 devices of cell ... went offline within 5 min (88 %); of all others 1 of 300 (0.3 %)." */
  reason: string
  alarmTypes: readonly string[]
  values: readonly EvidenceValue[]
  raiseLevel: number
}

/** Its key, or null at the bound. */
export const raiseSituation = (turn: FleetTurn, raising: Raising): string | null => {
  const { rule, of, resource, qualifier, severity, members, base, cause, reason, values, raiseLevel, alarmTypes } = raising
  const { state, overlay } = turn
  const key = `${rule.id} ${of}`
  if (state.standing.includes(key)) return key
  if (state.standing.length >= situationsMax) {
    turn.onLimit('fleet-situations')
    return null
  }
  const nowMs = nowOf(turn)
  const share = base === 0 ? 1 : Math.min(1, members.length / base)
  const said: EvidenceValue = { name: 'group.reason', value: reason, unit: '', observedAtMs: nowMs }
  const id = observeGroup(turn, { resource, rule, qualifier, severity, verdict: 'active', values: [said, ...values], raiseLevel })
  overlay.keep('situation', key, {
    kind: 'situation',
    id,
    resource,
    rule: rule.id,
    qualifier,
    of,
    raisedMs: nowMs,
    base,
    shareAtRaise: share,
    badNow: 0,
    members: 0,
    under: '',
    cause,
    reason,
  })
  state.standing.push(key)
  correlateGroup(turn, { resource, rule: rule.id, qualifier }, { situation: id, role: 'root', reason })
  const taken = new Map<string, number>()
  for (const device of members) {
    const member = overlay.look('member', device)
    if (member === undefined) continue
    const former = cause === '' ? '' : member.situation === '' ? member.lastSituation : member.situation
    join(turn, device, member, key, { cause, reason, alarmTypes })
    if (former !== '' && former !== key) taken.set(former, (taken.get(former) ?? 0) + 1)
  }
  for (const [former, devices] of taken) if (isTakenOver(turn, former, devices)) placeUnder(turn, former, key)
  return key
}

/** Of a wider one that stands on, a part alone was taken: the first site whose power is back does not end the area's outage. */
const isTakenOver = ({ overlay }: FleetTurn, key: string, devices: number): boolean => {
  const former = overlay.look('situation', key)
  return former !== undefined && (former.badNow === 0 || devices >= takenOverMin * former.members)
}
const takenOverMin = 0.8

/** A narrower situation whose members this one takes over is its symptom from now on. */
const placeUnder = (turn: FleetTurn, key: string, above: string): void => {
  const { overlay } = turn
  const narrower = overlay.look('situation', key)
  const wider = overlay.look('situation', above)
  if (narrower === undefined || wider === undefined || narrower.under === above) return
  narrower.under = above
  overlay.keep('situation', key, narrower)
  correlateGroup(turn, narrower, { situation: wider.id, role: 'symptom', reason: wider.reason })
}

export const shareNow = ({ badNow, base }: SituationState): number => (base === 0 ? 0 : badNow / base)

/**
 * The group's alarm clears; who is still bad stands for itself again; what lay under it ends with it. Rule 'retired': it is no
 * longer in force.
 */
export const endSituation = (turn: FleetTurn, key: string, rule: Rule | 'retired', why: string): void => {
  const { state, overlay } = turn
  const situation = overlay.look('situation', key)
  state.standing = state.standing.filter((other) => other !== key)
  if (situation === undefined) return
  const { resource, qualifier, base, badNow } = situation
  const nowMs = nowOf(turn)
  if (rule === 'retired') retireGroup(turn, situation)
  else
    observeGroup(turn, {
      resource,
      rule,
      qualifier,
      severity: rule.severity,
      verdict: 'inactive',
      values: [
        { name: 'group.reason', value: why, unit: '', observedAtMs: nowMs },
        { name: 'group.bad', value: badNow, unit: '{device}', observedAtMs: nowMs },
        { name: 'group.members', value: base, unit: '{device}', observedAtMs: nowMs },
      ],
    })
  withdraw(turn, listed(overlay, situation.cause === '' ? 'away' : 'bad', 0), key, situation)
  overlay.drop('situation', key)
  free(overlay.look('group', situation.of), key, (group) => overlay.keep('group', situation.of, group))
  const home = situation.of.replace(/^home:/, '')
  free(overlay.look('home', home), key, (own) => overlay.keep('home', home, own))
  for (const other of [...state.standing]) {
    const below = overlay.look('situation', other)
    const own = state.rules?.rules.find(({ id }) => id === below?.rule)
    if (below?.under === key && own !== undefined) endSituation(turn, other, own, why)
  }
}

/** What it was about can have the next one. */
const free = <S extends { situation: string }>(about: S | undefined, key: string, keep: (about: S) => void): void => {
  if (about?.situation !== key) return
  about.situation = ''
  keep(about)
}
