/** Group outage (rule 3): members of one cell, site, operator ... went offline together, and the others did not. */
import { type GroupKind, groupKinds, groupResource, type OfflineCause } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { mostWithin, newestLevel, sumWithin } from './counts.ts'
import { nowOf, valuesNow } from './fleet-alarms.ts'
import type { GroupState } from './fleet-state.ts'
import { type Candidate, explain, othersShare, passes, type Shares, shareOf } from './group-test.ts'
import { causeOf, groupWords, minutesOf, namesOf, percent, splitKey } from './group-words.ts'
import { listed } from './lists.ts'
import { allKey, keysOf } from './members.ts'
import { outageTypes } from './membership.ts'
import { endSituation, raiseSituation, shareNow } from './situations.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const outageRule = 'presence.group-outage'

/** Wills come one by one: so long after it first passes a group is judged, so that the right one of several is named. */
const settleMs = 30_000

type Levels = ReturnType<typeof levelsOf>
const levelsOf = (rule: Rule) => ({
  membersMin: parameterOf(rule, 'membersMin', 5),
  shareMin: parameterOf(rule, 'shareMin', 0.2),
  liftMin: parameterOf(rule, 'liftMin', 3),
  withinMs: parameterOf(rule, 'withinMs', 300_000),
  onlineBeforeMs: parameterOf(rule, 'onlineBeforeMs', 600_000),
  explainsMin: parameterOf(rule, 'explainsMin', 0.8),
  clearShareOfRaise: parameterOf(rule, 'clearShareOfRaise', 0.5),
  settleMs: parameterOf(rule, 'settleMs', settleMs),
  wholeShareMin: parameterOf(rule, 'wholeShareMin', 0.5),
})

export const judgeOutages = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, outageRule)
  if (rule === undefined) return
  const levels = levelsOf(rule)
  const passing = lookAtSuspects(turn, levels)
  if (passing.length === 0) return
  const nowMs = nowOf(turn)
  const isSettled = passing.some(({ key }) => nowMs - (turn.state.suspects[key] ?? nowMs) >= levels.settleMs)
  if (isSettled) raiseOutages(turn, rule, levels, passing)
}

type Passing = { key: string; shares: Shares }

const sharesOf = (turn: FleetTurn, { withinMs, onlineBeforeMs }: Levels, key: string): Shares | null => {
  const { overlay } = turn
  const nowMs = nowOf(turn)
  const group = overlay.look('group', key)
  const all = overlay.look('group', allKey)
  if (group === undefined || all === undefined) return null
  const badOf = (of: GroupState): number => sumWithin(of.bad, nowMs, withinMs)
  // Whoever came and went within one period stands in no level.
  const baseOf = (of: GroupState): number => Math.max(mostWithin(of.online, nowMs, onlineBeforeMs), newestLevel(of.online) + badOf(of))
  const [bad, base] = [badOf(group), baseOf(group)]
  return { bad, base, othersBad: Math.max(0, badOf(all) - bad), othersBase: Math.max(0, baseOf(all) - base) }
}

/**
 * The whole fleet, and an outside broker that brings all of it, have no others to be compared with: half of the fleet at once is
 * its outage, were it only the network that the recorder itself is in.
 */
const passesOf = (levels: Levels, key: string, shares: Shares): boolean =>
  shares.othersBase === 0 && wholeKinds.has(splitKey(key)[0])
    ? shares.bad >= Math.max(levels.membersMin, levels.wholeShareMin * shares.base)
    : passes(levels, shares)
const wholeKinds: ReadonlySet<GroupKind> = new Set(['broker', 'fleet'])

const lookAtSuspects = (turn: FleetTurn, levels: Levels): Passing[] => {
  const { suspects } = turn.state
  const nowMs = nowOf(turn)
  const passing: Passing[] = []
  for (const [key, sinceMs] of Object.entries(suspects)) {
    const shares = sharesOf(turn, levels, key)
    if (shares === null || shares.bad < levels.membersMin) Reflect.deleteProperty(suspects, key)
    else if (passesOf(levels, key, shares)) {
      if (sinceMs === 0) suspects[key] = nowMs
      passing.push({ key, shares })
    } else suspects[key] = 0
  }
  return passing
}

const raiseOutages = (turn: FleetTurn, rule: Rule, levels: Levels, passing: readonly Passing[]): void => {
  const { overlay, state } = turn
  const nowMs = nowOf(turn)
  const badOf = new Map<string, Set<string>>(passing.map(({ key }) => [key, new Set()]))
  for (const device of listed(overlay, 'bad', nowMs - levels.withinMs)) {
    const member = overlay.look('member', device)
    if (member?.counts !== true) continue
    for (const key of [...keysOf(member.groups), allKey]) badOf.get(key)?.add(device)
  }
  const candidates = passing.map(
    ({ key, shares }): Candidate => ({
      key,
      rank: groupKinds.indexOf(splitKey(key)[0]),
      bad: badOf.get(key) ?? new Set(),
      base: shares.base,
      passes: (bad) => passesOf(levels, key, { ...shares, bad }),
    }),
  )
  const sharesBy = new Map(passing.map(({ key, shares }) => [key, shares]))
  for (const { candidate, bad } of explain(candidates, levels.explainsMin)) {
    const shares = sharesBy.get(candidate.key)
    const sinceMs = state.suspects[candidate.key] ?? 0
    if (shares === undefined || sinceMs === 0 || nowMs - sinceMs < levels.settleMs || !isNews(turn, candidate, bad)) continue
    raiseOutage(turn, rule, levels, candidate.key, bad, shares)
  }
}

