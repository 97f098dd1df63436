/** Rules 45 and 64 in a simulated fleet: what a firmware begins to write, and what cannot be read of it. */
import { expect, it } from 'vitest'
import { loadRuleSet } from '../../app/rules-file.ts'
import { createEvalEvents } from './eval-events.ts'
import { type EvalOutcome, runEvents } from './eval-run.ts'
import { evalFromMs, planOf } from './eval-scenario.ts'

const timeoutMs = 120_000
const minuteMs = 60_000
const dayMs = 1_440 * minuteMs

const runOf = (text: string): EvalOutcome => runEvents(createEvalEvents(planOf(text, 1)), loadRuleSet(''))
const fleetOf = (count: number, interval: string, length: string): string => `
name: firmwares
duration: ${length}
fleet:
  sites: 4
  groups:
    - { name: old, count: ${count}, model: dwr/961-c1, firmware: 3.01.7 }
    - { name: new, count: ${count}, model: dwr/961-c1, firmware: 3.02.0 }
telemetry: { interval: ${interval} }
background: { reboots_per_day: 0, link_losses_per_day: 0, new_sessions_per_day: 0, log_lines_per_hour: 0 }
faults:
`
/** Raised and cleared, in minutes from the start. */
const toldOf = ({ told }: EvalOutcome, type: string): [kind: string, subject: string, minute: number][] =>
  told.filter((one) => one.type === type).map(({ kind, subject, atMs }) => [kind, subject, Math.floor((atMs - evalFromMs) / minuteMs)])

it('platform.dead-letters: half of a firmware cannot be read for an hour; the other firmware and what is whole say nothing', {
  timeout: timeoutMs,
}, () => {
  const bad = '  - { id: cut, kind: bad_payload, at: 2h, for: 60m, who: { firmware: 3.02.0 }, with: { share: 0.5 } }'
  const outcome = runOf(`${fleetOf(8, '1m', '5h')}${bad}`)
  const raised = outcome.raised.filter(({ type }) => type === 'platform.dead-letters')
  expect(raised.map(({ subject, severity }) => [subject, severity])).toEqual([['group/firmware/dwr/961-c1/3.02.0', 'minor']])
  // Judged when its quarter of an hour is over; then a raise waits for the fleet's verdicts.
  const raisedMinute = ((raised[0]?.raisedAtMs ?? 0) - evalFromMs) / minuteMs
  expect(raisedMinute).toBeGreaterThanOrEqual(135)
  expect(raisedMinute).toBeLessThan(136)
  const told = toldOf(outcome, 'platform.dead-letters')
  expect(told.map(([kind, subject]) => [kind, subject])).toEqual([
    ['raise', 'group/firmware/dwr/961-c1/3.02.0'],
    ['clear', 'group/firmware/dwr/961-c1/3.02.0'],
  ])
  // The last quarter of an hour with the fault ends at 180, the first without it at 195.
  expect(told[1]?.[2]).toBe(195)
})

it('fw.new-fingerprint: three devices of a firmware write a line in its second week; two of them, or in its first week, are none', {
  timeout: timeoutMs,
}, () => {
  const writes = (id: string, at: string, firmware: string, count: number, text: string): string =>
    `  - { id: ${id}, kind: log_line, at: "${at}", for: 120m, who: { firmware: ${firmware}, count: ${count} }, with: { text: "${text}", severity: 3, per_hour: 4 } }\n`
  const faults = [
    writes('first-week', 'day 3 10:00', '3.01.7', 4, 'xhci_hcd 0000:00: host controller 1 not responding'),
    writes('again', 'day 9 10:00', '3.01.7', 4, 'xhci_hcd 0000:00: host controller 2 not responding'),
    writes('two', 'day 9 12:00', '3.01.7', 2, 'mtd read error in superblock'),
    writes('three', 'day 9 14:00', '3.02.0', 3, 'thermal zone was not found'),
  ].join('')
  const outcome = runOf(`${fleetOf(4, '30m', '11d')}${faults}`)
  const raised = outcome.raised.filter(({ type }) => type === 'fw.new-fingerprint')
  expect(raised.map(({ subject, severity }) => [subject, severity])).toEqual([['group/firmware/dwr/961-c1/3.02.0', 'warning']])
  const sinceMs = (raised[0]?.raisedAtMs ?? 0) - (evalFromMs + 8 * dayMs + 14 * 60 * minuteMs)
  expect(sinceMs).toBeGreaterThan(0)
  expect(sinceMs).toBeLessThanOrEqual(120 * minuteMs)
  expect(toldOf(outcome, 'fw.new-fingerprint').map(([kind]) => kind)).toEqual(['raise', 'clear'])
})
