/** A radio snapshot as rules see it: its numbers, what they mean beside the last days, and whether the cell is a usual one. */
import type { RadioSignal } from '../../../model/rule.ts'
import type { CompiledRules } from './compile.ts'
import { happen, noteValue } from './events.ts'
import { readLevel } from './levels.ts'
import type { Run } from './outcome.ts'
import { changesBy } from './recent.ts'
import { eventSlackMs, isLate } from './rejudge.ts'
import { isNewest } from './state.ts'
import { isAmongUsual, newUsual, noteUsual, shareOf } from './usual.ts'

export type RadioReading = {
  rat: string | null
  cellId: number | null
  rsrpDbm: number | null
  rsrqDb: number | null
  sinrDb: number | null
  rssiDbm: number | null
  cqi: number | null
  activeCarriers: number
}

const ranks: Readonly<Record<string, number>> = { GSM: 0, UMTS: 1, LTE: 2, NR: 3 }
const ratMemoryMs = 7 * 86_400_000
/** Share of 28 days that the usual cells cover. */
const usualCellsShare = 0.95
/** From this share on, aggregation is usual. */
const usualAggregationShare = 0.8

export const readRadio = (run: Run, radio: RadioReading, atMs: number): void => {
  const { rules } = run.context
  const serves = radio.cellId !== null || radio.rsrpDbm !== null
  if (!serves) return // No service: no reading.
  if (rules.radioSigns.length > 0) signs(run, rules, radio, atMs)
  for (const { signal, series, readers } of rules.radioLevels) {
    const value = numberOf(run, signal, radio, atMs)
    if (value !== null) readLevel(run, readers, { name: series, attributes: '', value, atMs }, noQualifier)
  }
}

const signs = (run: Run, { radioSigns }: CompiledRules, { cellId }: RadioReading, atMs: number): void => {
  const { state } = run
  const changes = cellId === null ? [] : changesBy(state, 'cell', { atMs, value: cellId }, state.watermarkMs - eventSlackMs)
  for (const { rule, matcher, role } of radioSigns)
    if (matcher.sign === 'cell-changed') {
      if (cellId !== null) noteValue(run, rule, 'cell', 'cell', cellId, atMs)
      for (const { atMs: changedMs, value } of changes)
        happen(run, rule, matcher, role, '', { atMs: changedMs, item: 0, tag: value, name: 'cell', value, byArrival: false })
    }
  const newest = isNewest(state, 'radio', atMs)
  if (!newest && !isLate(run, atMs)) return
  let usual: boolean | null = null
  if (cellId !== null) {
    if (newest) state.cell = cellId
    if (radioSigns.some(({ matcher }) => matcher.sign === 'cell-usual' || matcher.sign === 'cell-unusual')) {
      const cells = (state.usual['cell'] ??= newUsual())
      usual = isAmongUsual(cells, String(cellId), usualCellsShare)
      noteUsual(cells, String(cellId), atMs)
    }
  }
  for (const { rule, matcher, role } of radioSigns) {
    const { sign } = matcher
    const fits = sign === 'reading' || (sign === 'cell-usual' && usual === true) || (sign === 'cell-unusual' && usual === false)
    if (fits) happen(run, rule, matcher, role, '', { atMs, item: 0, tag: cellId ?? 0, name: 'cell', value: cellId, byArrival: false })
  }
}

const noQualifier = (): string => ''

const numberOf = ({ state }: Run, signal: RadioSignal, radio: RadioReading, atMs: number): number | null => {
  const old = radio.rat === 'UMTS' || radio.rat === 'GSM'
  switch (signal) {
    // On 3G the field holds RSCP, which is no RSRP.
    case 'rsrpDbm':
      return old ? null : radio.rsrpDbm
    case 'rsrqDb':
      return old ? null : radio.rsrqDb
    case 'sinrDb':
      return old ? null : radio.sinrDb
    case 'rssiDbm':
      return radio.rssiDbm
    case 'cqi':
      return radio.cqi
    case 'aggregated':
      return radio.activeCarriers > 1 ? 1 : 0
    case 'aggregationLost': {
      const usual = (state.usual['aggregated'] ??= newUsual())
      const now = radio.activeCarriers > 1
      noteUsual(usual, now ? 'yes' : 'no', atMs)
      return !now && shareOf(usual, 'yes') >= usualAggregationShare ? 1 : 0
    }
    case 'ratDrop': {
      const rank = ranks[radio.rat ?? '']
      if (rank === undefined) return null
      state.rats[rank] = Math.max(state.rats[rank] ?? 0, atMs)
      for (let other = 0; other < rank; other++) state.rats[other] ??= 0
      const best = state.rats.findLastIndex((seenMs) => seenMs >= atMs - ratMemoryMs)
      return Math.max(0, best - rank)
    }
  }
}
