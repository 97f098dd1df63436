/** What the device stage keeps for the fleet stage: of a device what was told of it last, of a partition what was forwarded. */
import type { Usual } from '../rules/state.ts'

export type FleetMark = {
  /** `<plmn>-<eci>` and the like; '' until shown. */
  cell: string
  enb: string
  tac: string
  plmn: string
  apn: string
  /** The device's time of the newest radio snapshot. */
  radioMs: number
  /** Dwell by cell. */
  usual: Usual | null
  /** Cell, eNB and TAC of the usual cell, one a line. */
  home: string
  /** Since when another cell serves it; 0: none does. */
  awaySinceMs: number
  /** Its usual cell held it for less than half of its time, when it last left or entered that. */
  roams?: true
  isAbsent: boolean
  /** It went, and is still gone, within a maintenance window. */
  isPlanned?: true
  /** Its groups as they were told last; '': never. */
  told: string
}

/** Messages and refusals by `<product>/<model>`, a line break, and `<product>/<model>/<firmware>` ('' unknown). */
export type RefusalCounts = { fromMs: number; byFirmware: Record<string, [messages: number, refused: number]> }

/** Of one firmware in one partition: the devices (hashed) of which each wording was told, the oldest wording first. */
export type WordingsState = { kind: 'wordings'; devicesOf: Record<string, number[]> }

/** Firmwares that the partition keeps wordings of, the oldest first; what was told in this quarter of an hour. */
export type WordingCounts = { firmwares: string[]; ropMs: number; told: number }

export type PartitionTold = {
  online: number
  forwardedMs: number
  /** Version of the rules that were told last. */
  rules: string
  healthySinceMs: number
  /** 1 after the first start that was heard, 2 after another one or a break. */
  starts: number
  isHealthy: boolean
  /** Undefined in states of earlier releases, as is the next. */
  refusals?: RefusalCounts
  wordings?: WordingCounts
}

/** What the fleet stage said of a device, while it holds. */
export type HeldVerdict = { situation: string; group: string; rule: string; cause: string; reason: string; alarmTypes: string[] }
