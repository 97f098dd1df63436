/** A device as it is now told, put into the counts of its groups in place of what was told before. */
import { type DeviceSignal, groupKinds, type Groups } from '../../../model/fleet-signal.ts'
import { addEvent, addLevel, noCounts, sumWithin } from './counts.ts'
import { type GroupState, type HomeState, homeKinds, type MemberState } from './fleet-state.ts'
import { enter, remove } from './lists.ts'
import { leaveExodus, leaveSituation, joinStanding } from './membership.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const allKey = 'fleet/all'
/** Groups that are looked at with each tick; a device is in nine at most. */
export const suspectsMax = 4_096
/** A boot explains an absence that has ended this long before. */
export const bootAfterMs = 10 * 60_000
const powerReasons: ReadonlySet<string | null> = new Set([null, '', 'unknown', 'power', 'power-on', 'power-cycle'])

export const newGroup = (): GroupState => ({ kind: 'group', members: 0, online: noCounts(), bad: noCounts(), situation: '' })
export const newHome = (): HomeState => ({ kind: 'home', members: 0, left: noCounts(), returnMs: 0, situation: '' })
const newMember = (): MemberState => ({
  kind: 'member',
  groups: {},
  absence: null,
  badMs: 0,
  counts: false,
  backMs: 0,
  home: null,
  leftMs: {},
  situation: '',
  exodus: '',
  lastSituation: '',
  bootMs: 0,
  powerMs: 0,
  retired: true,
})

/** Most specific first. */
export const keysOf = (groups: Groups): string[] =>
  groupKinds.flatMap((kind) => (groups[kind] === undefined ? [] : [`${kind}/${groups[kind]}`]))

export const applyDevice = (turn: FleetTurn, signal: DeviceSignal): void => {
  const { overlay, atMs } = turn
  const { device } = signal
  const member = overlay.open('member', device, newMember)
  const before = { ...member }
  member.groups = signal.groups
  member.retired = signal.retired
  member.absence = signal.retired ? null : signal.absence
  if (member.absence === null) {
    if (before.absence !== null) member.backMs = atMs
    member.counts = false
  } else if (before.absence === null) {
    member.badMs = atMs
    member.bootMs = 0
    member.powerMs = 0
    member.lastSituation = ''
    member.counts = !member.absence.usual && !member.absence.planned
  }
  recount(turn, before, member)
  if (member.absence !== null && before.absence === null) {
    if (!enter(overlay, 'bad', device, atMs)) turn.onLimit('online-per-shard')
    if (member.counts) joinStanding(turn, device, member)
  }
  if (member.absence === null && before.absence !== null) {
    remove(overlay, 'bad', device)
    leaveSituation(turn, member)
  }
  moveHome(turn, before, member, signal)
  noteBoot(turn, member, signal)
}

/** Only what differs is written. */
const recount = (turn: FleetTurn, before: MemberState, after: MemberState): void => {
  const { overlay, atMs, state } = turn
  const was = before.retired ? [] : [...keysOf(before.groups), allKey]
  const is = after.retired ? [] : [...keysOf(after.groups), allKey]
  const rule = ruleOf(turn, 'presence.group-outage')
  for (const key of new Set([...was, ...is])) {
    const members = Number(is.includes(key)) - Number(was.includes(key))
    const online = Number(is.includes(key) && after.absence === null) - Number(was.includes(key) && before.absence === null)
    const wasBad = was.includes(key) && before.counts
    const isBad = is.includes(key) && after.counts
    if (members === 0 && online === 0 && wasBad === isBad) continue
    const group = overlay.open('group', key, newGroup)
    group.members += members
    if (online !== 0) addLevel(group.online, atMs, online)
    if (wasBad === isBad) continue
    addEvent(group.bad, isBad ? after.badMs : before.badMs, isBad ? 1 : -1)
    if (!isBad || rule === undefined || key in state.suspects) continue
    if (sumWithin(group.bad, atMs, parameterOf(rule, 'withinMs', 300_000)) < parameterOf(rule, 'membersMin', 5)) continue
    if (Object.keys(state.suspects).length >= suspectsMax) turn.onLimit('fleet-groups-suspected')
    else state.suspects[key] = 0
  }
}

/** Away from the usual cell, eNB, TAC: of each level by itself. Who is offline stays where it was. */
const moveHome = (turn: FleetTurn, before: MemberState, member: MemberState, { device, home, groups, retired }: DeviceSignal): void => {
  const { overlay, atMs, state } = turn
  const next = retired ? null : home
  member.home = next
  member.leftMs = {}
  for (const kind of homeKinds) {
    const was = before.home?.[kind]
    const is = next?.[kind]
    const leftBefore = before.leftMs[kind]
    if (was !== undefined && was !== is) {
      const left = overlay.open('home', `${kind}/${was}`, newHome)
      left.members--
      if (leftBefore !== undefined) addEvent(left.left, leftBefore, -1)
    }
    if (is === undefined) continue
    const isNew = was !== is
    const isAway = member.absence === null && groups[kind] !== undefined ? groups[kind] !== is : !isNew && leftBefore !== undefined
    if (!isNew && isAway === (leftBefore !== undefined)) {
      if (leftBefore !== undefined) member.leftMs[kind] = leftBefore
      continue
    }
    const own = overlay.open('home', `${kind}/${is}`, newHome)
    if (isNew) own.members++
    if (isAway) {
      member.leftMs[kind] = atMs
      addEvent(own.left, atMs, 1)
      state.leaving[`${kind}/${is}`] ??= 0
    } else if (!isNew && leftBefore !== undefined) {
      addEvent(own.left, leftBefore, -1)
      own.returnMs = atMs
    }
  }
  const isAway = Object.keys(member.leftMs).length > 0
  if (isAway) enter(overlay, 'away', device, member.leftMs.cell ?? atMs)
  else if (Object.keys(before.leftMs).length > 0) remove(overlay, 'away', device)
  if (!isAway && member.exodus !== '') leaveExodus(turn, member)
}

/** It comes back with a boot that power would explain. */
const noteBoot = (turn: FleetTurn, member: MemberState, { device, boot }: DeviceSignal): void => {
  if (boot === null || member.badMs === 0) return
  const { overlay, atMs, state } = turn
  const followsAbsence = member.absence !== null || atMs - member.backMs <= bootAfterMs
  if (!followsAbsence || !powerReasons.has(boot.reason)) {
    if (member.bootMs > 0 && !powerReasons.has(boot.reason)) remove(overlay, 'booted', device)
    member.bootMs = 0
    return
  }
  member.bootMs = boot.atMs
  enter(overlay, 'booted', device, atMs)
  for (const kind of ['site', 'region'] as const) {
    const value = member.groups[kind]
    if (value !== undefined) state.booting[`${kind}/${value}`] = atMs
  }
}
