/**
 * Cell exodus (rule 59): a cell's usual members have left it and none returns. They are online on other cells, so nothing is
 * offline and yet a cell is dead. By usual cell; where that is not the whole fault, by eNB, then by tracking area.
 */
import type { Severity } from '../../../model/alarm.ts'
import { groupResource } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { sumWithin } from './counts.ts'
import { nowOf } from './fleet-alarms.ts'
import { homeKinds, type HomeKind } from './fleet-state.ts'
import { type Candidate, explain } from './group-test.ts'
import { groupWords, minutesOf, namesOf, percent, splitKey } from './group-words.ts'
import { listed } from './lists.ts'
import { exodusTypes } from './membership.ts'
import { endSituation, raiseSituation } from './situations.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const exodusRule = 'cell.exodus'
const explainsMin = 0.8

const levelsOf = (rule: Rule) => ({
  membersMin: parameterOf(rule, 'membersMin', 3),
  shareMin: parameterOf(rule, 'shareMin', 0.3),
  withinMs: parameterOf(rule, 'withinMs', 600_000),
  noReturnMs: parameterOf(rule, 'noReturnMs', 900_000),
  clearShareReturned: parameterOf(rule, 'clearShareReturned', 0.5),
  clearAfterMs: parameterOf(rule, 'clearAfterMs', 86_400_000),
  majorFromMembers: parameterOf(rule, 'majorFromMembers', 10),
  criticalFromMembers: parameterOf(rule, 'criticalFromMembers', 50),
})
type Levels = ReturnType<typeof levelsOf>

export const judgeExodus = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, exodusRule)
  if (rule === undefined) return
  const levels = levelsOf(rule)
  const due = lookAtLeaving(turn, levels)
  if (due.length > 0) raiseExodus(turn, rule, levels, due)
}

/** Those from which enough have left within the time, and to which none has returned since then, for long enough. */
const lookAtLeaving = ({ state, overlay, atMs }: FleetTurn, levels: Levels): string[] => {
  const nowMs = state.nowMs > 0 ? state.nowMs : atMs
  const due: string[] = []
  for (const [key, sinceMs] of Object.entries(state.leaving)) {
    const home = overlay.look('home', key)
    const isCounted = sinceMs > 0
    // While it is waited for, those that had left then are still the ones that count.
    const left = home === undefined ? 0 : sumWithin(home.left, nowMs, levels.withinMs + (isCounted ? levels.noReturnMs : 0))
    if (home === undefined || left === 0 || home.situation !== '') Reflect.deleteProperty(state.leaving, key)
    else if (left < Math.max(levels.membersMin, levels.shareMin * home.members)) state.leaving[key] = 0
    else if (!isCounted || home.returnMs >= sinceMs) state.leaving[key] = nowMs
    else if (nowMs - sinceMs >= levels.noReturnMs) due.push(key)
  }
  return due
}

const raiseExodus = (turn: FleetTurn, rule: Rule, levels: Levels, due: readonly string[]): void => {
  const { overlay, state } = turn
  const nowMs = nowOf(turn)
  const leftOf = new Map<string, Set<string>>(due.map((key) => [key, new Set()]))
  /** Those that no narrower exodus explains yet. A cell's devices alone are no exodus of its eNB, though it may be judged a moment later. */
  const freshOf = new Map<string, number>(due.map((key) => [key, 0]))
  for (const device of listed(overlay, 'away', nowMs - levels.withinMs - levels.noReturnMs)) {
    const member = overlay.look('member', device)
    if (member === undefined) continue
    let isExplained = false
    for (const kind of homeKinds) {
      const key = `${kind}/${member.home?.[kind] ?? ''}`
      if (member.leftMs[kind] !== undefined) {
        leftOf.get(key)?.add(device)
        if (!isExplained) freshOf.set(key, (freshOf.get(key) ?? 0) + 1)
      }
      if ((overlay.look('home', key)?.situation ?? '') !== '') isExplained = true
    }
  }
  const candidates = due.map((key): Candidate => {
    const members = overlay.look('home', key)?.members ?? 0
    return {
      key,
      rank: homeKinds.indexOf(splitKey(key)[0] as HomeKind),
      bad: leftOf.get(key) ?? new Set(),
      base: members,
      passes: (left) => Math.min(left, freshOf.get(key) ?? 0) >= Math.max(levels.membersMin, levels.shareMin * members),
    }
  })
  for (const { candidate, bad } of explain(candidates, explainsMin)) raiseOne(turn, rule, levels, candidate.key, bad)
  for (const key of due) Reflect.deleteProperty(state.leaving, key)
}

const severityOf = (rule: Rule, { majorFromMembers, criticalFromMembers }: Levels, left: number): Severity =>
  left >= criticalFromMembers ? 'critical' : left >= majorFromMembers ? 'major' : rule.severity

const raiseOne = (turn: FleetTurn, rule: Rule, levels: Levels, key: string, members: readonly string[]): void => {
  const { overlay } = turn
  const home = overlay.look('home', key)
  if (home === undefined) return
  const nowMs = nowOf(turn)
  const [kind, value] = splitKey(key)
  const share = home.members === 0 ? 1 : members.length / home.members
  const reason = `${members.length} of ${home.members} devices that usually are on ${groupWords(key)} left it within ${minutesOf(levels.withinMs)} (${percent(share)}), and none came back for ${minutesOf(levels.noReturnMs)}`
  const situation = raiseSituation(turn, {
    rule,
    of: `home:${key}`,
    resource: groupResource(kind, value),
    qualifier: '',
    severity: severityOf(rule, levels, members.length),
    members,
    base: home.members,
    cause: '',
    reason,
    alarmTypes: exodusTypes,
    raiseLevel: levels.shareMin,
    values: [
      { name: 'group.left', value: members.length, unit: '{device}', observedAtMs: nowMs },
      { name: 'group.members', value: home.members, unit: '{device}', observedAtMs: nowMs },
      { name: 'group.share', value: Math.round(share * 1_000) / 1_000, unit: '1', observedAtMs: nowMs },
      { name: 'group.devices', value: namesOf(members), unit: '', observedAtMs: nowMs },
    ],
  })
  if (situation === null) return
  home.situation = situation
  overlay.keep('home', key, home)
}

/** Half of them are back, or a day is over: whoever is elsewhere then has another usual cell. */
export const endExodus = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, exodusRule)
  if (rule === undefined) return
  const { clearShareReturned, clearAfterMs } = levelsOf(rule)
  const nowMs = nowOf(turn)
  for (const key of [...turn.state.standing]) {
    const situation = turn.overlay.look('situation', key)
    if (situation?.rule !== exodusRule) continue
    const back = situation.members - situation.badNow
    const words = groupWords(situation.of.replace(/^home:/, ''))
    if (back >= clearShareReturned * situation.members)
      endSituation(turn, key, rule, `${back} of ${situation.members} devices are back on ${words}`)
    else if (nowMs - situation.raisedMs >= clearAfterMs)
      endSituation(
        turn,
        key,
        rule,
        `${situation.badNow} devices have stayed away from ${words} for ${Math.round(clearAfterMs / 3_600_000)} h`,
      )
  }
}
