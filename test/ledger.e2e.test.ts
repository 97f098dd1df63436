/** The short form of the ledger test: a minute of a fleet, the program and its warehouse killed with -9 meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { reportLines, runLedger } from './ledger/ledger-run.ts'

describe('the ledger', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('reconciles after kills: nothing acknowledged is missing, nothing is there twice', async () => {
    const report = await runLedger({
      folder,
      devices: 50,
      ratePerSecond: 200,
      seconds: 45,
      killEverySeconds: 11,
      seed: 1,
      say: () => undefined,
    })
    process.stdout.write(`${reportLines(report).join('\n')}\n`)
    expect(report.findings).toEqual([])
    expect(report.kills.length).toBeGreaterThanOrEqual(2)
    expect(report.acknowledged).toBe(45 * 200)
    expect(report.kept).toBe(45 * 200)
  }, 240_000)
})
