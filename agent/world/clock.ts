/** A device's clock: right but for the faults that are set, and 1970 from the boot until NTP where nothing keeps time without power. */
export type ClockFault = { aheadMs: number; driftPerMillion: number; sinceMs: number }

export type DeviceClock = {
  /** Milliseconds since the epoch as the device believes, whole. */
  read: (nowMs: number, bootedAtMs: number) => number
  set: (key: string, fault: ClockFault | undefined) => void
  /** From now on each boot begins in 1970; with `never` NTP does not answer either. */
  unset: (on: boolean, never: boolean) => void
  boot: () => void
  isUnset: () => boolean
  /** NTP answers: an unset clock is right from now on. */
  sync: () => void
}

export const createClock = (): DeviceClock => {
  const faults = new Map<string, ClockFault>()
  let startsUnset = false
  let synced = true
  let unanswered = false
  return {
    read: (nowMs, bootedAtMs) => {
      if (!synced) return Math.round(Math.max(0, nowMs - bootedAtMs))
      if (faults.size === 0) return Math.round(nowMs)
      let claimMs = nowMs
      for (const { aheadMs, driftPerMillion, sinceMs } of faults.values()) claimMs += aheadMs + ((nowMs - sinceMs) * driftPerMillion) / 1e6
      return Math.round(claimMs)
    },
    set: (key, fault) => {
      if (fault === undefined) faults.delete(key)
      else faults.set(key, fault)
    },
    unset: (on, never) => {
      startsUnset = on
      unanswered = on && never
      if (!on) synced = true
    },
    boot: () => {
      synced = !startsUnset
    },
    isUnset: () => !synced,
    sync: () => {
      if (!unanswered) synced = true
    },
  }
}
