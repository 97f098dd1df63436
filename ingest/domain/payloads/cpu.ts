/**
 * `hardware/cpu`: JSON percentages (`utilization`, or a share per mode), or the text of /proc/stat. Stored as 0..1. Modes that
 * add up to far more than 100 are ticks since boot, like /proc/stat's, and become counters in milliseconds (a tick is 1/100 s).
 */
import { addCounter, addMeasurement, addUnknownKey, type Draft, isReading, refuse } from '../draft.ts'
import { type FieldReader, fieldTable, ignoreField, readJson } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toNumber } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

/** Order of /proc/stat (proc(5)). guest and guest_nice are contained in user and nice. */
const modes = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const
/** OpenTelemetry's words for them. */
const modeNames: Record<(typeof modes)[number], string> = {
  user: 'user',
  nice: 'nice',
  system: 'system',
  idle: 'idle',
  iowait: 'iowait',
  irq: 'interrupt',
  softirq: 'softirq',
  steal: 'steal',
}
const attributesOfMode = (mode: (typeof modes)[number]): string => `{"cpu.mode":"${modeNames[mode]}"}`
const modeOf = new Map<string, (typeof modes)[number]>([
  ...modes.map((mode) => [mode, mode] as const),
  ['usr', 'user'],
  ['sys', 'system'],
  ['id', 'idle'],
  ['iow', 'iowait'],
  ['wait', 'iowait'],
  ['interrupt', 'irq'],
  ['sirq', 'softirq'],
  ['stolen', 'steal'],
])

/** Rounding on a device may give 100.4 in sum; eight cores in `top` style are not what the percent form promises. */
const percentSumMax = 110
const msPerTick = 10

/** 100.04 is a rounded 100. */
const percent = (draft: Draft, attributes: string, value: unknown, key: string): void => {
  const number = toNumber(value)
  const read = typeof number === 'number' && number > 100 && number <= 100.5 ? 100 : value
  addMeasurement(draft, 'system.cpu.utilization', attributes, read, 0.01, key)
}

const total: FieldReader = (draft, value, key) => percent(draft, '', value, key)
const fields = fieldTable({
  'utilization utilisation usage value cpu percent load busy': total,
  unit: ignoreField,
  ...Object.fromEntries(Array.from(modeOf.keys(), (spelling) => [spelling, ignoreField])),
})

export const cpu: Profile = {
  json: (draft, value) => {
    readJson(draft, fields, value)
    for (const item of Array.isArray(value) ? value : [value]) if (isObject(item)) readModes(draft, item)
  },
  text: (draft, text) => {
    const stat = /^cpu\s+(\d+(?:\s+\d+)*)/m.exec(text)?.[1]
    if (stat !== undefined) {
      readTicks(draft, stat.split(/\s+/).map(Number))
      return
    }
    const value = scalarOf(text)
    if (!isReading('system.cpu.utilization', value)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected /proc/stat, a percentage or JSON, got "${shown(text)}"`)
      return
    }
    percent(draft, '', value, 'value')
  },
}

const readTicks = (draft: Draft, ticks: readonly number[]): void => {
  for (const [index, mode] of modes.entries()) {
    const value = ticks[index]
    if (value !== undefined) addCounter(draft, 'system.cpu.time', attributesOfMode(mode), value * msPerTick)
  }
}

const readModes = (draft: Draft, object: Record<string, unknown>): void => {
  const shares: { mode: (typeof modes)[number]; key: string; value: unknown }[] = []
  let sum = 0
  let idle: number | null = null
  for (const key in object) {
    const mode = modeOf.get(canonicalKey(key))
    if (mode === undefined) continue
    const value = object[key]
    const number = toNumber(value)
    if (number === undefined) addUnknownKey(draft, draft.route.prefix, key, value)
    else shares.push({ mode, key, value })
    if (typeof number !== 'number') continue
    sum += number
    if (mode === 'idle' || mode === 'iowait') idle = (idle ?? 0) + number
  }
  if (sum > percentSumMax || object['unit'] === 'ticks') {
    for (const { mode, value } of shares) {
      const number = toNumber(value)
      if (typeof number === 'number') addCounter(draft, 'system.cpu.time', attributesOfMode(mode), number * msPerTick)
    }
    return
  }
  for (const { mode, key, value } of shares) percent(draft, attributesOfMode(mode), value, key)
  const told = draft.measurements.some((item) => item.metric === 'system.cpu.utilization' && !item.attributes.includes('cpu.mode'))
  if (!told && idle !== null && shares.some(({ mode }) => mode === 'idle'))
    percent(draft, '', Math.max(0, Math.round((100 - idle) * 1e6) / 1e6), 'utilization')
}
