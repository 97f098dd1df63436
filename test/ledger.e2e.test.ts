/** The short form of the ledger test: half a minute of a fleet, the program and its warehouse killed with -9 meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { reportLines, runLedger } from './ledger/ledger-run.ts'
import { bugs } from './ledger/planted-bugs.ts'
import { runPlanted } from './ledger/planted-run.ts'

const seconds = 30

describe('the ledger', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('reconciles after kills: nothing acknowledged is missing, nothing is there twice', async () => {
    const report = await runLedger({
      folder,
      devices: 50,
      ratePerSecond: 200,
      seconds,
      killEverySeconds: 7,
      seed: 1,
      say: () => undefined,
    })
    process.stdout.write(`${reportLines(report).join('\n')}\n`)
    expect(report.findings).toEqual([])
    expect(report.kills.length).toBeGreaterThanOrEqual(2)
    expect(report.acknowledged).toBe(seconds * 200)
    expect(report.kept).toBe(seconds * 200)
  }, 240_000)

  /** All four, and the product without any: `npm run test:ledger -- --planted`. */
  it('finds an offset that is committed before the insert, planted in the program', async () => {
    const bug = bugs.find(({ name }) => name === 'offset committed before the insert')
    const { findings } = await runPlanted(bug, () => undefined)
    expect(findings).toContainEqual(expect.stringMatching(/^\d+ acknowledged messages are missing: /))
  }, 240_000)
})
