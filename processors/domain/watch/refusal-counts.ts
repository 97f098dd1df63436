/**
 * Messages of one partition and how many of them could not be read, by model and firmware, in 15 minutes of arrival; told to the
 * fleet stage by the tick that ends them. Whoever has said nothing readable yet has no model, and counts nowhere.
 * Before: `watch-device.ts`.  After: `processors/domain/fleet/refusals.ts`, by way of `fleet-signals`.
 */
import { ropMs } from '../../../model/rule.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { LimitName } from '../projection.ts'
import type { RefusalCounts } from './fleet-mark.ts'
import { pushSignal, type SignalSink } from './group-signals.ts'
import type { KnownProfile } from './watched.ts'

/** A fleet runs some dozens at once; the counts are written with each batch. One beyond counts nowhere. */
export const firmwaresPerPartitionMax = 512

export const initialRefusals = (): RefusalCounts => ({ fromMs: 0, byFirmware: {} })

export const countMessage = (
  counts: RefusalCounts,
  { product, model, firmware }: Pick<KnownProfile, 'product' | 'model' | 'firmware'>,
  isRefused: boolean,
  onLimit: (limit: LimitName) => void,
): void => {
  if (model === '') return
  const own = `${product}/${model}`
  const key = firmware === '' ? `${own}\n` : `${own}\n${own}/${firmware}`
  let count = counts.byFirmware[key]
  if (count === undefined) {
    if (Object.keys(counts.byFirmware).length >= firmwaresPerPartitionMax) {
      onLimit('firmwares-per-partition')
      return
    }
    counts.byFirmware[key] = count = [0, 0]
  }
  count[0]++
  if (isRefused) count[1]++
}

/** With each tick: what lies in the window before is told once, before the tick's time is. */
export const tellRefusals = (sink: SignalSink, counts: RefusalCounts): void => {
  const fromMs = sink.atMs - (sink.atMs % ropMs)
  // Front doors tick apart; only a clock that had been ahead by more than is believed goes back.
  if (fromMs === counts.fromMs || (fromMs < counts.fromMs && counts.fromMs - sink.atMs <= believedAheadMs)) return
  for (const [key, [messages, refused]] of Object.entries(counts.byFirmware)) {
    const [model = '', firmware = ''] = key.split('\n')
    // Before the first tick of all there is no window: what came then counts to that tick's.
    if (counts.fromMs > 0) pushSignal(sink, { kind: 'refusals', firmware, model, fromMs: counts.fromMs, messages, refused })
  }
  if (counts.fromMs > 0) counts.byFirmware = {}
  counts.fromMs = fromMs
}
