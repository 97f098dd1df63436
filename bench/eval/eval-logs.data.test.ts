/** Kernel logs of real crashes (SAMPLE_DATA_DIR, default ../shared/data): class, severity, and one alarm each. */
import { expect, it } from 'vitest'
import { loadRuleSet } from '../../app/rules-file.ts'
import { judgeLogs } from './eval-logs.ts'

it('each crash is one alarm of its class and severity, and what is no crash is none', () => {
  const { reports } = judgeLogs(loadRuleSet(''))
  expect(reports.length).toBeGreaterThanOrEqual(12)
  expect(reports.map(({ file, got }) => [file, got])).toEqual(reports.map(({ file, expected }) => [file, expected]))
  expect(reports.map(({ file, raises }) => [file, raises])).toEqual(reports.map(({ file, expected }) => [file, expected.length]))
})
