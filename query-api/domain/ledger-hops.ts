/**
 * The ledger by hop: what each stop on a message's way counted, and whether the next one counted the same. Counts of one hop
 * are made apart from those of the next (the device's numbers, dead letters, offsets of the log, accounts of the stage, rows),
 * so a difference is a loss or a doubling between the two, or a fault of the recorder.
 *
 * `unknown`: the device does not number its messages. Null: these counts cannot be compared, and `note` says why.
 */
import type { LedgerSums } from './ledger-words.ts'

export type HopInputs = {
  ledger: LedgerSums
  /** Rows of `messages` by outcome, of what the ledger has accounts of. */
  rows: { stored: number; ambiguous: number; duplicate: number; quarantined: number }
  /** Dead letters that name a subject (re-driven ones included), those of them that were re-driven, and those without a subject. */
  letters: { refused: number; redriven: number; withoutSubject: number; kept: boolean }
  /** Between the first and the last tick of the range: offsets given out, rows of `messages` there, frames nobody could read. Null: of one device, whose records have no offsets of their own. */
  log: { records: number; rows: number; unreadable: number } | null
}

export type Hop = {
  hop: 'device' | 'front_door' | 'log' | 'stage' | 'warehouse'
  counted: Record<string, number>
  difference: number | 'unknown' | null
  note: string | null
}

const expired = 'Dead letters of the beginning of this range are no longer kept.'

export const ledgerHops = ({ ledger, rows, letters, log }: HopInputs): Hop[] => {
  const { received, stored, duplicate, quarantined, ambiguous, withSeq, seqExpected, seqMissing } = ledger
  const redriven = letters.kept ? letters.redriven : Math.max(0, rows.quarantined - quarantined)
  const rowsHeld = rows.stored + rows.ambiguous + rows.duplicate + rows.quarantined
  return [
    {
      hop: 'device',
      counted: { expected: seqExpected, received: withSeq, withoutNumber: received - withSeq },
      difference: withSeq > 0 ? seqMissing : 'unknown',
      note: withSeq > 0 ? null : 'No message carries a number, so nobody can know whether some were lost before the front door.',
    },
    {
      hop: 'front_door',
      counted: { refused: letters.refused, refusedWithoutSubject: letters.withoutSubject, redriven: letters.redriven },
      // Each refused message that names a subject stands in the log a second time, for the subject's own account.
      difference: letters.kept ? letters.refused - rows.quarantined : null,
      note: letters.kept ? null : expired,
    },
    log === null
      ? {
          hop: 'log',
          counted: { records: received + redriven },
          difference: null,
          note: 'Records of one device have no offsets of their own: /ledger/hops compares all of the log with the rows.',
        }
      : {
          hop: 'log',
          counted: { records: log.records, rows: log.rows, unreadable: log.unreadable },
          difference: log.records - log.rows - log.unreadable,
          note: null,
        },
    {
      hop: 'stage',
      counted: { received, stored, ambiguous, duplicate, quarantined },
      difference: received - stored - duplicate - quarantined,
      note: null,
    },
    {
      hop: 'warehouse',
      counted: { rows: rowsHeld, stored: rows.stored + rows.ambiguous, duplicate: rows.duplicate, quarantined: rows.quarantined },
      difference: largest([
        stored - rows.stored - rows.ambiguous,
        duplicate - rows.duplicate,
        letters.kept ? quarantined + redriven - rows.quarantined : 0,
      ]),
      note: letters.kept ? null : expired,
    },
  ]
}

/** Rows missing in one outcome and too many in another are two faults, not none: the greater one is told. */
const largest = (differences: readonly number[]): number =>
  differences.reduce((worst, own) => (Math.abs(own) > Math.abs(worst) ? own : worst), 0)
