/**
 * What the rules keep of one device between its messages: plain data, bounded, some kilobytes. Only what differs from "nothing
 * is wrong" has a stream; series and cadences exist for signals that a rule reads.
 */

/** Series (signal with attributes) of one device that rules read; one beyond is not watched. */
export const seriesMax = 64
/** Streams (rule with qualifier) of one device that are not normal; one beyond is not watched. */
export const streamsMax = 64
/** As many as the boot tracker knows: hours of a reboot loop may come late. */
export const bootsRememberedMax = 64

/** One signal with its attributes, in the device's own time. */
export type Series = {
  /** Newest reading. */
  lastMs: number
  cadence: Cadence
  /** The open window; -1: none. Its readings ascending by time. */
  windowMs: number
  times: number[]
  values: number[]
  firstOffset: number
  lastOffset: number
  /** Start of the newest window that was closed; -1 before. */
  closedMs: number
  /** Readings older than what was closed, one window at a time; null: none. */
  late: { windowMs: number; times: number[]; values: number[]; offset: number; dueMs: number } | null
  /** Windows that had too few readings to be judged: the others may come late. Left out: none. */
  partial?: PartialWindow[] | undefined
  /** Of a baseline: usual value and number of windows for each hour of the day. */
  hours: number[] | null
  /** Of a slope: hour, sum and count of readings, ascending. */
  points: number[] | null
}

export type PartialWindow = { windowMs: number; times: number[]; values: number[] }

/** `active`: told so. `unknown`: was active when the device went away. */
export type Told = 'none' | 'active' | 'unknown'

/** One alarm that may be: a rule with a qualifier. */
export type Stream = {
  told: Told
  severity: string
  /** When it was told active. */
  sinceMs: number
  onDelayMs: number
  /** Newest time that was told; older ones are history to the decider. */
  toldMs: number
  toldRop: number
  /** Windows in a row beyond the level: above 0 of raise, below 0 of clear. */
  run: number
  runMs: number
  runOffset: number
  /** Events, ascending by time: time, offset, item, tag. */
  ring: number[]
}

/** How much each word or cell held, newest weights halved when they reach 28 days. */
export type Usual = { words: string[]; dwellMs: number[]; lastWord: string; lastMs: number }

/** Learned distance of two readings (0 until then), and the newest distances it was learned from. */
export type Cadence = { lastMs: number; intervalMs: number; gaps: number[] }

/** `late`: it was late when it came already; left out: it was not. */
export type PendingBoot = { id: number; atMs: number; dueMs: number; partition: number; offset: number; late?: true }

export type DeviceRuleState = {
  kind: 'rules'
  /** Rules that it was made by; others retire what they do not know. */
  rules: string
  /** First and last message, by arrival; 0: none yet. */
  firstSeenMs: number
  lastArrivalMs: number
  lastOffset: number
  /** Of the inventory; 0: not registered. */
  registeredMs: number
  /** Newest time of the device's own. */
  watermarkMs: number
  /** First reading after the device as a whole had been silent. */
  resumedMs: number
  /** Something of the device's own time is due then. */
  dueMs: number
  /** The same for the stage's time. */
  stageDueMs: number
  arrivalGaps: number[]
  /** A will came then; 0: it is not offline by its own word. */
  goneMs: number
  session: number
  lastBootMs: number
  boots: number[]
  pendingBoot: PendingBoot | null
  /** By hour of the day (UTC): share of the last days in which it was away. */
  awayHours: number[]
  hour: number
  /** It is away in a usual hour: judged again then. */
  awayLookMs: number
  /** Last seen, by rank of the technology. */
  rats: number[]
  cell: number
  /** Facts and readings that guards, changes and edges ask for. */
  words: Record<string, string>
  readings: Record<string, number>
  /** What is watched for changes: times and values, ascending (`recent.ts`). Left out: nothing. */
  recent?: Record<string, number[]>
  /** What rules were told, by the device's own time (`past.ts`); left out: nothing. */
  past?: Record<string, number[]>
  /** They are whole from then on; left out: from the first message on. */
  pastFromMs?: number
  /** Streams of which an episode that late data changed is not over (`rejudge.ts`). Left out: none. */
  pastOpen?: Record<string, { fromMs: number; told: number; lookMs: number; rowGapMs: number }>
  /** Boots that were judged without their reason, which may come still. Left out: none. */
  unexplained?: { id: number; atMs: number; offset: number }[]
  usual: Record<string, Usual>
  cadences: Record<string, Cadence>
  series: Record<string, Series>
  streams: Record<string, Stream>
}

export const never = Number.MAX_SAFE_INTEGER

export const initialRuleState = (): DeviceRuleState => ({
  kind: 'rules',
  rules: '',
  firstSeenMs: 0,
  lastArrivalMs: 0,
  lastOffset: 0,
  registeredMs: 0,
  watermarkMs: 0,
  resumedMs: 0,
  dueMs: never,
  stageDueMs: never,
  arrivalGaps: [],
  goneMs: 0,
  session: 0,
  lastBootMs: 0,
  boots: [],
  pendingBoot: null,
  awayHours: [],
  hour: -1,
  awayLookMs: 0,
  rats: [],
  cell: -1,
  words: {},
  readings: {},
  usual: {},
  cadences: {},
  series: {},
  streams: {},
})

/** Undefined at the bound. */
export const seriesOf = (state: DeviceRuleState, key: string): Series | undefined => {
  const known = state.series[key]
  if (known !== undefined) return known
  if (Object.keys(state.series).length >= seriesMax) return undefined
  return (state.series[key] = {
    lastMs: 0,
    cadence: { lastMs: 0, intervalMs: 0, gaps: [] },
    windowMs: -1,
    times: [],
    values: [],
    firstOffset: 0,
    lastOffset: 0,
    closedMs: -1,
    late: null,
    hours: null,
    points: null,
  })
}

/** Undefined at the bound. */
export const streamOf = (state: DeviceRuleState, key: string): Stream | undefined => {
  const known = state.streams[key]
  if (known !== undefined) return known
  if (Object.keys(state.streams).length >= streamsMax) return undefined
  return (state.streams[key] = {
    told: 'none',
    severity: '',
    sinceMs: 0,
    onDelayMs: 0,
    toldMs: 0,
    toldRop: 0,
    run: 0,
    runMs: 0,
    runOffset: 0,
    ring: [],
  })
}

/** Times and values by key that a device may have; what is beyond is not watched. */
export const readingsMax = 256

/** Is it the newest of its kind by the device's time? Remembers that it was here. */
export const isNewest = ({ readings }: DeviceRuleState, kind: string, atMs: number): boolean => {
  const key = `at\n${kind}`
  const before = readings[key]
  if (before === undefined && Object.keys(readings).length >= readingsMax) return false
  if (before !== undefined && atMs < before) return false
  readings[key] = atMs
  return true
}

/** Keys hold texts of devices: qualifier and rule are parted by what neither holds. */
export const streamKey = (ruleId: string, qualifier: string): string => `${ruleId}\n${qualifier}`
export const partsOfKey = (key: string): [first: string, rest: string] => {
  const at = key.indexOf('\n')
  return [key.slice(0, at), key.slice(at + 1)]
}
