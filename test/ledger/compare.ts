/**
 * What the ledger test compares, without any I/O: what devices were told is kept (acknowledgements) against what the
 * warehouse holds, base tables against rollups, and the recorder's own account against both. Every finding is one line.
 */

/** `<mac> <bootId> <seq>`, as the simulator writes it. */
export type AckLine = string

export type MessageRow = { subject: string; bootId: string; seq: string; outcome: string; rows: number }

/** The end of each finding list; the count before it is whole. */
const examplesMax = 5

const finding = (count: number, text: string, examples: readonly string[]): string[] =>
  count === 0 ? [] : [`${count} ${text}: ${examples.slice(0, examplesMax).join(', ')}${count > examplesMax ? ', ...' : ''}`]

export type MessageComparison = { acknowledged: number; kept: number; duplicates: number; brokerLost: number; findings: string[] }

/**
 * Acknowledged is a subset of kept, and each message is kept once. `stored` and `ambiguous` are kept; `duplicate` was
 * recognised. `brokerMayLose`: what an outside broker alone acknowledged around its own kills; of that it is counted apart what
 * is missing.
 */
export const compareMessages = (
  acknowledged: Iterable<AckLine>,
  rows: Iterable<MessageRow>,
  brokerMayLose: ReadonlySet<AckLine> = new Set(),
): MessageComparison => {
  const kept = new Map<AckLine, number>()
  let duplicates = 0
  for (const { subject, bootId, seq, outcome, rows: count } of rows) {
    if (outcome === 'duplicate') duplicates += count
    if (outcome !== 'stored' && outcome !== 'ambiguous') continue
    const id = `${subject} ${bootId} ${seq}`
    kept.set(id, (kept.get(id) ?? 0) + count)
  }
  const told = new Set(acknowledged)
  const absent = [...told].filter((id) => !kept.has(id))
  const missing = absent.filter((id) => !brokerMayLose.has(id))
  const twice = [...kept].filter(([, count]) => count > 1).map(([id, count]) => `${id} (${count} times)`)
  return {
    acknowledged: told.size,
    kept: kept.size,
    duplicates,
    brokerLost: absent.length - missing.length,
    findings: [
      ...finding(missing.length, 'acknowledged messages are missing', missing),
      ...finding(twice.length, 'messages are kept more than once', twice),
    ],
  }
}

/** Totals of one subject and metric. */
export type Totals = { key: string; samples: number; missing: number; sum: number; min: number | null; max: number | null }

const sumTolerance = 1e-9 // Relative: floating point sums depend on their order.

/** A rollup has the same keys and the same totals as its base table. */
export const compareRollup = (name: string, base: readonly Totals[], rollup: readonly Totals[]): string[] => {
  const rolled = new Map(rollup.map((totals) => [totals.key, totals]))
  const wrong: string[] = []
  for (const expected of base) {
    const found = rolled.get(expected.key)
    rolled.delete(expected.key)
    if (found === undefined) wrong.push(`${expected.key} (absent)`)
    else if (!agree(expected, found)) wrong.push(`${expected.key} (base ${totalsText(expected)}, rollup ${totalsText(found)})`)
  }
  for (const key of rolled.keys()) wrong.push(`${key} (not in the base)`)
  return finding(wrong.length, `totals of ${name} disagree with its base`, wrong)
}

const agree = (a: Totals, b: Totals): boolean =>
  a.samples === b.samples &&
  a.missing === b.missing &&
  a.min === b.min &&
  a.max === b.max &&
  Math.abs(a.sum - b.sum) <= sumTolerance * Math.max(1, Math.abs(a.sum), Math.abs(b.sum))

const totalsText = ({ samples, missing, sum }: Totals): string => `${samples} samples, ${missing} missing, sum ${sum}`

export type LedgerAccount = {
  subject: string
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  withSeq: number
  seqExpected: number
  seqMissing: number
}
/** The same counts made from `messages`; `withSeq` are distinct (boot, seq) among what is kept. */
export type CountedMessages = {
  subject: string
  received: number
  stored: number
  duplicate: number
  quarantined: number
  ambiguous: number
  withSeq: number
}

/**
 * The recorder's account against its own rows: received = stored + duplicate + quarantined, expected = with sequence +
 * missing, and each of them equals what `messages` holds. `missingAllowed`: false where the publisher was told that
 * everything is kept, so that no number may be missing.
 */
export const compareLedger = (
  accounts: readonly LedgerAccount[],
  counted: readonly CountedMessages[],
  { missingAllowed }: { missingAllowed: boolean },
): string[] => {
  const bySubject = new Map(accounts.map((account) => [account.subject, account]))
  const wrong: string[] = []
  for (const expected of counted) {
    const account = bySubject.get(expected.subject)
    bySubject.delete(expected.subject)
    if (account === undefined) {
      wrong.push(`${expected.subject} has no account`)
      continue
    }
    const complaints = [
      account.received === account.stored + account.duplicate + account.quarantined
        ? ''
        : 'received is not stored + duplicate + quarantined',
      account.seqExpected === account.withSeq + account.seqMissing ? '' : 'expected is not with sequence + missing',
      ...(['received', 'stored', 'duplicate', 'quarantined', 'ambiguous'] as const).map((name) =>
        account[name] === expected[name] ? '' : `${name} ${account[name]}, rows ${expected[name]}`,
      ),
      // Ambiguous messages are stored, but of no sequence account.
      account.withSeq <= expected.withSeq && account.withSeq >= expected.withSeq - account.ambiguous
        ? ''
        : `with sequence ${account.withSeq}, rows ${expected.withSeq}`,
      missingAllowed || account.seqMissing === 0 ? '' : `${account.seqMissing} missing`,
    ].filter((complaint) => complaint !== '')
    if (complaints.length > 0) wrong.push(`${expected.subject} (${complaints.join('; ')})`)
  }
  for (const subject of bySubject.keys()) wrong.push(`${subject} has an account but no rows`)
  return finding(wrong.length, 'accounts do not reconcile', wrong)
}

/** Rows of one table and how many of them are different by their identity. */
export type TableCount = { table: string; rows: number; different: number }

export const compareTables = (tables: readonly TableCount[]): string[] =>
  tables
    .filter(({ rows, different }) => rows !== different)
    .map(({ table, rows, different }) => `${rows - different} rows of ${table} are there twice`)

/** Each kept message of a kind gave its rows: the kind's name, kept messages, rows made of them. */
export type ProjectionCount = { kind: string; messages: number; rows: number }

export const compareProjections = (projections: readonly ProjectionCount[]): string[] =>
  projections
    .filter(({ messages, rows }) => messages !== rows)
    .map(({ kind, messages, rows }) => `${messages} messages of ${kind} gave ${rows} rows`)
