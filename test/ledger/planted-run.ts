/** A short ledger test of the embedded program with one bug planted in it, or with none: what it finds is the test of the test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { embeddedSystem, type LedgerRunReport, runLedger } from './ledger-run.ts'
import type { Bug } from './planted-bugs.ts'

/** Fast enough that a kill meets messages that are on their way to the disk: that takes a few milliseconds. */
const load = { devices: 100, ratePerSecond: 2_000, seconds: 8, killEverySeconds: 2.5, seed: 1 }

export const runPlanted = async (bug: Bug | undefined, say: (line: string) => void): Promise<LedgerRunReport> => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-planted-'))
  try {
    const system = await embeddedSystem(join(folder, 'data'), bug)
    return await runLedger({ folder, ...load, quietSeconds: 4, say, system })
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  }
}

/** Whether the report is what it must be: clean without a bug, with the bug's own finding otherwise. */
export const isAsPlanted = ({ findings }: LedgerRunReport, bug: Bug | undefined): boolean =>
  bug === undefined ? findings.length === 0 : findings.some((finding) => bug.finding.test(finding))