/** Not what stands already, nor a part of something wider that stands. */
const isNews = ({ overlay }: FleetTurn, { key, rank }: Candidate, bad: readonly string[]): boolean => {
  if ((overlay.look('group', key)?.situation ?? '') !== '') return false
  let fresh = 0
  let free = 0
  const situations = new Set<string>()
  for (const device of bad) {
    const own = overlay.look('member', device)?.situation ?? ''
    const of = own === '' ? undefined : overlay.look('situation', own)?.of
    if (of === undefined) free++
    else situations.add(own)
    if (of === undefined || groupKinds.indexOf(splitKey(of)[0]) < rank) fresh++
  }
  return fresh * 2 > bad.length && (free > 0 || situations.size > 1)
}

const raiseOutage = (turn: FleetTurn, rule: Rule, levels: Levels, key: string, members: readonly string[], shares: Shares): void => {
  const { base, othersBad, othersBase } = shares
  const [kind, value] = splitKey(key)
  const own = { ...shares, bad: members.length }
  const others = othersBase === 0 ? 'there are no others' : `of all others ${othersBad} of ${othersBase} (${percent(othersShare(shares))})`
  const { cause, also } = causeIn(turn, levels, kind, members)
  const reason = `${members.length} of ${base} devices of ${groupWords(key)} went offline within ${minutesOf(levels.withinMs)} (${percent(shareOf(own))}); ${others}${also}`
  const told = valuesNow(turn)
  const situation = raiseSituation(turn, {
    rule,
    of: key,
    resource: groupResource(kind, value),
    qualifier: '',
    severity: rule.severity,
    members,
    base,
    cause,
    reason,
    alarmTypes: outageTypes,
    raiseLevel: levels.shareMin,
    values: [
      told('group.bad', members.length, '{device}'),
      told('group.members', base, '{device}'),
      told('group.share', Math.round(shareOf(own) * 1_000) / 1_000, '1'),
      told('fleet.share', Math.round(othersShare(shares) * 1_000) / 1_000, '1'),
      told('presence.cause', cause, ''),
      told('group.devices', namesOf(members), ''),
    ],
  })
  const group = turn.overlay.look('group', key)
  if (situation === null || group === undefined) return
  group.situation = situation
  turn.overlay.keep('group', key, group)
}

const networkKinds: ReadonlySet<string> = new Set(['cell', 'site', 'enb', 'tac', 'region', 'apn', 'operator'])

/** Devices of one broker, or all of the fleet, that also share a network or a place: which of them failed is not told by that. */
const causeIn = (
  { overlay }: FleetTurn,
  { explainsMin }: Levels,
  kind: GroupKind,
  members: readonly string[],
): { cause: OfflineCause; also: string } => {
  if (!wholeKinds.has(kind)) return { cause: causeOf(kind), also: '' }
  const counts = new Map<string, number>()
  for (const device of members)
    for (const key of keysOf(overlay.look('member', device)?.groups ?? {}))
      if (networkKinds.has(splitKey(key)[0])) counts.set(key, (counts.get(key) ?? 0) + 1)
  const shared = [...counts].filter(([, count]) => count >= explainsMin * members.length).map(([key]) => groupWords(key))
  if (shared.length === 0) return { cause: causeOf(kind), also: '' }
  return { cause: 'unknown', also: `; they share ${shared.join(', ')} too, so which of these failed is not told` }
}

/** Over when the share has fallen below half of what it was at the raise, and is no reason for another one. */
export const endOutages = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, outageRule)
  if (rule === undefined) return
  const levels = levelsOf(rule)
  for (const key of [...turn.state.standing]) {
    const situation = turn.overlay.look('situation', key)
    if (situation?.rule !== outageRule || situation.under !== '') continue
    const share = shareNow(situation)
    if (share >= levels.clearShareOfRaise * situation.shareAtRaise) continue
    // Within its first minutes those that are still away would be raised again at once, as this group or as one like it.
    const shares = sharesOf(turn, levels, situation.of)
    if (shares !== null && passesOf(levels, situation.of, shares)) continue
    endSituation(
      turn,
      key,
      rule,
      `${situation.members - situation.badNow} of ${situation.members} devices are back: ${percent(share)} of ${groupWords(situation.of)} are offline`,
    )
  }
}
