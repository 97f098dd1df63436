/**
 * What a device's message says of its firmware: that it could not be read, or lines of a log. After the rules, so that model and
 * firmware are known as the message tells them.
 * Before: `watch-device.ts`.  After: `refusal-counts.ts`, `wordings.ts`.
 */
import type { Row } from '../../../model/ports.ts'
import { countMessage, initialRefusals } from './refusal-counts.ts'
import { sinkOf, toldOf, type Watch } from './watch-record.ts'
import { initialWordings, tellWordings } from './wordings.ts'

/** What it writes into its log: `rows` of `log_lines` from `from` on. */
export const watchLines = (watch: Watch, rows: readonly Row[], from: number): void => {
  const { event, overlay, state, onLimit } = watch
  const watched = event.subject.kind === 'device' ? overlay.look('watched', event.subject.id) : undefined
  if (watched === undefined) return
  const { product, model, firmware } = watched.profile
  if (model === '' || firmware === '') return
  const source = { device: event.subject.id, firmware: `${product}/${model}/${firmware}`, overlay, onLimit }
  tellWordings(sinkOf(watch), (toldOf(state).wordings ??= initialWordings()), source, rows, from)
}

/** A message of a device, read or not; what it says of its model and firmware is known by now. */
export const watchCount = ({ event: { subject }, overlay, state, onLimit }: Watch, isRefused: boolean): void => {
  const watched = subject.kind === 'device' ? overlay.look('watched', subject.id) : undefined
  if (watched !== undefined) countMessage((toldOf(state).refusals ??= initialRefusals()), watched.profile, isRefused, onLimit)
}
