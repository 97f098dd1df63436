import { expect, it } from 'vitest'
import { eventOf } from '../../test/stage-fakes.ts'
import { createLedgerBook } from './ledger.ts'

it('sums of an account stay numbers that their column holds, whatever was added', () => {
  const book = createLedgerBook()
  const huge = {
    outcome: 'new',
    letterKnown: false,
    withSeq: 1,
    seqExpected: Number.MAX_SAFE_INTEGER,
    seqMissing: -Number.MAX_SAFE_INTEGER,
  } as const
  for (let times = 0; times < 3; times++) book.count(eventOf({}), huge, times)
  expect(book.rows('log', 0)).toMatchObject([
    { received: 3, with_seq: 3, seq_expected: Number.MAX_SAFE_INTEGER, seq_missing: Number.MIN_SAFE_INTEGER },
  ])
})
