/**
 * Wordings of log lines that a partition has not heard of a firmware before: each is told to the fleet stage for its first few
 * devices, and then never again. What only informs is left out, and what strangers do to a device.
 * Before: `watch-device.ts`.  After: `processors/domain/fleet/wordings.ts`, by way of `fleet-signals`.
 */
import { ropMs } from '../../../model/rule.ts'
import { hash32 } from '../hash.ts'
import { normalise } from '../log-classes.ts'
import type { LimitName } from '../projection.ts'
import { burstClass } from '../projections/log-lines.ts'
import type { Row } from '../../../model/ports.ts'
import type { Overlay } from '../state.ts'
import type { WordingCounts, WordingsState } from './fleet-mark.ts'
import { pushSignal, type SignalSink } from './group-signals.ts'

/** What a rule may ask for at most (`devicesMin`): devices of one firmware may all lie in one partition. */
export const devicesToldMax = 5
/** About 100 KB, rewritten only when something new comes. The oldest is forgotten: told once more, it is known to the fleet stage. */
export const wordingsPerFirmwareMax = 2_000
export const wordedFirmwaresMax = 128
/** A fleet that begins brings some hundreds of wordings; one that is put off is told when it comes again. */
export const wordingsPerRopMax = 200
/** Characters of a wording as it is told. */
export const wordingCharsMax = 200
/** Syslog: warning. Above it lines only inform; a line that tells none may be anything. */
const severityMost = 4
/** A burst is our own notice; failed logins are `sec.login-bruteforce`. */
const otherClasses: ReadonlySet<unknown> = new Set([burstClass, 'auth'])

export const initialWordings = (): WordingCounts => ({ firmwares: [], ropMs: 0, told: 0 })

type WordingSource = { device: string; firmware: string; overlay: Overlay; onLimit: (limit: LimitName) => void }

/** `rows`: of `log_lines`, those from `from` on are of this record. */
export const tellWordings = (
  sink: SignalSink,
  counts: WordingCounts,
  { device, firmware, overlay, onLimit }: WordingSource,
  rows: readonly Row[],
  from: number,
): void => {
  let known = overlay.look('wordings', firmware)
  const own = hash32(device)
  for (let at = from; at < rows.length; at++) {
    const row = rows[at]
    if (row === undefined || !isTrouble(row)) continue
    const fingerprint = printOf(row)
    const devices = known?.devicesOf[fingerprint]
    if (devices !== undefined && (devices.length >= devicesToldMax || devices.includes(own))) continue
    if (toldNow(counts, sink.atMs) >= wordingsPerRopMax) {
      onLimit('wordings-per-rop')
      return
    }
    counts.told++
    if (known === undefined) makeRoom(counts, firmware, overlay, onLimit)
    known = overlay.open('wordings', firmware, () => ({ kind: 'wordings', devicesOf: {} }))
    enter(known, fingerprint, own, onLimit)
    const line = normalise(String(row['message'])).slice(0, wordingCharsMax)
    pushSignal(sink, { kind: 'wording', device, firmware, fingerprint, line })
  }
}

const isTrouble = (row: Row): boolean => {
  const lineClass = row['class']
  if (otherClasses.has(lineClass)) return false
  const severity = row['severity'] as number | null
  return lineClass !== '' || severity === null || severity <= severityMost
}

/** As tables show it, in hexadecimal; a number would be ordered before the others in an object. */
const printOf = (row: Row): string => (row['fingerprint'] as bigint).toString(16).padStart(16, '0')

/** In this quarter of an hour. */
const toldNow = (counts: WordingCounts, atMs: number): number => {
  const fromMs = atMs - (atMs % ropMs)
  if (counts.ropMs !== fromMs) {
    counts.ropMs = fromMs
    counts.told = 0
  }
  return counts.told
}

const enter = ({ devicesOf }: WordingsState, fingerprint: string, device: number, onLimit: (limit: LimitName) => void): void => {
  const devices = devicesOf[fingerprint]
  if (devices !== undefined) {
    devices.push(device)
    return
  }
  const prints = Object.keys(devicesOf)
  if (prints.length >= wordingsPerFirmwareMax) {
    onLimit('wordings-per-firmware')
    Reflect.deleteProperty(devicesOf, prints[0] ?? '')
  }
  devicesOf[fingerprint] = [device]
}

const makeRoom = ({ firmwares }: WordingCounts, firmware: string, overlay: Overlay, onLimit: (limit: LimitName) => void): void => {
  firmwares.push(firmware)
  if (firmwares.length <= wordedFirmwaresMax) return
  onLimit('firmwares-per-partition')
  overlay.take('wordings', firmwares.shift() ?? '')
}
