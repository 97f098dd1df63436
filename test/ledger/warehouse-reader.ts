/** Reads what the ledger test compares, over ClickHouse's HTTP protocol as any client would. */
import type { CountedMessages, LedgerAccount, MessageRow, ProjectionCount, TableCount, Totals } from './compare.ts'

export type WarehouseReader = ReturnType<typeof createWarehouseReader>

const kept = "outcome IN ('stored', 'ambiguous')"
const slices = 8 // Whole tables in one answer would be large in a long run.

/** What makes a row of each table one and the same. Amendments of counters are corrections, rows of their own. */
const identities: Readonly<Record<string, { columns: string; where?: string }>> = {
  messages: { columns: 'log_id, partition, offset' },
  measurements: { columns: 'log_id, partition, offset, metric, attributes, observed_at' },
  counters: { columns: 'log_id, partition, offset, metric, attributes', where: "flag != 'amendment'" },
  radio: { columns: 'log_id, partition, offset' },
  log_lines: { columns: 'log_id, partition, offset, line' },
  facts: { columns: 'log_id, partition, offset, name' },
  presence: { columns: 'log_id, partition, offset' },
}

/** Kinds of message that give exactly one row of a kind each. */
const projectionsOf = (ours: string): readonly { kind: string; rows: string }[] => [
  { kind: 'hardware/lte', rows: `SELECT count() FROM radio WHERE ${ours}` },
  { kind: 'hardware/loadavg', rows: `SELECT count() FROM measurements WHERE ${ours} AND metric = 'system.cpu.load_average.1m'` },
  { kind: 'system/boot', rows: `SELECT count() FROM boots WHERE ${ours} AND evidence = 'told'` },
  { kind: 'log/syslog', rows: `SELECT count() FROM log_lines WHERE ${ours}` },
]

