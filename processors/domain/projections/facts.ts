/**
 * Slowly changing words about a device. A row is written when the value changes by placed time; a late older one is history
 * and never the newest. A stored copy only fills what is absent or older.
 */
import type { DeviceEvent, FactItem, FactsBody } from '../../../model/event.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { Context } from '../projection.ts'
import type { FactState, FactsState } from '../state.ts'

/** Facts remembered per device; the one confirmed longest ago makes room, its next word gives a row again. */
export const factsPerDeviceMax = 512

export const projectFacts = (context: Context, body: FactsBody): void => {
  const { event, overlay } = context
  const facts = overlay.open(`facts:${event.subject.id}`, 'facts', () => ({ kind: 'facts', byName: {} }))
  for (const item of body.items) projectFact(context, facts, item)
}

const projectFact = (context: Context, { byName }: FactsState, item: FactItem): void => {
  const { event, placed } = context
  const atMs = placed.observedAtMs
  const known = Object.hasOwn(byName, item.name) ? byName[item.name] : undefined
  if (event.source.storedCopy && known !== undefined && (placed.verdict !== 'trusted' || atMs <= known.seenMs)) return
  if (known === undefined) {
    makeRoom(context, byName)
    byName[item.name] = { value: item.value, sinceMs: atMs, seenMs: atMs, late: null }
    pushRow(context, item, item.value, atMs)
    return
  }
  if (atMs < known.seenMs && !isFromAhead(known, event)) {
    projectLate(context, known, item, atMs)
    return
  }
  known.sinceMs = Math.min(known.sinceMs, atMs)
  known.seenMs = atMs
  if (known.value === item.value) return
  known.value = item.value
  known.sinceMs = atMs
  known.late = null
  pushRow(context, item, item.value, atMs)
}

/** What it is compared with was placed while the recorder's clock was ahead: a message that arrives now is newer. */
const isFromAhead = ({ seenMs }: FactState, { receivedAtMs, source }: DeviceEvent): boolean =>
  source.redriveOf === null && seenMs > receivedAtMs + believedAheadMs

const projectLate = (context: Context, known: FactState, item: FactItem, atMs: number): void => {
  const within = atMs >= known.sinceMs
  if (within && known.value === item.value) return
  if (!within && known.late?.value === item.value) return
  known.late = { value: item.value }
  pushRow(context, item, item.value, atMs)
  if (!within) return
  // The value was another one in between: from its last confirmation on the known one holds again.
  pushRow(context, { ...item, sealed: null }, known.value, known.seenMs)
  known.sinceMs = known.seenMs
}

const makeRoom = (context: Context, byName: Record<string, FactState>): void => {
  const names = Object.keys(byName)
  if (names.length < factsPerDeviceMax) return
  context.onLimit('facts-per-device')
  const seenOf = (name: string): number => byName[name]?.seenMs ?? 0
  const oldest = names.reduce((least, name) => (seenOf(name) < seenOf(least) ? name : least))
  Reflect.deleteProperty(byName, oldest)
}

const noBytes = new Uint8Array(0)

const pushRow = ({ event, place, rows }: Context, item: FactItem, value: string | null, atMs: number): void => {
  rows.facts.push({
    tenant: event.tenant,
    subject: event.subject.id,
    name: item.name,
    observed_at: atMs,
    received_at: event.receivedAtMs,
    value,
    sealed: item.sealed ?? noBytes,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}
