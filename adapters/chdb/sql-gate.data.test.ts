/** The gate against recorded texts: what must be refused, what must pass, what must end within the caps. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askPublic, startForTest } from './start-for-test.ts'

type Vector = { sql: string; url?: string }
type Vectors = { fixture: { ddl: string[] }; refuse: Vector[]; ok: Vector[]; limit: Vector[] }

const file = join(process.env['SAMPLE_DATA_DIR'] ?? '../shared/data', 'vectors/sql-gate.json')
if (!existsSync(file)) throw new Error(`Expected sample data at ${file}; set SAMPLE_DATA_DIR`)
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

describe('the SQL gate', { timeout: 120_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  let canary: Server
  let canaryHits = 0
  const outDir = mkdtempSync(join(tmpdir(), 'gate-out-'))
  const filled = (text: string): string =>
    text.replaceAll('<outdir>', outDir).replaceAll('<canary>', String((canary.address() as AddressInfo).port))
  const ask = ({ sql, url }: Vector) => askPublic(started.child.publicUrl, filled(sql), (url ?? '').replace(/^&/, ''))

  beforeAll(async () => {
    started = await startForTest({ hiddenTables: ['secret'] })
    canary = createServer((_request, response) => {
      canaryHits++
      response.end('reached')
    })
    await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', () => resolve()))
    for (const ddl of vectors.fixture.ddl) await started.warehouse.command(ddl)
    await started.warehouse.command("INSERT INTO fleet.m VALUES (now(), 'm1', 'cpu', 1.5)")
    await started.warehouse.command("INSERT INTO fleet.secret VALUES ('hush-hush')")
  }, 60_000)
  afterAll(async () => {
    await started.stop()
    canary.close()
    rmSync(outDir, { recursive: true, force: true })
  })

  it.each(vectors.refuse)('refuses $sql $url', async (vector) => {
    const answer = await ask(vector)
    expect(answer.status, answer.text.slice(0, 300)).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
    expect(answer.text).not.toMatch(/root:x:|hush-hush|reached/)
    expect(readdirSync(outDir)).toEqual([])
    expect(canaryHits).toBe(0)
  })

  it.each(vectors.ok)('answers $sql $url', async (vector) => {
    const answer = await ask(vector)
    expect(answer.status, answer.text.slice(0, 300)).toBe(200)
  })

  it.each(vectors.limit.map(({ sql }) => ({ name: sql.slice(0, 80), sql })))('ends $name within the caps', async ({ sql }) => {
    const pid = started.child.pid()
    const startedAt = Date.now()
    await ask({ sql })
    expect(Date.now() - startedAt).toBeLessThan(60_000)
    expect(await started.warehouse.query('SELECT 1 AS one')).toEqual([{ one: 1 }])
    expect(started.child.pid()).toBe(pid)
  })

  it('has left the tables as they were', async () => {
    expect(
      await started.warehouse.query('SELECT (SELECT count() FROM fleet.m) AS m, (SELECT count() FROM fleet.secret) AS secret'),
    ).toEqual([{ m: 1, secret: 1 }])
  })
})