/** `macs`: how those of the simulated fleet begin (of a scenario: 02-f2); ticks and other subjects are no part of the test. */
export const createWarehouseReader = (port: number, adminToken: string, macs = '02-f1') => {
  const ours = `subject LIKE '${macs}-%'`
  const select = async (sql: string): Promise<string[][]> => {
    const response = await fetch(`http://127.0.0.1:${port}/?database=fleet`, {
      method: 'POST',
      headers: { 'X-ClickHouse-User': 'admin', 'X-ClickHouse-Key': adminToken },
      body: `${sql} FORMAT TabSeparated`,
      signal: AbortSignal.timeout(120_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`The warehouse answered ${response.status} to ${sql}: ${text.slice(0, 500)}`)
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t'))
  }
  const one = async (sql: string): Promise<number> => Number((await select(sql))[0]?.[0] ?? 'NaN')
  const optional = (text: string | undefined): number | null => (text === undefined || text === '\\N' ? null : Number(text))

  const totals = async (table: string, samples: string, missing: string, sum: string, min: string, max: string): Promise<Totals[]> =>
    (
      await select(
        `SELECT concat(subject, ' ', metric, ' ', attributes), ${samples}, ${missing}, ${sum}, ${min}, ${max} FROM ${table} WHERE ${ours} GROUP BY subject, metric, attributes`,
      )
    ).map(([key = '', samplesText, missingText, sumText, minText, maxText]) => ({
      key,
      samples: Number(samplesText),
      missing: Number(missingText),
      sum: Number(sumText),
      min: optional(minText),
      max: optional(maxText),
    }))

  return {
    keptCount: () => one(`SELECT uniqExact(subject, boot_id, seq) FROM messages WHERE ${ours} AND ${kept} AND seq IS NOT NULL`),
    messageRows: async function* (): AsyncGenerator<MessageRow> {
      for (let slice = 0; slice < slices; slice++) {
        const rows = await select(
          `SELECT subject, boot_id, seq, outcome, count() FROM messages WHERE ${ours} AND seq IS NOT NULL AND cityHash64(subject) % ${slices} = ${slice} GROUP BY subject, boot_id, seq, outcome`,
        )
        for (const [subject = '', bootId = '', seq = '', outcome = '', count] of rows)
          yield { subject, bootId, seq, outcome, rows: Number(count) }
      }
    },
    baseTotals: () => totals('measurements', 'count(value)', 'countIf(isNull(value))', 'sum(ifNull(value, 0))', 'min(value)', 'max(value)'),
    rollupTotals: (table: string) => totals(table, 'sum(samples)', 'sum(missing)', 'sum(value_sum)', 'min(value_min)', 'max(value_max)'),
    accounts: async (): Promise<LedgerAccount[]> =>
      (
        await select(
          `SELECT subject, sum(received), sum(stored), sum(duplicate), sum(quarantined), sum(ambiguous), sum(with_seq), sum(seq_expected), sum(seq_missing) FROM ledger WHERE ${ours} GROUP BY subject`,
        )
      ).map(([subject = '', ...counts]) => {
        const [received = 0, stored = 0, duplicate = 0, quarantined = 0, ambiguous = 0, withSeq = 0, seqExpected = 0, seqMissing = 0] =
          counts.map(Number)
        return { subject, received, stored, duplicate, quarantined, ambiguous, withSeq, seqExpected, seqMissing }
      }),
    countedMessages: async (): Promise<CountedMessages[]> =>
      (
        await select(
          `SELECT subject, count(), countIf(${kept}), countIf(outcome IN ('duplicate', 'stored_copy')), countIf(outcome = 'quarantined'), countIf(outcome = 'ambiguous'),
           uniqExactIf((boot_id, seq), ${kept} AND seq IS NOT NULL) FROM messages WHERE ${ours} AND outcome NOT IN ('tick', 'inventory', 'command', 'rules') GROUP BY subject`,
        )
      ).map(([subject = '', ...counts]) => {
        const [received = 0, stored = 0, duplicate = 0, quarantined = 0, ambiguous = 0, withSeq = 0] = counts.map(Number)
        return { subject, received, stored, duplicate, quarantined, ambiguous, withSeq }
      }),
    tableCounts: async (): Promise<TableCount[]> => {
      const counts: TableCount[] = []
      for (const [table, { columns, where = '1' }] of Object.entries(identities)) {
        const [row] = await select(`SELECT count(), uniqExact(${columns}) FROM ${table} WHERE ${where}`)
        counts.push({ table, rows: Number(row?.[0]), different: Number(row?.[1]) })
      }
      return counts
    },
    projectionCounts: async (): Promise<ProjectionCount[]> => {
      const counts: ProjectionCount[] = []
      for (const { kind, rows } of projectionsOf(ours)) {
        counts.push({
          kind,
          messages: await one(`SELECT count() FROM messages WHERE ${ours} AND ${kept} AND endsWith(topic, '/${kind}')`),
          rows: await one(rows),
        })
      }
      return counts
    },
    /** Buckets of 15 minutes that differ from a recount of the readings. */
    differentBuckets: (): Promise<number> => {
      const key = 'subject, metric, attributes'
      const recount = `SELECT ${key}, toStartOfFifteenMinutes(toDateTime(observed_at)) AS bucket, count(value) AS samples, countIf(isNull(value)) AS missing, min(value) AS least, max(value) AS most FROM measurements WHERE ${ours} GROUP BY ${key}, bucket`
      const rolled = `SELECT ${key}, bucket, sum(samples) AS samples, sum(missing) AS missing, min(value_min) AS least, max(value_max) AS most FROM measurements_15m WHERE ${ours} GROUP BY ${key}, bucket`
      return one(`SELECT (SELECT count() FROM (${recount} EXCEPT ${rolled})) + (SELECT count() FROM (${rolled} EXCEPT ${recount}))`)
    },
    /** Newest time that a device told; 0: none yet. */
    newestClaimedMs: () => one(`SELECT ifNull(toUnixTimestamp64Milli(max(claimed_at)), 0) FROM messages WHERE ${ours}`),
    /** Rows the view behind `messages` has counted, against `messages` itself. */
    seenTotals: async (): Promise<{ seen: number; messages: number }> => ({
      seen: await one(`SELECT sum(messages) FROM subjects_seen WHERE ${ours}`),
      messages: await one(`SELECT count() FROM messages WHERE ${ours} AND ${kept}`),
    }),
  }
}
