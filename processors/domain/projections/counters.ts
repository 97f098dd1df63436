/**
 * Cumulative counters become what was added between two readings (`counter-step.ts`). Readings are ordered by boot and
 * sequence, else by the device's time: an older one splits the step that is there already, by additive rows, or is flagged;
 * it is never taken for a reset.
 */
import type { CounterItem, CountersBody } from '../../../model/event.ts'
import {
  bitsPerCountOf,
  type CounterNature,
  type CounterSample,
  type CounterState,
  type CounterStep,
  dropOldestSample,
  learn,
  pushSample,
  putSample,
  sampleAt,
  samplesOf,
  stepBetween,
  unknown,
} from '../counter-step.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { Context } from '../projection.ts'
import { seriesKeyOf } from '../series-key.ts'
import { admitSeries } from './series-limit.ts'

/** Counters remembered per device (a switch of 48 ports with 8 each needs 384); one beyond gives rows without a delta, as far as `series-limit.ts` lets it. */
export const countersPerDeviceMax = 1_024
/** Readings kept per counter: an older one can split as many steps back. */
export const counterHistoryMax = 4

export const projectCounters = (context: Context, body: CountersBody): void => {
  const { event, overlay } = context
  const { byKey } = overlay.open('counters', event.subject.id, () => ({ kind: 'counters', byKey: {} }))
  for (const item of body.items) {
    const key = seriesKeyOf(item.metric, item.attributes).text
    let state = Object.hasOwn(byKey, key) ? byKey[key] : undefined
    if (state === undefined) {
      if (Object.keys(byKey).length >= countersPerDeviceMax) {
        context.onLimit('counters-per-device')
        if (admitSeries(context, item.metric, item.attributes))
          pushRow(context, item, sampleOf(context, item), { delta: null, seconds: null, flag: 'suspect' })
        continue
      }
      state = { width: 0, intervalMs: 0, gaps: 0, whole: true, history: [] }
      byKey[key] = state
    }
    projectReading(context, state, item)
  }
}

const sampleOf = ({ event, placed, bootKey }: Context, { value }: CounterItem): CounterSample => ({
  atMs: placed.observedAtMs,
  value,
  boot: bootKey,
  seq: event.seq ?? unknown,
  delta: unknown,
  seconds: unknown,
})

const projectReading = (context: Context, state: CounterState, item: CounterItem): void => {
  const now = sampleOf(context, item)
  const nature: CounterNature = {
    widthBits: item.widthBits,
    linkBitsPerSecond: item.linkBitsPerSecond,
    bitsPerCount: bitsPerCountOf(item.metric),
  }
  const count = samplesOf(state)
  let at = count
  let before = sampleAt(state, at - 1)
  while (before !== undefined && isOlder(context, state, at - 1, before, now)) before = sampleAt(state, --at - 1)
  if (at < count) {
    projectOlder(context, state, item, nature, now, at)
    return
  }

  const step: CounterStep = before === undefined ? { delta: null, seconds: null, flag: 'first' } : stepBetween(state, nature, before, now)
  learn(state, nature, step, item.value)
  remember(state, now, step, at)
  pushRow(context, item, now, step)
}

/** Is `now` older than `other`, the reading at this place of the history? */
const isOlder = ({ event, placed }: Context, state: CounterState, at: number, other: CounterSample, now: CounterSample): boolean => {
  if (other.boot === now.boot && other.seq >= 0 && now.seq >= 0) return now.seq < other.seq
  // Without a clock of its own, a boot that was heard before this one is older, however late it arrives.
  if (placed.verdict !== 'trusted' && other.boot !== now.boot) return now.boot !== 0 && wasHeardBefore(state, at, now.boot)
  // Placed while the recorder's clock was ahead: what arrives now is newer.
  if (event.source.redriveOf === null && other.atMs > event.receivedAtMs + believedAheadMs) return false
  return now.atMs < other.atMs
}

const wasHeardBefore = (state: CounterState, at: number, boot: number): boolean => {
  for (let index = 0; index < at; index++) if (sampleAt(state, index)?.boot === boot) return true
  return false
}

/** An older reading: it splits the step from `before` to `after`, when both halves make sense. */
const projectOlder = (
  context: Context,
  state: CounterState,
  item: CounterItem,
  nature: CounterNature,
  now: CounterSample,
  at: number,
): void => {
  const before = sampleAt(state, at - 1)
  const after = sampleAt(state, at)
  const first = before === undefined && state.whole
  const toNow = before === undefined ? null : stepBetween(state, nature, before, now)
  const toAfter = after === undefined ? null : stepBetween(state, nature, now, after)
  if (after === undefined || toAfter?.delta == null || (!first && toNow?.delta == null)) {
    pushRow(context, item, now, { delta: null, seconds: null, flag: 'suspect' })
    return
  }
  const half: CounterStep = { delta: toNow?.delta ?? null, seconds: toNow?.seconds ?? null, flag: 'amendment' }
  pushRow(context, item, now, half)
  // Added to the row that is there: together they say what the second half is.
  pushRow(context, item, after, {
    delta: toAfter.delta - Math.max(0, after.delta),
    seconds: (toAfter.seconds ?? 0) - Math.max(0, after.seconds),
    flag: 'amendment',
  })
  after.delta = toAfter.delta
  after.seconds = toAfter.seconds ?? unknown
  putSample(state, at, after, 1)
  remember(state, now, half, at)
}

const remember = (state: CounterState, sample: CounterSample, step: CounterStep, at: number): void => {
  sample.delta = step.delta ?? unknown
  sample.seconds = step.seconds ?? unknown
  if (at === samplesOf(state)) {
    pushSample(state, sample, counterHistoryMax)
    return
  }
  putSample(state, at, sample)
  if (samplesOf(state) > counterHistoryMax) dropOldestSample(state)
}

const pushRow = ({ event, place, rows }: Context, item: CounterItem, sample: CounterSample, step: CounterStep): void => {
  rows.counters.push({
    tenant: event.tenant,
    subject: event.subject.id,
    metric: item.metric,
    attributes: item.attributes,
    observed_at: sample.atMs,
    received_at: event.receivedAtMs,
    value: sample.value,
    delta: step.delta,
    seconds: step.seconds,
    flag: step.flag,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}
