/** A report as lines for people. */
import type { Finding, Report, Verdict } from './finding.ts'

const marks: Record<Verdict, string> = { ok: 'ok      ', warning: 'WARNING ', bad: 'BAD     ', untested: 'untested' }
const indent = ' '.repeat(10)

export const linesOfFinding = ({ title, verdict, measured, meaning }: Finding): string[] => [
  `${marks[verdict]}  ${title}`,
  `${indent}${measured}`,
  `${indent}-> ${meaning}`,
]

export const lastLineOf = ({ findings }: Report): string => {
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length
  const warnings = count('warning')
  return `${count('ok')} ok, ${warnings} warning${warnings === 1 ? '' : 's'}, ${count('bad')} bad, ${count('untested')} untested. What each broker adds and takes: docs/reference/brokers.md`
}
