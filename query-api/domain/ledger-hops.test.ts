import { describe, expect, it } from 'vitest'
import { type HopInputs, ledgerHops } from './ledger-hops.ts'

const right: HopInputs = {
  ledger: { received: 110, stored: 96, duplicate: 10, quarantined: 4, ambiguous: 2, withSeq: 90, seqExpected: 95, seqMissing: 5 },
  rows: { stored: 94, ambiguous: 2, duplicate: 10, quarantined: 5 },
  letters: { refused: 5, redriven: 1, withoutSubject: 3, kept: true },
  log: { records: 500, rows: 499, unreadable: 1 },
}
const differences = (changes: Partial<HopInputs>) =>
  Object.fromEntries(ledgerHops({ ...right, ...changes }).map(({ hop, difference }) => [hop, difference]))

describe('the hops of a ledger', () => {
  it('tell what each counted; a re-driven letter left its row of refusal', () => {
    expect(ledgerHops(right)).toEqual([
      { hop: 'device', counted: { expected: 95, received: 90, withoutNumber: 20 }, difference: 5, note: null },
      { hop: 'front_door', counted: { refused: 5, refusedWithoutSubject: 3, redriven: 1 }, difference: 0, note: null },
      { hop: 'log', counted: { records: 500, rows: 499, unreadable: 1 }, difference: 0, note: null },
      { hop: 'stage', counted: { received: 110, stored: 96, ambiguous: 2, duplicate: 10, quarantined: 4 }, difference: 0, note: null },
      { hop: 'warehouse', counted: { rows: 111, stored: 96, duplicate: 10, quarantined: 5 }, difference: 0, note: null },
    ])
  })

  it('each show a loss of their own', () => {
    expect(differences({ letters: { ...right.letters, refused: 6 } })).toMatchObject({ front_door: 1, log: 0, stage: 0, warehouse: 0 })
    expect(differences({ log: { records: 503, rows: 499, unreadable: 1 } })).toMatchObject({
      front_door: 0,
      log: 3,
      stage: 0,
      warehouse: 0,
    })
    expect(differences({ ledger: { ...right.ledger, stored: 95 } })).toMatchObject({ stage: 1 })
    expect(differences({ rows: { ...right.rows, stored: 90 } })).toMatchObject({ log: 0, stage: 0, warehouse: 4 })
  })

  it('do not let a row too many make up for one that is missing', () => {
    expect(differences({ rows: { ...right.rows, stored: 93, duplicate: 11 } })).toMatchObject({ warehouse: 1 })
    expect(differences({ rows: { ...right.rows, duplicate: 12 } })).toMatchObject({ warehouse: -2 })
  })

  it('say unknown of a device without numbers, and nothing where letters have expired', () => {
    const ledger = { ...right.ledger, withSeq: 0, seqExpected: 0, seqMissing: 0 }
    expect(differences({ ledger })).toMatchObject({ device: 'unknown' })
    const expired = { refused: 0, redriven: 0, withoutSubject: 0, kept: false }
    expect(differences({ letters: expired })).toEqual({ device: 5, front_door: null, log: 0, stage: 0, warehouse: 0 })
    expect(differences({ log: null })).toMatchObject({ log: null })
  })
})
