/** One row per record of the log, duplicates and ticks included: the long archive, from which a rebuild continues. */
import { toDateTime64 } from '../placed-time.ts'
import type { Context } from '../projection.ts'

/** Names of the column `messages.outcome`. `stored_copy`: what an outside broker had kept, in the ledger a duplicate. */
export type MessageOutcome =
  | 'stored'
  | 'duplicate'
  | 'ambiguous'
  | 'quarantined'
  | 'tick'
  | 'maintenance'
  | 'inventory'
  | 'stored_copy'
  | 'command'
  | 'rules'
  | 'verdict'

export const projectMessage = (
  { event, place, placed, rows }: Pick<Context, 'event' | 'place' | 'placed' | 'rows'>,
  outcome: MessageOutcome,
  frame: Uint8Array,
): void => {
  rows.messages.push({
    tenant: event.tenant,
    subject_kind: event.subject.kind,
    subject: event.subject.id,
    observed_at: placed.observedAtMs,
    claimed_at: event.observedAtMs === null ? null : toDateTime64(event.observedAtMs),
    received_at: event.receivedAtMs,
    clock_verdict: placed.verdict,
    outcome,
    topic: event.source.topic,
    boot_id: event.bootId ?? '',
    seq: event.seq,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
    frame,
  })
}
