/**
 * Slowly changing words about a device. A row is written when the value changes by placed time, and so that the rows alone say
 * what held at any moment, also after late words: a late one that differs gives a row, and the telling after it another. A
 * stored copy only fills what is absent or older.
 */
import type { FactItem, FactsBody } from '../../../model/event.ts'
import { believedAheadMs } from '../placed-time.ts'
import type { Context } from '../projection.ts'
import type { FactRun, FactState, FactsState, FormerFactState } from '../state.ts'

/** Facts remembered per device; the one confirmed longest ago makes room, its next word gives a row again. */
export const factsPerDeviceMax = 512
/**
 * Tellings remembered per fact. A late word is placed exactly between the newest of them; between older ones it holds until
 * the next that is remembered.
 */
export const factTellingsMax = 12

export const projectFacts = (context: Context, body: FactsBody): void => {
  const { event, overlay } = context
  const facts = overlay.open('facts', event.subject.id, () => ({ kind: 'facts', byName: {} }))
  for (const item of body.items) projectFact(context, facts, item)
}

const projectFact = (context: Context, { byName }: FactsState, item: FactItem): void => {
  const { event, placed } = context
  const atMs = placed.observedAtMs
  const stored = Object.hasOwn(byName, item.name) ? byName[item.name] : undefined
  let known = stored === undefined ? undefined : stateOf(stored)
  if (event.source.storedCopy && known !== undefined && (placed.verdict !== 'trusted' || atMs <= seenMsOf(known))) return
  if (known === undefined) {
    makeRoom(context, byName)
    known = { runs: [] }
  }
  if (known !== stored) byName[item.name] = known
  // Placed while the recorder's clock was ahead: what arrives now is newer.
  if (event.source.redriveOf === null && seenMsOf(known) > event.receivedAtMs + believedAheadMs) known.runs = []
  note(context, known, item, atMs)
  forgetOldest(known)
}

const note = (context: Context, { runs }: FactState, item: FactItem, atMs: number): void => {
  const newest = runs[runs.length - 1]
  if (newest?.value === item.value && atMs >= (newest.times[newest.times.length - 1] ?? atMs)) {
    newest.times.push(atMs) // Nearly every word: the same again.
    return
  }
  // The run that had begun by then: of equal times the later message is the newer.
  const at = runs.findLastIndex(({ times }) => (times[0] ?? 0) <= atMs)
  const run = runs[at]
  const next = runs[at + 1]
  const within = run?.times.findLastIndex((timeMs) => timeMs <= atMs) ?? -1
  if (run?.value === item.value) {
    run.times.splice(within + 1, 0, atMs)
    return
  }
  pushRow(context, item, atMs)
  const after = run?.times.splice(within + 1) ?? []
  const afterMs = after[0]
  if (run !== undefined && afterMs !== undefined) {
    // It was another one in between: from its next telling on the former holds again.
    pushRow(context, { name: item.name, value: run.value, sealed: run.sealed }, afterMs)
    runs.splice(at + 1, 0, runOf(item, atMs), { ...run, times: after })
  } else if (next?.value === item.value) next.times.unshift(atMs)
  else runs.splice(at + 1, 0, runOf(item, atMs))
}

const stateOf = (known: FactState | FormerFactState): FactState => {
  if ('runs' in known) return known
  const { value, sinceMs, seenMs } = known
  return { runs: [{ value, sealed: null, times: seenMs > sinceMs ? [sinceMs, seenMs] : [sinceMs] }] }
}

const runOf = ({ value, sealed }: FactItem, atMs: number): FactRun => ({ value, sealed, times: [atMs] })

const seenMsOf = ({ runs }: FactState): number => runs.at(-1)?.times.at(-1) ?? 0

/** The first time of a run stays as long as the run does: its row is what the run stands on. */
const forgetOldest = ({ runs }: FactState): void => {
  let tellings = 0
  for (const { times } of runs) tellings += times.length
  const oldest = runs[0]
  if (tellings <= factTellingsMax || oldest === undefined) return
  if (oldest.times.length > 1) oldest.times.splice(1, 1)
  else runs.shift()
}

const makeRoom = (context: Context, byName: FactsState['byName']): void => {
  const names = Object.keys(byName)
  if (names.length < factsPerDeviceMax) return
  context.onLimit('facts-per-device')
  const seenOf = (name: string): number => {
    const known = byName[name]
    return known === undefined ? 0 : seenMsOf(stateOf(known))
  }
  const oldest = names.reduce((least, name) => (seenOf(name) < seenOf(least) ? name : least))
  Reflect.deleteProperty(byName, oldest)
}

const noBytes = new Uint8Array(0)

const pushRow = ({ event, place, rows }: Context, { name, value, sealed }: FactItem, atMs: number): void => {
  rows.facts.push({
    tenant: event.tenant,
    subject: event.subject.id,
    name,
    observed_at: atMs,
    received_at: event.receivedAtMs,
    value,
    sealed: sealed ?? noBytes,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}
