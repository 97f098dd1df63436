/** Deps for tests: a warehouse that answers by table, and everything else at rest. */
import type { Warehouse } from '../model/ports.ts'
import type { QueryApiDeps } from './deps.ts'

export const testToken = 'test-token-0123456789'
export const testNowMs = Date.UTC(2025, 2, 1, 12)

/** `answer` gets each query; no rows unless it says otherwise. */
export const fakeWarehouse = (answer: (sql: string, params: Record<string, unknown>) => unknown[] = () => []): Warehouse => ({
  insert: () => Promise.reject(new Error('the query API never inserts')),
  query: async <T>(sql: string, params: Record<string, unknown> = {}): Promise<T[]> => {
    // As the engine would: a value that the text names must be given.
    for (const [, name] of sql.matchAll(/\{(\w+):\w/g)) {
      if (name !== undefined && !(name in params)) throw new Error(`the query names {${name}}, which was not given`)
    }
    return answer(sql, params) as T[]
  },
  command: () => Promise.reject(new Error('the query API never commands')),
  ping: () => Promise.resolve(true),
  close: () => Promise.resolve(),
})

export const testDeps = (changes: Partial<QueryApiDeps> = {}): QueryApiDeps => ({
  warehouse: fakeWarehouse(),
  clock: { nowMs: () => testNowMs },
  tenant: 'default',
  listen: { host: '127.0.0.1', port: 0 },
  authenticate: (bearer) => Promise.resolve(bearer === testToken ? { actor: 'admin' } : null),
  parse: (topic, payload) => ({ topic, bytes: payload.length }),
  importInventory: (kind, csv, { dryRun }) =>
    Promise.resolve({
      kind,
      dryRun,
      applied: !dryRun && !csv.includes('bad'),
      rows: 1,
      created: csv.includes('bad') ? 0 : 1,
      changed: 0,
      unchanged: 0,
      rejected: csv.includes('bad') ? 1 : 0,
      results: [{ row: 2, id: 'x', action: csv.includes('bad') ? 'reject' : 'create', reason: csv.includes('bad') ? 'no MAC' : null }],
    }),
  retire: () => Promise.resolve(),
  commandAlarms: (commands) =>
    Promise.resolve(commands.map((_command, offset) => ({ topic: 'device-events' as const, partition: 0, offset }))),
  redrive: () => Promise.resolve({ redriven: 1, stillRefused: 0, skippedCut: 0 }),
  openSealed: (_subject, sealed) => Promise.resolve(sealed),
  decodeFrame: () => ({ ok: false, reason: 'the tests have no frames' }),
  exporter: {
    tables: ['facts', 'radio'],
    ndjson: async function* (_range, table) {
      yield `{"table":"${table ?? 'all'}"}\n`
    },
    parquet: async function* () {
      yield new TextEncoder().encode('PAR1')
    },
    count: () => Promise.resolve(1),
  },
  completeThroughMs: () => testNowMs - 1000,
  readiness: () => Promise.resolve({ ready: true, waitingFor: [] }),
  metricsText: () => Promise.resolve('up 1\n'),
  schemaText: (id) => (id === 1 ? '{"type":"string"}' : undefined),
  ...changes,
})
