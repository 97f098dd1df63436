/**
 * The ledger's verdict on one subject or on all: does what was received equal what became of it, and is anything missing.
 * `missing` is a number only where the device counts its messages; elsewhere nobody can know, and the answer says so.
 */
export type LedgerSums = {
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  withSeq: number
  seqExpected: number
  seqMissing: number
}

export type LedgerVerdict = LedgerSums & {
  /** received = stored + duplicate + quarantined. */
  reconciled: boolean
  /** received - (stored + duplicate + quarantined): 0 when reconciled. */
  difference: number
  missing: number | 'unknown'
}

export const ledgerVerdict = (sums: LedgerSums): LedgerVerdict => {
  const difference = sums.received - sums.stored - sums.duplicate - sums.quarantined
  return { ...sums, reconciled: difference === 0, difference, missing: sums.withSeq > 0 ? sums.seqMissing : 'unknown' }
}

export const ledgerSums = (row: {
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  with_seq: number
  seq_expected: number
  seq_missing: number
}): LedgerSums => ({
  received: row.received,
  stored: row.stored,
  duplicate: row.duplicate,
  quarantined: row.quarantined,
  ambiguous: row.ambiguous,
  withSeq: row.with_seq,
  seqExpected: row.seq_expected,
  seqMissing: row.seq_missing,
})
