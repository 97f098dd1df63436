/** The minute of CI: every target for some seconds, from the seed `FUZZ_SEED` (default 1). `npm run test:fuzz` runs longer. */
import { expect, it } from 'vitest'
import { targetNames } from './fuzz-target.ts'
import { runTurns } from './run-turns.ts'

const forMs = 42_000

it('a minute of hostile input ends, wedges and stalls nothing, loses nothing that was acknowledged, and leads to no 5xx', async () => {
  const lines: string[] = []
  const seed = Number(process.env['FUZZ_SEED'] ?? '1')
  const report = await runTurns({ seed, forMs, targets: targetNames, one: null, corpusFolder: null, tell: (line) => lines.push(line) })
  console.log(lines.join('\n'))
  expect(report.findings.map(({ target, symptom, number }) => `${target} seed ${seed} input ${number}: ${symptom}`)).toEqual([])
  for (const target of targetNames) expect(report.inputs[target], target).toBeGreaterThan(20)
}, 240_000)
