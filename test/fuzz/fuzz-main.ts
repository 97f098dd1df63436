/**
 * `npm run test:fuzz -- --minutes N [--seed S] [--target topics|payloads|avro|mqtt|http|sql]`: every target in turns until
 * the time is over; ends with 1 when there was a finding. With `--one N` and a target: input N of that seed alone.
 * Findings are made small and written to `test/fuzz/corpus`, where the unit lane runs them again.
 */
import { parseArgs } from 'node:util'
import { corpusFolder } from './corpus.ts'
import { type TargetName, targetNames } from './fuzz-target.ts'
import { runTurns } from './run-turns.ts'

const usage = `usage: npm run test:fuzz -- [--minutes 1] [--seed 1] [--target ${targetNames.join('|')}] [--one NUMBER]`
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    one: { type: 'string' },
  },
})
const number = (name: string, text: string): number => {
  const value = Number(text)
  if (Number.isFinite(value) && value >= 0) return value
  throw new Error(`expected --${name} as a number, got "${text}"\n${usage}`)
}
const isTarget = (name: string): name is TargetName => (targetNames as readonly string[]).includes(name)
if (values.target !== undefined && !isTarget(values.target)) throw new Error(`no target "${values.target}"\n${usage}`)

const report = await runTurns({
  seed: number('seed', values.seed),
  forMs: number('minutes', values.minutes) * 60_000,
  targets: values.target === undefined ? targetNames : [values.target],
  one: values.one === undefined ? null : number('one', values.one),
  corpusFolder,
  tell: console.log,
})
process.exitCode = report.findings.length === 0 ? 0 : 1
