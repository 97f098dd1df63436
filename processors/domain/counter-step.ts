/**
 * From two readings of a cumulative counter to what was added between them (alarms: section 7). Deltas are made here, once,
 * per device and in the device's order; SQL cannot do it.
 */

/** Null as -1, so that a state of many counters stays a flat list of numbers. */
export const unknown = -1

export type CounterSample = {
  atMs: number
  value: number
  /** Identifies the boot; 0 when unknown. */
  boot: number
  /** -1 when the device numbers nothing. */
  seq: number
  /** What the step that leads here was told to be; -1 when it was not. */
  delta: number
  seconds: number
}

export type CounterState = {
  /** 32 or 64 once told or learned; 0 until then. */
  width: number
  /** Learned distance of two samples; counts once `gaps` reached `gapsToLearn`. */
  intervalMs: number
  gaps: number
  /** No sample has been pushed out of `history` yet: its first one is the first ever. */
  whole: boolean
  /** Newest samples in the device's order, `sampleNumbers` each: as objects they would cost five times as much to store. */
  history: number[]
}

const sampleNumbers = 6

export const samplesOf = ({ history }: CounterState): number => history.length / sampleNumbers

export const sampleAt = ({ history }: CounterState, index: number): CounterSample | undefined => {
  const at = index * sampleNumbers
  const atMs = index < 0 ? undefined : history[at]
  if (atMs === undefined) return undefined
  return {
    atMs,
    value: history[at + 1] ?? 0,
    boot: history[at + 2] ?? 0,
    seq: history[at + 3] ?? unknown,
    delta: history[at + 4] ?? unknown,
    seconds: history[at + 5] ?? unknown,
  }
}

/** Puts a sample before the one at `index` (`replaced` 1: in its place). */
export const putSample = (
  { history }: CounterState,
  index: number,
  { atMs, value, boot, seq, delta, seconds }: CounterSample,
  replaced = 0,
): void => {
  history.splice(index * sampleNumbers, replaced * sampleNumbers, atMs, value, boot, seq, delta, seconds)
}

/** Puts the newest sample behind all others; of `samplesMax` the oldest makes room, in place, since this is nearly every reading. */
export const pushSample = (state: CounterState, { atMs, value, boot, seq, delta, seconds }: CounterSample, samplesMax: number): void => {
  const { history } = state
  if (samplesOf(state) < samplesMax) {
    history.push(atMs, value, boot, seq, delta, seconds)
    return
  }
  const end = history.length - sampleNumbers
  for (let at = 0; at < end; at++) history[at] = history[at + sampleNumbers] ?? 0
  history[end] = atMs
  history[end + 1] = value
  history[end + 2] = boot
  history[end + 3] = seq
  history[end + 4] = delta
  history[end + 5] = seconds
  state.whole = false
}

export const dropOldestSample = (state: CounterState): void => {
  state.history.splice(0, sampleNumbers)
  state.whole = false
}

export type CounterFlag = 'ok' | 'first' | 'reset' | 'wrap' | 'gap' | 'suspect' | 'amendment'
export type CounterStep = { delta: number | null; seconds: number | null; flag: CounterFlag }

export type CounterNature = {
  /** Told width; null lets the readings judge. */
  widthBits: number | null
  linkBitsPerSecond: number | null
  /** Bits that one count stands for on the link. */
  bitsPerCount: number
}

export const counter32Max = 2 ** 32
/** Where no link speed is told: LTE category 4, the usual modem of a 4G router. */
export const linkBitsPerSecondDefault = 150_000_000
const linkTolerance = 1.2
/** Samples further apart than this many learned intervals are flagged `gap` and never interpolated. */
export const gapIntervals = 3
export const gapsToLearn = 3
/** A counter of unknown width is only believed to have wrapped from the last quarter of 32 bits: a cleared one looks alike. */
const wrapFrom = counter32Max * 0.75

/** Bytes are 8 bits; a packet is at least 84 bytes on an Ethernet link (64 + preamble and gap). */
export const bitsPerCountOf = (metric: string): number =>
  metric.endsWith('.io') || metric.includes('bytes') || metric.includes('octets') ? 8 : 84 * 8

export const stepBetween = (state: CounterState, nature: CounterNature, before: CounterSample, now: CounterSample): CounterStep => {
  const elapsed = (now.atMs - before.atMs) / 1_000
  const seconds = elapsed > 0 ? elapsed : null
  const booted = before.boot !== 0 && now.boot !== 0 && before.boot !== now.boot
  const { value } = now
  if (booted) return { delta: value >= before.value ? value - before.value : value, seconds, flag: 'reset' }

  const width = nature.widthBits ?? state.width
  const link = nature.linkBitsPerSecond ?? linkBitsPerSecondDefault
  // Longer than one round of 32 bits takes at full speed: how many rounds there were cannot be told.
  const rounds = width === 32 && seconds !== null && seconds * link > counter32Max * nature.bitsPerCount
  if (rounds) return { delta: null, seconds, flag: 'suspect' }
  if (value >= before.value) {
    const gap = seconds !== null && state.gaps >= gapsToLearn && seconds * 1_000 > gapIntervals * state.intervalMs
    return { delta: value - before.value, seconds, flag: gap ? 'gap' : 'ok' }
  }
  const wrapped = value + counter32Max - before.value
  const mayWrap = width === 32 || (width === 0 && before.value < counter32Max && before.value >= wrapFrom)
  const plausible = seconds !== null && wrapped * nature.bitsPerCount <= linkTolerance * link * seconds
  return mayWrap && before.value < counter32Max && plausible
    ? { delta: wrapped, seconds, flag: 'wrap' }
    : { delta: null, seconds, flag: 'suspect' }
}

/** What a new newest sample teaches: the width, and the usual distance (a running median: one odd gap hardly moves it). */
export const learn = (state: CounterState, nature: CounterNature, step: CounterStep, value: number): void => {
  if (nature.widthBits !== null) state.width = nature.widthBits
  else if (value >= counter32Max) state.width = 64
  else if (step.flag === 'wrap' && state.width === 0) state.width = 32
  if (step.seconds === null) return
  const gapMs = step.seconds * 1_000
  if (state.gaps === 0) state.intervalMs = gapMs
  else state.intervalMs += Math.max(-state.intervalMs / 4, Math.min(state.intervalMs / 4, gapMs - state.intervalMs))
  if (state.gaps < gapsToLearn) state.gaps++
}
