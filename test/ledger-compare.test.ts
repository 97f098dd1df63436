/** The ledger test's comparisons find what is planted; a test that cannot fail proves nothing. */
import { describe, expect, it } from 'vitest'
import {
  type CountedMessages,
  compareLedger,
  compareMessages,
  compareProjections,
  compareRollup,
  compareTables,
  type LedgerAccount,
  type MessageRow,
  type Totals,
} from './ledger/compare.ts'

const mac = '02-f1-00-00-00-01'
const row = (seq: number, outcome = 'stored', rows = 1): MessageRow => ({ subject: mac, bootId: 'b', seq: String(seq), outcome, rows })
const ack = (seq: number): string => `${mac} b ${seq}`

describe('messages', () => {
  it('agree when each acknowledged one is kept once; redeliveries and unacknowledged ones are no fault', () => {
    expect(compareMessages([ack(1), ack(2)], [row(1), row(2), row(2, 'duplicate', 3), row(3)])).toEqual({
      acknowledged: 2,
      kept: 3,
      duplicates: 3,
      brokerLost: 0,
      findings: [],
    })
  })

  it('a missing row is found', () => {
    expect(compareMessages([ack(1), ack(2)], [row(1)]).findings).toEqual([`1 acknowledged messages are missing: ${ack(2)}`])
  })

  it('what a killed outside broker may have lost is counted apart; anything else missing or doubled is a fault all the same', () => {
    const compared = compareMessages([ack(1), ack(2), ack(3)], [row(1, 'stored', 2)], new Set([ack(1), ack(2)]))
    expect(compared).toMatchObject({
      brokerLost: 1,
      findings: [`1 acknowledged messages are missing: ${ack(3)}`, `1 messages are kept more than once: ${ack(1)} (2 times)`],
    })
  })

  it('a message that is only there as a duplicate is missing', () => {
    expect(compareMessages([ack(1)], [row(1, 'duplicate')]).findings).toEqual([`1 acknowledged messages are missing: ${ack(1)}`])
  })

  it('the same number of another boot does not stand in', () => {
    expect(compareMessages([ack(1)], [{ ...row(1), bootId: 'c' }]).findings).toEqual([`1 acknowledged messages are missing: ${ack(1)}`])
  })

  it('a doubled row is found, also when it stands once as stored and once as ambiguous', () => {
    expect(compareMessages([], [row(1, 'stored', 2)]).findings).toEqual([`1 messages are kept more than once: ${ack(1)} (2 times)`])
    expect(compareMessages([], [row(1), row(1, 'ambiguous')]).findings).toEqual([`1 messages are kept more than once: ${ack(1)} (2 times)`])
  })

  it('many findings are counted whole and shown in part', () => {
    expect(compareMessages([1, 2, 3, 4, 5, 6, 7].map(ack), []).findings).toEqual([
      `7 acknowledged messages are missing: ${[1, 2, 3, 4, 5].map(ack).join(', ')}, ...`,
    ])
  })
})

describe('rollups', () => {
  const base: Totals[] = [{ key: 'a', samples: 3, missing: 1, sum: 0.6, min: 0.1, max: 0.3 }]
  it('agree with their base up to the order of a floating point sum', () => {
    expect(compareRollup('measurements_1h', base, [{ ...(base[0] as Totals), sum: 0.6 + 1e-12 }])).toEqual([])
  })

  it.each([
    ['a sample more', { samples: 4 }],
    ['a missing one less', { missing: 0 }],
    ['another sum', { sum: 0.7 }],
    ['another maximum', { max: 0.4 }],
    ['no minimum', { min: null }],
  ])('%s is found', (_, change) => {
    expect(compareRollup('measurements_1h', base, [{ ...(base[0] as Totals), ...change }])).toEqual([
      expect.stringMatching(/^1 totals of measurements_1h disagree with its base: a \(base 3 samples/),
    ])
  })

  it('an absent key and an extra key are found', () => {
    expect(compareRollup('m', base, [])).toEqual(['1 totals of m disagree with its base: a (absent)'])
    expect(compareRollup('m', [], base)).toEqual(['1 totals of m disagree with its base: a (not in the base)'])
  })
})

describe('the account', () => {
  const counted: CountedMessages = { subject: mac, received: 10, stored: 7, duplicate: 2, quarantined: 1, ambiguous: 0, withSeq: 7 }
  const account: LedgerAccount = { ...counted, seqExpected: 7, seqMissing: 0 }
  const compare = (change: Partial<LedgerAccount>, missingAllowed = false): string[] =>
    compareLedger([{ ...account, ...change }], [counted], { missingAllowed })

  it('reconciles', () => {
    expect(compare({})).toEqual([])
    expect(compare({ seqExpected: 9, seqMissing: 2 }, true)).toEqual([])
  })

  it.each([
    ['received that is no sum', { received: 11 }, 'received is not stored + duplicate + quarantined; received 11, rows 10'],
    ['a duplicate counted as stored', { stored: 8, duplicate: 1 }, 'stored 8, rows 7; duplicate 1, rows 2'],
    ['expected that is no sum', { seqExpected: 8 }, 'expected is not with sequence + missing'],
    ['a number that is missing', { seqExpected: 8, seqMissing: 1 }, '1 missing'],
    ['a sequence count beyond the rows', { withSeq: 8, seqExpected: 8 }, 'with sequence 8, rows 7'],
  ])('%s is found', (_, change, complaint) => {
    expect(compare(change)).toEqual([`1 accounts do not reconcile: ${mac} (${complaint})`])
  })

  it('an absent account and one without rows are found', () => {
    expect(compareLedger([], [counted], { missingAllowed: false })).toEqual([`1 accounts do not reconcile: ${mac} has no account`])
    expect(compareLedger([account], [], { missingAllowed: false })).toEqual([
      `1 accounts do not reconcile: ${mac} has an account but no rows`,
    ])
  })
})

describe('tables and projections', () => {
  it('rows that are there twice are found', () => {
    expect(compareTables([{ table: 'radio', rows: 5, different: 5 }, { table: 'facts', rows: 6, different: 4 }])).toEqual(['2 rows of facts are there twice']) // biome-ignore format: two rows
  })

  it('a message without its row is found, and a row without its message', () => {
    expect(
      compareProjections([
        { kind: 'hardware/lte', messages: 3, rows: 3 },
        { kind: 'hardware/loadavg', messages: 3, rows: 2 },
        { kind: 'system/boot', messages: 1, rows: 2 },
      ]),
    ).toEqual(['3 messages of hardware/loadavg gave 2 rows', '1 messages of system/boot gave 2 rows'])
  })
})
