/**
 * What a rule was told, by the device's own time, so that a stretch can be judged again when something of it comes late. Told in a
 * row, the same is one run; a hole in the telling ends it. Flat lists of numbers, since they are stored with each batch.
 * Before: `evaluate.ts`.  After: `tellings.ts`, `rejudge.ts`.
 */
import { ropMs } from '../../../model/rule.ts'
import type { DeviceRuleState } from './state.ts'

/** Runs of one list, more than any rule counts; what is older than the oldest of a list that was full is not judged again. */
export const pastRunsMax = 128
/** Lists of one device (a rule with qualifier, a signal that it counts changes of, a guard); beyond, the one that ended first makes room. */
export const pastListsMax = 64
/** Of all lists of one device together, about 10 KB packed. */
export const pastRunsPerDeviceMax = 256
/** Told with holes of up to this it is told in a row; the widest hole is remembered. */
export const rowMs = 21_600_000
const holeKnownMs = 86_400_000

/**
 * `signs` of a state with an end: 0 of its end, else place of the matcher + 1; of a level by single readings: 0 clear, 1 between,
 * else severity + 2. `windows`: the same of whole windows, by their end. `events`: each one, place of the matcher and of the item.
 * `values`: what is watched for changes. `guard`: 1 while it holds. `boots`: when each began.
 */
export type PastKind = 'signs' | 'windows' | 'events' | 'values' | 'guard' | 'boots'

/** `code`: what was told. */
export type Mark = { atMs: number; code: number; offset: number }
export type PastRun = { firstMs: number; lastMs: number; code: number; offset: number }

/** From when on the list is whole, then the runs. */
const wholeFrom = 0
const head = 1
/** Of a run: first and last time, what was told, offset of the first, begin and end of its hole. */
const [lastAt, codeAt, offsetAt, holeAt, holeEndAt, runNumbers] = [1, 2, 3, 4, 5, 6]

export const pastKey = (kind: PastKind, ruleId: string, rest: string): string => `${kind}\n${ruleId}\n${rest}`
/** Rule of a list; '' of one that is of none. */
export const ruleOfPast = (key: string): string => key.split('\n')[1] ?? ''

/** Makes room where there is none. */
export const openPast = (state: DeviceRuleState, key: string): number[] => {
  const past = (state.past ??= {})
  const known = past[key]
  if (known !== undefined) return known
  const keys = Object.keys(past)
  if (keys.length >= pastListsMax) {
    const ends = keys.map((own) => past[own]?.at(lastAt - runNumbers) ?? 0)
    const oldest = keys[ends.indexOf(Math.min(...ends))]
    if (oldest !== undefined) Reflect.deleteProperty(past, oldest)
    // It may come again, without what it held.
    state.pastFromMs = state.watermarkMs
  }
  return (past[key] = [state.pastFromMs ?? 0])
}

export const isWholeAt = (list: readonly number[], atMs: number): boolean => atMs >= (list[wholeFrom] ?? 0)

export const runsOf = (list: readonly number[] | undefined): PastRun[] => {
  const runs: PastRun[] = []
  if (list !== undefined) for (let at = head; at < list.length; at += runNumbers) runs.push(runAt(list, at))
  return runs
}

const runAt = (list: readonly number[], at: number): PastRun => ({
  firstMs: list[at] ?? 0,
  lastMs: list[at + lastAt] ?? 0,
  code: list[at + codeAt] ?? 0,
  offset: list[at + offsetAt] ?? 0,
})

/**
 * Puts a mark in its place. `gapMs`: the same told within it goes on; below 0: each
 * is one of its own, and only the same of the same record is none.
 */
export const putMark = (list: number[], { atMs, code, offset }: Mark, gapMs: number): void => {
  let after = list.length
  while (after > head && (list[after - runNumbers] ?? 0) > atMs) after -= runNumbers
  if (gapMs < 0) {
    for (let at = after - runNumbers; at >= head && list[at] === atMs; at -= runNumbers)
      if (list[at + codeAt] === code && list[at + offsetAt] === offset) return
  } else if (after > head) {
    const before = after - runNumbers
    const lastMs = list[before + lastAt] ?? 0
    if (list[before + codeAt] === code && atMs <= lastMs + gapMs) {
      goOn(list, before, atMs, gapMs)
      return
    }
    if (atMs < lastMs) divide(list, before, atMs)
  }
  if (gapMs >= 0 && after < list.length && list[after + codeAt] === code && (list[after] ?? 0) - atMs <= gapMs) {
    noteHole(list, after, atMs, list[after] ?? 0)
    list[after] = atMs
    list[after + offsetAt] = offset
  } else list.splice(after, 0, atMs, atMs, code, offset, 0, 0)
}

