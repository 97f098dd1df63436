/** Who is part of which situation: joined when it is raised or later, left when the device is back. */
import { groupKinds } from '../../../model/fleet-signal.ts'
import type { MemberState, SituationState } from './fleet-state.ts'
import type { FleetTurn } from './turn.ts'

/** Verdicts' words of a situation. */
export type Saying = { cause: string; reason: string; alarmTypes: readonly string[] }

/** Alarms of a member that an outage of its group explains. */
export const outageTypes: readonly string[] = ['presence.offline']
/** And those that the loss of its usual cell explains. */
export const exodusTypes: readonly string[] = [
  'device.moved',
  'radio.rsrp-poor',
  'radio.sinr-poor',
  'radio.cell-pingpong',
  'radio.rat-fallback',
  'radio.ca-lost',
]

export const join = (turn: FleetTurn, device: string, member: MemberState, key: string, saying: Saying): void => {
  const { overlay } = turn
  const situation = overlay.look('situation', key)
  if (situation === undefined) return
  const own = saying.cause === '' ? 'exodus' : 'situation'
  if (member[own] === key) return
  if (member[own] !== '') lower(turn, member[own])
  // Of a power outage some are back when it is told: they are members of what is over for them.
  const isBad = own === 'exodus' || member.absence !== null
  member[own] = isBad ? key : ''
  if (own === 'situation') member.lastSituation = key
  overlay.keep('member', device, member)
  if (isBad) situation.badNow++
  situation.members++
  overlay.keep('situation', key, situation)
  turn.verdicts.push({
    device,
    body: {
      kind: 'GroupVerdict',
      situation: situation.id,
      withdrawn: false,
      group: situation.resource,
      rule: situation.rule,
      cause: saying.cause,
      reason: saying.reason,
      alarmTypes: [...saying.alarmTypes],
    },
  })
}

/** It has gone while a situation stands about one of its groups, the most specific of them. */
export const joinStanding = (turn: FleetTurn, device: string, member: MemberState): void => {
  for (const kind of groupKinds) {
    const value = member.groups[kind]
    if (value === undefined) continue
    const key = turn.overlay.look('group', `${kind}/${value}`)?.situation ?? ''
    const situation = key === '' ? undefined : turn.overlay.look('situation', key)
    if (situation === undefined) continue
    const under = situation.under === '' ? key : situation.under
    const of = turn.overlay.look('situation', under) ?? situation
    join(turn, device, member, under, { cause: of.cause, reason: of.reason, alarmTypes: outageTypes })
    return
  }
}

export const leaveSituation = (turn: FleetTurn, member: MemberState): void => {
  if (member.situation !== '') lower(turn, member.situation)
  member.situation = ''
}

export const leaveExodus = (turn: FleetTurn, member: MemberState): void => {
  lower(turn, member.exodus)
  member.exodus = ''
}

const lower = ({ overlay }: FleetTurn, key: string): void => {
  const situation: SituationState | undefined = overlay.look('situation', key)
  if (situation === undefined) return
  situation.badNow = Math.max(0, situation.badNow - 1)
  overlay.keep('situation', key, situation)
}

export const withdraw = (turn: FleetTurn, devices: readonly string[], key: string, { id, resource, rule, cause }: SituationState): void => {
  for (const device of devices) {
    const member = turn.overlay.look('member', device)
    if (member === undefined || (member.situation !== key && member.exodus !== key)) continue
    if (member.situation === key) member.situation = ''
    else member.exodus = ''
    turn.overlay.keep('member', device, member)
    turn.verdicts.push({
      device,
      body: { kind: 'GroupVerdict', situation: id, withdrawn: true, group: resource, rule, cause, reason: '', alarmTypes: [] },
    })
  }
}
