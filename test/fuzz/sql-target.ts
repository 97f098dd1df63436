/**
 * Statements of `sql-inputs.ts` at the warehouse's public door. Whatever is answered: nothing outside the tables was read,
 * written or asked, the tables are as they were, the engine lives, the next reader gets its own rows.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { createCounts, Finding, gone, type Target, textOf } from './fuzz-target.ts'
import type { Program } from './program.ts'
import { sqlStatement } from './sql-inputs.ts'

/** Statements end after 30 s at the latest (`gate-settings.ts`), and some wait for others. */
const answerWithinMs = 90_000
const secret = 'canary-7d1f3c52-nobody-may-read-this'
/** Of the engine's own environment, and of the machine's files. */
const foreign = [secret, 'UV_THREADPOOL_SIZE=', 'root:x:0:']
/** TOO_MANY_SIMULTANEOUS_QUERIES: an answer, not a fault. */
const busy = new Set(['202'])
const outName = 'fuzzout'
const project = resolve(import.meta.dirname, '../..')

export const sqlTarget = async (program: Program): Promise<Target> => {
  const { add, counts } = createCounts()
  const folder = join(program.dataDir, 'sql-fuzz')
  const out = join(folder, 'out')
  mkdirSync(out, { recursive: true })
  const secretFile = join(folder, 'secret.txt')
  writeFileSync(secretFile, `${secret}\n`)
  let visits = 0
  const door = createServer((socket) => {
    visits++
    socket.on('error', () => undefined).destroy()
  })
  const port = await new Promise<number>((done) =>
    door.listen(0, '127.0.0.1', () => {
      const address = door.address()
      done(typeof address === 'object' && address !== null ? address.port : 0)
    }),
  )
  const filled = (text: string): string =>
    text.replaceAll('@SECRET@', secretFile).replaceAll('@OUT@', out).replaceAll('@PORT@', String(port))
  const url = `http://127.0.0.1:${program.recorder.ports.warehouse}/`
  const headers = { authorization: `Basic ${Buffer.from(`admin:${program.recorder.adminToken}`).toString('base64')}` }
  const tables = "SELECT groupArray(name) FROM (SELECT name FROM system.tables WHERE database = 'fleet' ORDER BY name)"
  const ours = "SELECT count() FROM messages WHERE subject = '00-11-22-33-44-55'"
  const before = { tables: await program.sql(tables), rows: Number(await program.sql(ours)) }
  let probes = 0

  const ask = async (sql: string, query: string): Promise<{ status: number; text: string; code: string }> => {
    let response: Response
    try {
      response = await fetch(`${url}?${query}`, { method: 'POST', headers, body: sql, signal: AbortSignal.timeout(answerWithinMs) })
    } catch (error) {
      throw new Finding(
        error instanceof Error && error.name === 'TimeoutError' ? 'a statement does not end' : gone,
        String(error instanceof Error ? (error.cause ?? error) : error),
      )
    }
    const text = await response.text().catch((error: unknown) => `cut: ${String(error)}`)
    return { status: response.status, text, code: response.headers.get('x-clickhouse-exception-code') ?? '' }
  }

  const checkOutside = (sql: string): void => {
    if (visits > 0) {
      visits = 0
      throw new Finding('a statement has reached the network', sql)
    }
    const written = [out, project].flatMap((place) => readdirSync(place).filter((name) => name.startsWith(outName)))
    if (written.length > 0) throw new Finding('a statement has written a file', `${written.join(', ')} by ${sql}`)
  }

  const settle = async (): Promise<void> => {
    await program.checkHealth()
    if (namesBelow(program.dataDir).some((name) => name.startsWith(outName)))
      throw new Finding('a statement has written a file below the data folder')
    const own = `probe-${++probes}`
    const answered = await program.sql(`SELECT '${own}'`)
    if (answered !== own) throw new Finding('a reader gets what is not its own answer', answered.slice(0, 500))
    if ((await program.sql(tables)) !== before.tables) throw new Finding('a statement has changed the tables', await program.sql(tables))
    if (Number(await program.sql(ours)) < before.rows) throw new Finding('a statement has removed rows')
  }

  return {
    name: 'sql',
    inputsAtOnce: 3,
    inputOf: sqlStatement,
    prepare: program.ensureRunning,
    settle,
    check: async ([statement, query]) => {
      const sql = filled(textOf(statement))
      const answer = await ask(sql, encodeURI(filled(textOf(query))))
      add(answer.status === 200 ? 'answered' : `status ${answer.status}`)
      if (answer.status >= 500 && !busy.has(answer.code))
        throw new Finding(`status ${answer.status} with code ${answer.code} of a statement`, `${answer.text.slice(0, 500)} by ${sql}`)
      const leaked = foreign.find((text) => answer.text.includes(text))
      if (leaked !== undefined) throw new Finding('a statement has read outside the tables', `${leaked} by ${sql}`)
      checkOutside(sql)
    },
    counts,
    end: () => void door.close(),
  }
}

/** Folders of the engine come and go while they are read. */
const namesBelow = (folder: string): string[] => {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name, ...namesBelow(join(folder, entry.name))] : [entry.name],
    )
  } catch {
    return []
  }
}
