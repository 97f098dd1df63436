/**
 * Power outage (rule 58): members of a site or region fell silent together and come back together with a boot that power
 * explains. Only their return tells it, so the situation names a cause for what is ending: the outage of the group and the
 * offline alarms of its members become its symptoms.
 */
import { groupKinds, groupResource } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { nowOf } from './fleet-alarms.ts'
import { groupWords, minutesOf, percent, splitKey } from './group-words.ts'
import { forgetBefore, listed } from './lists.ts'
import { keysOf } from './members.ts'
import { join, outageTypes } from './membership.ts'
import { endSituation, raiseSituation, shareNow } from './situations.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const powerRule = 'site.power-outage'

/** Boots come one by one: so long after the newest it is judged. */
const settleMs = 60_000

const levelsOf = (rule: Rule) => ({
  membersMin: parameterOf(rule, 'membersMin', 5),
  shareMin: parameterOf(rule, 'shareMin', 0.2),
  withinMs: parameterOf(rule, 'withinMs', 300_000),
  bootsWithinMs: parameterOf(rule, 'bootsWithinMs', 600_000),
  clearShareOfRaise: parameterOf(rule, 'clearShareOfRaise', 0.5),
})
type Levels = ReturnType<typeof levelsOf>

export const judgePower = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, powerRule)
  if (rule === undefined) return
  const levels = levelsOf(rule)
  const { state, overlay } = turn
  const nowMs = nowOf(turn)
  const keys = Object.keys(state.booting)
  if (keys.length === 0) return
  const booted = new Map<string, string[]>(keys.map((key) => [key, []]))
  for (const device of listed(overlay, 'booted', nowMs - 2 * levels.bootsWithinMs))
    for (const key of keysOf(overlay.look('member', device)?.groups ?? {})) booted.get(key)?.push(device)
  // A site before the region that it lies in.
  for (const key of keys.sort((one, other) => groupKinds.indexOf(splitKey(one)[0]) - groupKinds.indexOf(splitKey(other)[0]))) {
    const newestMs = state.booting[key] ?? 0
    if (nowMs - newestMs < settleMs) continue
    const members = together(turn, levels, booted.get(key) ?? [])
    const all = overlay.look('group', key)?.members ?? 0
    const isEnough = members.length >= Math.max(levels.membersMin, levels.shareMin * all)
    if (isEnough && isNews(turn, members)) raisePower(turn, rule, levels, key, members, all)
    else if (isEnough) joinPower(turn, key, members)
    if (nowMs - newestMs > 2 * levels.bootsWithinMs) Reflect.deleteProperty(state.booting, key)
  }
  if (Object.keys(state.booting).length === 0) forgetBefore(overlay, 'booted', nowMs - 2 * levels.bootsWithinMs)
}

/** The most of them that went within one span and booted within another. */
const together = ({ overlay }: FleetTurn, { withinMs, bootsWithinMs }: Levels, devices: readonly string[]): string[] => {
  const times = devices
    .map((device) => ({ device, member: overlay.look('member', device) }))
    .flatMap(({ device, member }) =>
      member === undefined || member.bootMs === 0 ? [] : [{ device, badMs: member.badMs, bootMs: member.bootMs }],
    )
    .sort((one, other) => one.badMs - other.badMs || (one.device < other.device ? -1 : 1))
  let most: string[] = []
  for (const [first, { badMs }] of times.entries()) {
    const wentWith = times.slice(first).filter((one) => one.badMs - badMs <= withinMs)
    if (wentWith.length <= most.length) break
    const byBoot = [...wentWith].sort((one, other) => one.bootMs - other.bootMs)
    for (const [at, { bootMs }] of byBoot.entries()) {
      const own = byBoot.slice(at).filter((one) => one.bootMs - bootMs <= bootsWithinMs)
      if (own.length > most.length) most = own.map(({ device }) => device)
    }
  }
  return most.sort()
}

/** Most of them are told already, by this rule. */
const isNews = ({ overlay }: FleetTurn, members: readonly string[]): boolean => {
  const told = members.filter((device) => (overlay.look('member', device)?.powerMs ?? 0) > 0)
  return told.length * 2 < members.length
}

const raisePower = (turn: FleetTurn, rule: Rule, levels: Levels, key: string, members: readonly string[], all: number): void => {
  const { overlay } = turn
  const nowMs = nowOf(turn)
  const [kind, value] = splitKey(key)
  const reason = `${members.length} of ${all} devices of ${groupWords(key)} fell silent within ${minutesOf(levels.withinMs)} (${percent(all === 0 ? 1 : members.length / all)}) and booted within ${minutesOf(levels.bootsWithinMs)} of each other with reason power or none: the power was away`
  const situation = raiseSituation(turn, {
    rule,
    of: `power:${key}`,
    resource: groupResource(kind, value),
    qualifier: '',
    severity: rule.severity,
    members,
    base: members.length,
    cause: 'site-power',
    reason,
    alarmTypes: outageTypes,
    raiseLevel: levels.shareMin,
    values: [
      { name: 'group.booted', value: members.length, unit: '{device}', observedAtMs: nowMs },
      { name: 'group.members', value: all, unit: '{device}', observedAtMs: nowMs },
      { name: 'presence.cause', value: 'site-power', unit: '', observedAtMs: nowMs },
    ],
  })
  if (situation === null) return
  for (const device of members) {
    const member = overlay.look('member', device)
    if (member === undefined) continue
    member.powerMs = nowMs
    overlay.keep('member', device, member)
  }
}

/** Who comes back while it stands was without power too. */
const joinPower = (turn: FleetTurn, key: string, members: readonly string[]): void => {
  const { overlay, state } = turn
  const standing = `${powerRule} power:${key}`
  const situation = overlay.look('situation', standing)
  if (situation === undefined || !state.standing.includes(standing)) return
  for (const device of members) {
    const member = overlay.look('member', device)
    if (member === undefined || member.powerMs > 0) continue
    member.powerMs = nowOf(turn)
    join(turn, device, member, standing, { cause: situation.cause, reason: situation.reason, alarmTypes: outageTypes })
  }
}

/** Members that were away are back, and no more boots come in. */
export const endPower = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, powerRule)
  if (rule === undefined) return
  const { clearShareOfRaise, bootsWithinMs } = levelsOf(rule)
  const nowMs = nowOf(turn)
  for (const key of [...turn.state.standing]) {
    const situation = turn.overlay.look('situation', key)
    if (situation?.rule !== powerRule || nowMs - situation.raisedMs < bootsWithinMs) continue
    if (shareNow(situation) >= clearShareOfRaise) continue
    endSituation(turn, key, rule, `${situation.members - situation.badNow} of ${situation.members} devices are back`)
  }
}
