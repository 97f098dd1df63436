/** The short form of the ledger test on real servers: one of two bridges, processors, warehouse and Kafka killed with -9 in turn. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { reportLines, runLedger } from './ledger/ledger-run.ts'
import { createRealSystem } from './ledger/real-system.ts'

const seconds = 40

describe('the ledger on Mosquitto, Kafka and separate programs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-real-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('reconciles after kills: nothing acknowledged is missing, nothing is there twice', { timeout: 400_000 }, async () => {
    const victims = ['bridge-1', 'processors-1', 'warehouse', 'kafka'] as const
    const report = await runLedger({
      folder,
      devices: 50,
      ratePerSecond: 200,
      seconds,
      killEverySeconds: 4,
      seed: 1,
      say: () => undefined,
      system: createRealSystem({ folder: join(folder, 'system'), victims }),
    })
    process.stdout.write(`${reportLines(report).join('\n')}\n`)
    expect(report.findings).toEqual([])
    expect(report.kills.length).toBeGreaterThanOrEqual(2)
    expect(report.acknowledged).toBe(seconds * 200)
    expect(report.kept).toBe(seconds * 200)
    expect(report.brokerLost).toBe(0)
  })
})
