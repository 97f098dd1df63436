/** Rules with a level: each reading of event windows, each window of 15 minutes, each hour of a slope. */
import type { Rule } from '../../../model/rule.ts'
import type { LevelReader } from './compile.ts'
import { judgeReading, type Reading } from './level-verdicts.ts'
import { gather } from './level-windows.ts'
import type { Run } from './outcome.ts'
import { addPoint } from './slopes.ts'
import { seriesOf } from './state.ts'

/** One reading for all rules that read its series. `qualifierOf`: which alarm of the rule it belongs to. */
export const readLevel = (run: Run, readers: readonly LevelReader[], reading: Reading, qualifierOf: (rule: Rule) => string): void => {
  const { state, context } = run
  const series = seriesOf(state, `${reading.name}\n${reading.attributes}`)
  if (series === undefined) {
    context.onLimit('rule-series-per-device')
    return
  }
  const inOrder = reading.atMs >= series.lastMs
  if (inOrder) series.lastMs = reading.atMs
  let gathers = false
  for (const reader of readers) {
    const { window } = reader.condition
    if (window.kind === 'rop') gathers = true
    else if (window.kind === 'sliding') addPoint(run, reader, series, reading, qualifierOf(reader.rule))
    else judgeReading(run, reader, qualifierOf(reader.rule), reading, !inOrder)
  }
  if (gathers) gather(run, readers, series, reading, qualifierOf)
}