/** Nearly always: the newest run goes on. False: not so, nothing was changed. */
export const goesOn = (list: number[], code: number, atMs: number, gapMs: number): boolean => {
  const run = list.length - runNumbers
  const lastMs = list[run + lastAt] ?? 0
  if (run < head || gapMs < 0 || list[run + codeAt] !== code || atMs < lastMs || atMs - lastMs > gapMs) return false
  noteHole(list, run, lastMs, atMs)
  list[run + lastAt] = atMs
  return true
}

/** The run reaches to `atMs`, and perhaps to the next of its kind, or a part of its hole is filled. */
const goOn = (list: number[], run: number, atMs: number, gapMs: number): void => {
  const lastMs = list[run + lastAt] ?? 0
  if (atMs <= lastMs) {
    if (isInHole(list, run, atMs))
      list[run + (atMs - (list[run + holeAt] ?? 0) > (list[run + holeEndAt] ?? 0) - atMs ? holeEndAt : holeAt)] = atMs
    return
  }
  noteHole(list, run, lastMs, atMs)
  list[run + lastAt] = atMs
  const next = run + runNumbers
  const nextMs = list[next] ?? 0
  if (next >= list.length || list[next + codeAt] !== list[run + codeAt] || nextMs - atMs > gapMs) return
  noteHole(list, run, atMs, nextMs)
  list[run + lastAt] = list[next + lastAt] ?? nextMs
  list.splice(next, runNumbers)
}

/** Something else comes within it: in its hole, it ends before the hole and goes on behind it. */
const divide = (list: number[], run: number, atMs: number): void => {
  const [lastMs, code, offset] = [list[run + lastAt] ?? 0, list[run + codeAt] ?? 0, list[run + offsetAt] ?? 0]
  const [holeMs, holeEndMs] = [list[run + holeAt] ?? 0, list[run + holeEndAt] ?? 0]
  const within = isInHole(list, run, atMs)
  const [leftHole, rightHole] = [
    within || holeEndMs > atMs ? [0, 0] : [holeMs, holeEndMs],
    within || holeMs < atMs ? [0, 0] : [holeMs, holeEndMs],
  ]
  list.splice(run + lastAt, runNumbers - 1, within ? holeMs : atMs, code, offset, ...leftHole)
  list.splice(run + runNumbers, 0, within ? holeEndMs : atMs + 1, lastMs, code, offset, ...rightHole)
}

const isInHole = (list: readonly number[], run: number, atMs: number): boolean =>
  atMs > (list[run + holeAt] ?? 0) && atMs < (list[run + holeEndAt] ?? 0)

/** The widest hole of the last day in a run: what comes late belongs there. */
const noteHole = (list: number[], run: number, fromMs: number, toMs: number): void => {
  const [holeMs, holeEndMs] = [list[run + holeAt] ?? 0, list[run + holeEndAt] ?? 0]
  if (toMs - fromMs < holeEndMs - holeMs && holeEndMs > toMs - holeKnownMs) return
  list[run + holeAt] = fromMs
  list[run + holeEndAt] = toMs
}

/** A window is judged again with more of its readings: what was told of it before is taken out. */
export const takeWindow = (list: number[], atMs: number): void => {
  for (let run = head; run < list.length; run += runNumbers) {
    const [firstMs, lastMs] = [list[run] ?? 0, list[run + lastAt] ?? 0]
    if (atMs < firstMs || atMs > lastMs) continue
    const [code, offset] = [list[run + codeAt] ?? 0, list[run + offsetAt] ?? 0]
    const before = atMs > firstMs ? [firstMs, atMs - ropMs, code, offset, 0, 0] : []
    list.splice(run, runNumbers, ...before, ...(atMs < lastMs ? [atMs + ropMs, lastMs, code, offset, 0, 0] : []))
    return
  }
}

/** Takes it out again: it was something else. */
export const takeMark = (list: number[], { atMs, code }: Mark): void => {
  for (let at = head; at < list.length; at += runNumbers) {
    if (list[at] !== atMs || list[at + codeAt] !== code) continue
    list.splice(at, runNumbers)
    return
  }
}

/** After a mark that began a run. */
export const boundPast = (state: DeviceRuleState, list: number[]): void => {
  if (list.length > head + pastRunsMax * runNumbers) dropOldest(list)
  let numbers = 0
  let longest = list
  for (const other of Object.values(state.past ?? {})) {
    numbers += other.length - head
    if (other.length > longest.length) longest = other
  }
  if (numbers > pastRunsPerDeviceMax * runNumbers) dropOldest(longest)
}

const dropOldest = (list: number[]): void => {
  list.splice(head, runNumbers)
  list[wholeFrom] = list[head] ?? 0
}

/** Does the guard hold then? What was never told before does not hinder. */
export const heldAt = (runs: readonly PastRun[], atMs: number): boolean => {
  for (let at = runs.length - 1; at >= 0; at--) {
    const run = runs[at]
    if (run !== undefined && run.firstMs <= atMs) return run.code === 1
  }
  return true
}
