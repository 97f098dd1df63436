/**
 * Notices that a device has booted: it says so, it speaks under a new boot id, or (without one) its uptime fell. An older
 * message that arrives late never looks like a boot, since it belongs to a boot that began earlier.
 */
import type { BootBody, DeviceEvent } from '../../model/event.ts'
import { hash32 } from './hash.ts'

export type BootState = {
  /** Hashes of boots that rows were written of or that were the first heard, oldest first. */
  known: number[]
  /** Of devices without boot ids: when the running boot began, by uptime, and the greatest uptime of it. */
  bootedAtMs: number | null
  uptimeSeconds: number | null
  /** Counts the boots of a device without boot ids. */
  epoch: number
}

export type BootNotice = {
  /** Null: no boot. `observedAtMs` is when it began, as well as that can be told. */
  boot: { evidence: 'told' | 'new-boot-id' | 'uptime-fell'; bootId: string; observedAtMs: number; told: BootBody | null } | null
  /** Identifies the boot of this event for counters; 0 when nothing is known. */
  bootKey: number
}

/** A boot id that returns after so many others gives a second row; counters and sequences have longer memories. */
export const bootsKnownMax = 64
/** Uptime is whole seconds and messages are delayed: less than this is no later boot. */
export const uptimeSlackMs = 60_000

export const initialBoot = (): BootState => ({ known: [], bootedAtMs: null, uptimeSeconds: null, epoch: 0 })

export const noteBoot = (state: BootState, event: DeviceEvent, observedAtMs: number): BootNotice => {
  const told = event.bodies.find((body) => body.kind === 'Boot')
  const bootId = event.bootId ?? told?.bootId ?? null
  if (bootId === null || bootId === '') return noteUptime(state, event, observedAtMs, told ?? null)
  const bootKey = hash32(bootId)
  const first = state.known.length === 0
  const known = state.known.includes(bootKey)
  if (!known) {
    state.known.push(bootKey)
    if (state.known.length > bootsKnownMax) state.known.shift()
  }
  if (told !== undefined) return { bootKey, boot: { evidence: 'told', bootId, observedAtMs, told } }
  // The first one heard of a device tells a boot only with its uptime: else it may have been up for a year.
  if (known || (first && event.uptimeSeconds === null)) return { bootKey, boot: null }
  const beganAtMs = event.uptimeSeconds === null ? observedAtMs : observedAtMs - event.uptimeSeconds * 1_000
  return { bootKey, boot: { evidence: 'new-boot-id', bootId, observedAtMs: beganAtMs, told: null } }
}

const noteUptime = (state: BootState, { uptimeSeconds }: DeviceEvent, observedAtMs: number, told: BootBody | null): BootNotice => {
  if (uptimeSeconds === null) {
    if (told === null) return { bootKey: state.epoch === 0 ? 0 : keyOf(state.epoch), boot: null }
    state.epoch++
    state.bootedAtMs = observedAtMs
    state.uptimeSeconds = null
    return { bootKey: keyOf(state.epoch), boot: { evidence: 'told', bootId: '', observedAtMs, told } }
  }
  const beganAtMs = observedAtMs - uptimeSeconds * 1_000
  const fell = isLaterBoot(state, uptimeSeconds, beganAtMs)
  if (fell) state.epoch++
  else if (state.bootedAtMs !== null && beganAtMs < state.bootedAtMs - uptimeSlackMs && uptimeSeconds < (state.uptimeSeconds ?? 0)) {
    return { bootKey: keyOf(state.epoch - 1), boot: null } // Late, of an earlier boot.
  }
  if (fell || uptimeSeconds >= (state.uptimeSeconds ?? 0)) {
    state.bootedAtMs = beganAtMs
    state.uptimeSeconds = uptimeSeconds
  }
  if (told !== null) return { bootKey: keyOf(state.epoch), boot: { evidence: 'told', bootId: '', observedAtMs, told } }
  return { bootKey: keyOf(state.epoch), boot: fell ? { evidence: 'uptime-fell', bootId: '', observedAtMs: beganAtMs, told: null } : null }
}

/** A clock that jumps moves the beginning too, but does not lower the uptime. */
const isLaterBoot = (state: BootState, uptimeSeconds: number, beganAtMs: number): boolean =>
  state.bootedAtMs !== null &&
  beganAtMs > state.bootedAtMs + uptimeSlackMs &&
  (state.uptimeSeconds === null || uptimeSeconds < state.uptimeSeconds)

const keyOf = (epoch: number): number => hash32(`#${epoch}`)
