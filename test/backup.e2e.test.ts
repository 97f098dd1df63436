/** The restore drill: a backup taken under load, everything deleted, restored, started: nothing acknowledged before it is missing. */
import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compareLedger, compareMessages, compareProjections, compareRollup, compareTables, type MessageRow } from './ledger/compare.ts'
import { isGone } from './ledger/gone-folder.ts'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'
import { createWarehouseReader } from './ledger/warehouse-reader.ts'

const project = resolve(import.meta.dirname, '..')
const rollups = ['measurements_15m', 'measurements_1h', 'measurements_1d']

describe('a backup of the running recorder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'backup-'))
  const data = join(folder, 'data')
  const backup = join(folder, 'backup')
  const ackFile = join(folder, 'acknowledged.txt')
  let recorder: Recorder

  const run = (program: string, ...rest: string[]): Promise<{ code: number | null; text: string }> => {
    const env = { ...process.env, DATA_DIR: data, ADMIN_TOKEN: recorder.adminToken, HTTP_LISTEN: `127.0.0.1:${recorder.ports.http}` }
    const child = spawn(process.execPath, [program, ...rest], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'], env })
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()))
    return new Promise((done) => child.once('exit', (code) => done({ code, text })))
  }
  const acknowledged = (): string[] => {
    const lines = existsSync(ackFile) ? readFileSync(ackFile, 'utf8').split('\n') : []
    return lines.slice(0, -1) // The last one may be half written.
  }
  /** Publishes until it is told to stop. */
  const startFleet = (): (() => Promise<void>) => {
    const flags = { url: `mqtt://127.0.0.1:${recorder.ports.mqtt}`, devices: 40, rate: 300, seconds: 300, seed: 3, 'ack-file': ackFile }
    const argv = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
    const child = spawn(process.execPath, ['agent/simulate-main.ts', ...argv], { cwd: project, stdio: 'ignore' })
    const exited = new Promise<void>((done) => child.once('exit', () => done()))
    return async () => {
      child.kill('SIGKILL')
      await exited
    }
  }

  beforeAll(async () => {
    recorder = await createRecorder(data)
    await recorder.start()
  })
  afterAll(async () => {
    await recorder.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('gives everything acknowledged before it back, once, after the data folder is lost', async () => {
    const stopFleet = startFleet()
    await waitFor('some thousand acknowledgements', async () => acknowledged().length >= 3000, 60_000, recorder.output)
    const before = acknowledged()
    const taken = await run('app/backup-main.ts', '--to', backup)
    process.stdout.write(taken.text)
    expect(taken).toMatchObject({ code: 0, text: expect.stringContaining('running recorder') as string })
    const since = acknowledged().length
    await waitFor('the recorder goes on', async () => acknowledged().length > since, 10_000, recorder.output)
    expect(readdirSync(join(data, 'warehouse', 'shadow')).filter((name) => name.startsWith('backup'))).toEqual([])
    await recorder.killProgram()
    await stopFleet()
    await waitFor('the engine has let go', async () => isGone(data), 20_000)

    const restored = await run('app/restore-main.ts', '--from', backup)
    process.stdout.write(restored.text)
    expect(restored).toMatchObject({ code: 0 })
    await recorder.start()
    const reader = createWarehouseReader(recorder.ports.warehouse, recorder.adminToken)
    await waitFor('the log is in the tables', async () => (await reader.keptCount()) >= new Set(before).size, 60_000, recorder.output)
    let seen = ''
    await waitFor('the tables are settled', async () => {
      const now = JSON.stringify([await reader.seenTotals(), await reader.accounts()])
      const same = now === seen
      seen = now
      if (!same) await new Promise((done) => setTimeout(done, 1000))
      return same
    }, 60_000, recorder.output) // biome-ignore format: one call

    const rows: MessageRow[] = []
    for await (const row of reader.messageRows()) rows.push(row)
    const { findings, kept } = compareMessages(before, rows)
    expect(findings).toEqual([])
    expect(kept).toBeGreaterThanOrEqual(new Set(before).size)
    const base = await reader.baseTotals()
    for (const rollup of rollups) expect(compareRollup(rollup, base, await reader.rollupTotals(rollup))).toEqual([])
    expect(compareLedger(await reader.accounts(), await reader.countedMessages(), { missingAllowed: false })).toEqual([])
    expect(compareTables(await reader.tableCounts())).toEqual([])
    expect(compareProjections(await reader.projectionCounts())).toEqual([])
    const { seen: seenMessages, messages } = await reader.seenTotals()
    expect(seenMessages).toBe(messages)
    expect(recorder.output()).not.toMatch(/refill|STAGE_MARK/)
  }, 240_000)

  it('refuses a folder that is in use, and one that is not empty', async () => {
    expect(await run('app/restore-main.ts', '--from', backup)).toMatchObject({
      code: 1,
      text: expect.stringContaining('to be free, but it is held by') as string,
    })
    await recorder.stop()
    expect(await run('app/restore-main.ts', '--from', backup)).toMatchObject({
      code: 1,
      text: expect.stringContaining('Expected an empty data folder') as string,
    })
  })

  it('can be taken of a stopped recorder, and is the same data', async () => {
    const second = join(folder, 'second')
    expect(await run('app/backup-main.ts', '--to', second)).toMatchObject({ code: 0, text: expect.stringContaining('stopped') as string })
    const read = (at: string) => JSON.parse(readFileSync(join(at, 'manifest.json'), 'utf8')) as { logId: string }
    expect(read(second).logId).toBe(read(backup).logId)
  })

  it('is not restored when one byte of it is wrong', async () => {
    appendFileSync(join(backup, 'keys', 'data.mdb'), 'x')
    rmSync(data, { recursive: true })
    expect(await run('app/restore-main.ts', '--from', backup)).toMatchObject({
      code: 1,
      text: expect.stringContaining('keys/data.mdb was changed') as string,
    })
  })

  it('makes a folder that the recorder refuses when its restore was cut off', async () => {
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, 'restore-unfinished'), '')
    await expect(recorder.start()).rejects.toThrow(/RESTORE_UNFINISHED/)
  })
})
