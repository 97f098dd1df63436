/** The page about alarm states is compared with the code that makes it true. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { dayMs, hourMs, minuteMs } from '../../../test/alarm-fakes.ts'
import { ropMs } from '../../../model/rule.ts'
import * as limits from './alarm-limits.ts'
import { situationSettleMsDefault } from './notification-view.ts'

const project = resolve(import.meta.dirname, '../../..')
const text = (path: string) => readFileSync(resolve(project, path), 'utf8')
const page = text('docs/reference/alarm-states.md')
/** Words in code quotes in the first column of a section's tables. */
const named = (from: string, to: string) => {
  const section = page.slice(page.indexOf(`\n## ${from}`), page.indexOf(`\n## ${to}`))
  const firsts = [...section.matchAll(/^\| (`[^|]+) \|/gm)].map((match) => match[1] ?? '')
  return [...new Set(firsts.flatMap((cell) => [...cell.matchAll(/`([A-Za-z]+)`/g)].map((match) => match[1] ?? '')))].sort()
}
const kindsIn = (source: string) => [...new Set([...source.matchAll(/kind: '([A-Z][A-Za-z]+)'/g)].map((match) => match[1] ?? ''))].sort()

it('names every event, and no other', () => {
  const kept = ['CommandNoted', 'ObservationCounted']
  expect([...named('Events', 'What holds'), ...kept].sort()).toEqual(kindsIn(text('model/alarm-event.ts')))
  for (const kind of kept) expect(page).toContain(`\`${kind}\``)
})

it('names every command, and no other', () => {
  expect(named('Commands', 'Events')).toEqual(kindsIn(text('model/alarm.ts')))
})

it('names every refusal', () => {
  const codes = [...text('processors/domain/alarms/draft.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map((match) => match[1] ?? '')
  expect(codes.length).toBeGreaterThan(10)
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})

it('gives the bounds that the code has', () => {
  expect(limits).toMatchObject({
    aheadMsMax: 5 * minuteMs,
    staleEventAfterMsDefault: 24 * hourMs,
    reAlarmAfterMs: 8 * hourMs,
    flappingWindowMs: hourMs,
    flappingEdgesMin: 6,
    flappingStopEdgesMax: 2,
    shelveMsMax: 7 * dayMs,
    purgeAfterMs: 30 * dayMs,
    appliedIdsMax: 64,
    idsPerMomentMax: 16,
    commentCharsMax: 2_000,
    commentsPerEpisodeMax: 200,
  })
  expect(ropMs).toBe(15 * minuteMs)
  expect(situationSettleMsDefault).toBe(6 * minuteMs)
})
