/** The query API over an embedded engine of its own, for tests: rows go in, questions are asked as over HTTP. */
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import type { Row, Warehouse } from '../../model/ports.ts'
import type { QueryApiDeps } from '../../query-api/deps.ts'
import { testDeps, testToken } from '../../query-api/fakes.ts'
import { loadPageFiles } from '../../query-api/main.ts'
import { createServer } from '../../query-api/server.ts'

export const testHeaders = { host: 'localhost', authorization: `Bearer ${testToken}` }

export type TestAnswer = { status: number; body: Record<string, unknown> }
export type TestApi = {
  warehouse: Warehouse
  /** Rejects unless the answer is 200. Paths are below /api/v1. */
  get: <T>(path: string) => Promise<T>
  ask: (path: string) => Promise<TestAnswer>
  post: (path: string, body?: object) => Promise<TestAnswer>
  stop: () => Promise<void>
}

/** `rows` by table, inserted one table after the other. */
export const startApiForTest = async (rows: Readonly<Record<string, readonly Row[]>>, deps: Partial<QueryApiDeps>): Promise<TestApi> => {
  const engine = await startForTest({ listen: null })
  await migrate(engine.warehouse)
  for (const [table, tableRows] of Object.entries(rows)) await engine.warehouse.insert(table, [...tableRows], { dedupToken: table })
  const app = await createServer(testDeps({ warehouse: engine.warehouse, ...deps }), loadPageFiles())
  const call = async (method: 'GET' | 'POST', path: string, payload?: object): Promise<TestAnswer> => {
    const answer = await app.inject({ method, url: `/api/v1/${path}`, headers: testHeaders, ...(payload === undefined ? {} : { payload }) })
    return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
  }
  return {
    warehouse: engine.warehouse,
    get: async <T>(path: string): Promise<T> => {
      const { status, body } = await call('GET', path)
      if (status !== 200) throw new Error(`${String(status)} ${JSON.stringify(body)}`)
      return body as T
    },
    ask: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
    stop: async () => {
      await app.close()
      await engine.stop()
    },
  }
}
