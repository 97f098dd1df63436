/**
 * Wordings of log lines that a firmware never had (rule 45): heard of three of its devices, after a week in which the firmware's
 * wordings are only learned. One alarm a firmware, whatever number of wordings it begins to write.
 */
import { groupResource, type WordingSignal } from '../../../model/fleet-signal.ts'
import type { Rule } from '../../../model/rule.ts'
import { hash32 } from '../hash.ts'
import { devicesToldMax } from '../watch/wordings.ts'
import { correlateGroup, nowOf, observeGroup, valuesNow } from './fleet-alarms.ts'
import type { FirmwareState, WordingsStanding } from './firmware-state.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'

export const wordingsRule = 'fw.new-fingerprint'
/** Firmwares that are learned; the one that was silent longest goes, and learns anew when it comes back. */
export const learnedFirmwaresMax = 1_024
/** Known wordings of a firmware, 16 characters each; the oldest goes. Twice what one partition keeps. */
export const knownWordingsMax = 4_000
/** Wordings that too few of its devices have written; the oldest goes. */
export const heardWordingsMax = 500
/** Alarms at once. */
export const wordingsStandingMax = 512

export const wordingsResource = (firmware: string): string => groupResource('firmware', firmware)

const newFirmware = (sinceMs: number): FirmwareState => ({ kind: 'firmware', sinceMs, known: [], heard: [] })

/** A firmware that sends anything: its week begins, also when it says nothing in its log yet. */
export const noteFirmware = (turn: FleetTurn, firmware: string, atMs: number): void => {
  const { state, overlay } = turn
  const { firmwares } = (state.wordings ??= { firmwares: [], standing: {} })
  if (firmwares.at(-1) === firmware) return
  const at = firmwares.indexOf(firmware)
  if (at >= 0) firmwares.splice(at, 1)
  else overlay.keep('firmware', firmware, newFirmware(atMs))
  firmwares.push(firmware)
  if (firmwares.length <= learnedFirmwaresMax) return
  overlay.drop('firmware', firmwares.shift() ?? '')
  turn.onLimit('fleet-firmwares')
}

export const applyWording = (turn: FleetTurn, { device, firmware, fingerprint, line }: WordingSignal): void => {
  const { atMs, overlay, state } = turn
  noteFirmware(turn, firmware, atMs)
  const own = overlay.look('firmware', firmware)
  if (own === undefined) return
  if (own.known.includes(fingerprint)) {
    const standing = state.wordings?.standing[firmware]
    if (standing?.fingerprints.includes(fingerprint) === true) standing.newestMs = Math.max(standing.newestMs, atMs)
    return
  }
  overlay.keep('firmware', firmware, own)
  const rule = ruleOf(turn, wordingsRule)
  if (rule === undefined || atMs - own.sinceMs < parameterOf(rule, 'learnMs', 7 * 86_400_000)) {
    makeKnown(turn, own, fingerprint)
    return
  }
  const devices = hear(turn, own, fingerprint, hash32(device))
  if (devices < Math.min(parameterOf(rule, 'devicesMin', 3), devicesToldMax)) return
  makeKnown(turn, own, fingerprint)
  tell(turn, rule, firmware, { fingerprint, line, devices })
}

/** Of how many devices it was heard. */
const hear = (turn: FleetTurn, { heard }: FirmwareState, fingerprint: string, device: number): number => {
  let own = heard.find((one) => one.fingerprint === fingerprint)
  if (own === undefined) {
    heard.push((own = { fingerprint, devices: [] }))
    if (heard.length > heardWordingsMax) {
      heard.shift()
      turn.onLimit('fleet-wordings-heard')
    }
  }
  if (!own.devices.includes(device)) own.devices.push(device)
  return own.devices.length
}

const makeKnown = (turn: FleetTurn, own: FirmwareState, fingerprint: string): void => {
  own.heard = own.heard.filter((one) => one.fingerprint !== fingerprint)
  own.known.push(fingerprint)
  if (own.known.length <= knownWordingsMax) return
  own.known.shift()
  turn.onLimit('fleet-wordings-known')
}

type Found = { fingerprint: string; line: string; devices: number }
/** Fingerprints that an alarm names; of further ones it has the count. */
const namedMax = 20

const tell = (turn: FleetTurn, rule: Rule, firmware: string, { fingerprint, line, devices }: Found): void => {
  const { atMs } = turn
  const standing = (turn.state.wordings ??= { firmwares: [], standing: {} }).standing
  const isNew = standing[firmware] === undefined
  if (isNew && Object.keys(standing).length >= wordingsStandingMax) {
    turn.onLimit('fleet-wordings-standing')
    return
  }
  const own: WordingsStanding = (standing[firmware] ??= { newestMs: atMs, wordings: 0, fingerprints: [] })
  own.newestMs = Math.max(own.newestMs, atMs)
  own.wordings++
  if (own.fingerprints.length < namedMax) own.fingerprints.push(fingerprint)
  const others = own.wordings - 1
  const also = others === 0 ? '' : `; since the alarm began ${others} other new wording${others === 1 ? '' : 's'}`
  const reason = `${devices} devices of firmware ${firmware} write what it had never written: "${line}"${also}`
  const value = valuesNow(turn)
  const about = { resource: wordingsResource(firmware), qualifier: '' }
  const situation = observeGroup(turn, {
    ...about,
    rule,
    severity: rule.severity,
    verdict: 'active',
    values: [
      value('group.reason', reason, ''),
      value('group.devices', devices, '{device}'),
      value('log.wording', line, ''),
      value('log.fingerprint', fingerprint, ''),
      value('log.wordings', own.wordings, '{wording}'),
    ],
    raiseLevel: Math.min(parameterOf(rule, 'devicesMin', 3), devicesToldMax),
  })
  if (isNew) correlateGroup(turn, { ...about, rule: rule.id }, { situation, role: 'root', reason })
}

/** Over a day after the last device that began to write one of them. */
export const endWordings = (turn: FleetTurn): void => {
  const rule = ruleOf(turn, wordingsRule)
  const standing = turn.state.wordings?.standing ?? {}
  if (rule === undefined) return
  const nowMs = nowOf(turn)
  const clearAfterMs = parameterOf(rule, 'clearAfterMs', 86_400_000)
  for (const [firmware, { newestMs }] of Object.entries(standing)) {
    if (nowMs - newestMs < clearAfterMs) continue
    Reflect.deleteProperty(standing, firmware)
    const reason = `no further device of firmware ${firmware} began to write it for ${Math.round(clearAfterMs / 3_600_000)} h`
    observeGroup(turn, {
      resource: wordingsResource(firmware),
      rule,
      qualifier: '',
      severity: rule.severity,
      verdict: 'inactive',
      values: [{ name: 'group.reason', value: reason, unit: '', observedAtMs: nowMs }],
    })
  }
}
