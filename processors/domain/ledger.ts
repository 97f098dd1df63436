/**
 * The account of each device: received = stored + duplicate + quarantined, and expected = with_seq + missing. Rows are
 * additive: one per device and hour of arrival and batch, corrections are negative (design: promises).
 * `ambiguous` ones are part of `stored`, and of no sequence account: whether they fill a gap cannot be known.
 */
import type { DeviceEvent } from '../../model/event.ts'
import type { Row } from '../../model/ports.ts'
import type { Identity } from './identity.ts'

export type LedgerEntry = {
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  with_seq: number
  seq_expected: number
  seq_missing: number
}

export const emptyLedger = (): LedgerEntry => ({
  received: 0,
  stored: 0,
  duplicate: 0,
  quarantined: 0,
  ambiguous: 0,
  with_seq: 0,
  seq_expected: 0,
  seq_missing: 0,
})

export const isQuarantined = ({ bodies }: DeviceEvent): boolean => bodies.some(({ kind }) => kind === 'Quarantined')

export const hourMs = 3_600_000

/** Adds one message of a device or place, in place. */
export const countMessage = (entry: LedgerEntry, event: DeviceEvent, identity: Identity): void => {
  const { redriveOf } = event.source
  // The letter was counted as received and quarantined when it came; now it changes sides.
  if (redriveOf !== null && !identity.letterKnown && !redriveOf.endsWith(':uncounted')) entry.quarantined--
  else entry.received++
  if (isQuarantined(event)) entry.quarantined++
  else if (identity.outcome === 'duplicate') entry.duplicate++
  else entry.stored++
  if (identity.outcome === 'ambiguous') entry.ambiguous++
  entry.with_seq += identity.withSeq
  entry.seq_expected += identity.seqExpected
  entry.seq_missing += identity.seqMissing
}

/** Sums fit their columns, whatever was added: the row of a whole batch must not be refused for one message. */
const clamped = (entry: LedgerEntry): LedgerEntry => {
  const safe = { ...entry }
  for (const name of Object.keys(safe) as (keyof LedgerEntry)[]) {
    safe[name] = Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, safe[name]))
  }
  return safe
}

/** The batch's entries, in the order in which the devices first spoke in it. */

type Page = { tenant: string; subject: string; hour: number; receivedAtMs: number; offset: number; entry: LedgerEntry }

export const createLedgerBook = () => {
  const pages = new Map<string, Page[]>()
  return {
    count: (event: DeviceEvent, identity: Identity, offset: number): void => {
      const { tenant, subject, receivedAtMs } = event
      const hour = receivedAtMs - (receivedAtMs % hourMs)
      let own = pages.get(subject.id)
      if (own === undefined) {
        own = []
        pages.set(subject.id, own)
      }
      let page = own.find((candidate) => candidate.hour === hour)
      if (page === undefined) {
        page = { tenant, subject: subject.id, hour, receivedAtMs, offset, entry: emptyLedger() }
        own.push(page)
      }
      page.receivedAtMs = Math.max(page.receivedAtMs, receivedAtMs)
      page.offset = offset
      countMessage(page.entry, event, identity)
    },
    rows: (logId: string, partition: number): Row[] =>
      [...pages.values()].flatMap((own) =>
        own.map(({ tenant, subject, hour, receivedAtMs, offset, entry }) => ({
          tenant,
          subject,
          hour,
          received_at: receivedAtMs,
          ...clamped(entry),
          log_id: logId,
          partition,
          offset,
        })),
      ),
  }
}
