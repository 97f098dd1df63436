/**
 * Radio scales (`radioScales` in topics.yaml): models whose firmware writes RSRP, RSRQ, SINR or RSSI in a unit of its own. Which
 * ones do is known by model, never from a value: -104 could be dBm, and 30 could be 3 dB.
 */
import { type Conversion, converted } from './units.ts'
import { isObject } from './values.ts'

/** Where a reading was written; `json` is every JSON payload. */
export const radioSources = ['json', 'QENG', 'QCAINFO', 'QRSRP'] as const
export type RadioSource = (typeof radioSources)[number]
const rats = ['LTE', 'NR', 'UMTS', 'GSM'] as const
export const scaledReadings = ['rsrp', 'rsrq', 'sinr', 'rssi'] as const
export type ScaledReading = (typeof scaledReadings)[number]

type Pattern = (text: string) => boolean

export type RadioScale = {
  /** `<product>/<model>` as the topic writes them; null: any device. */
  model: Pattern | null
  /** The modem's own model, where the payload tells it; null: any modem. */
  modem: Pattern | null
  source: RadioSource | null
  rat: string | null
  readings: Partial<Record<ScaledReading, Conversion>>
}

/** Those that a topic's product and model do not rule out. */
export const scalesOfModel = (scales: readonly RadioScale[], product: string | null, model: string | null): readonly RadioScale[] =>
  scales.length === 0 ? scales : scales.filter((scale) => scale.model === null || scale.model(`${product ?? ''}/${model ?? ''}`))

/** The first scale that fits says how a reading is converted; undefined: it is in dBm or dB as its name says. */
export const scaleOf = (
  scales: readonly RadioScale[],
  reading: ScaledReading,
  source: RadioSource,
  rat: string | null,
  modem: string | null,
): Conversion | undefined => {
  for (const scale of scales) {
    const conversion = scale.readings[reading]
    if (conversion === undefined) continue
    if (scale.source !== null && scale.source !== source) continue
    if (scale.rat !== null && scale.rat !== rat) continue
    if (scale.modem !== null && (modem === null || !scale.modem(modem))) continue
    return conversion
  }
  return undefined
}

export const scaledReading = (conversion: Conversion | undefined, value: number): number =>
  conversion === undefined ? value : converted(value, conversion)

export const parseRadioScales = (value: unknown, problems: string[]): RadioScale[] => {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) {
    problems.push(`radioScales: expected a list, got ${JSON.stringify(value).slice(0, 60)}`)
    return []
  }
  return value.flatMap((entry, index) => parseScale(entry, `radioScales[${index}]`, problems) ?? [])
}

const keys = ['model', 'modem', 'source', 'rat', ...scaledReadings]

const parseScale = (entry: unknown, path: string, problems: string[]): RadioScale | undefined => {
  if (!isObject(entry)) {
    problems.push(`${path}: expected an object with model or modem, and a factor for ${scaledReadings.join(', ')}`)
    return undefined
  }
  for (const key of Object.keys(entry)) if (!keys.includes(key)) problems.push(`${path}.${key}: unknown key; known are ${keys.join(', ')}`)
  const source = oneOf(entry['source'], radioSources, `${path}.source`, problems)
  const rat = oneOf(entry['rat'], rats, `${path}.rat`, problems)
  const model = pattern(entry['model'], `${path}.model`, problems)
  const modem = pattern(entry['modem'], `${path}.modem`, problems)
  if (entry['model'] === undefined && entry['modem'] === undefined)
    problems.push(`${path}: expected model ("<product>/<model>", * for any characters) or modem`)
  const readings: RadioScale['readings'] = {}
  for (const reading of scaledReadings) {
    if (entry[reading] === undefined) continue
    const conversion = parseConversion(entry[reading])
    if (conversion === undefined)
      problems.push(`${path}.${reading}: expected a factor such as 0.1, or {factor: 0.2, offset: -20}, got ${shown(entry[reading])}`)
    else readings[reading] = conversion
  }
  if (!scaledReadings.some((reading) => entry[reading] !== undefined))
    problems.push(`${path}: expected a factor for one of ${scaledReadings.join(', ')}`)
  return { model, modem, source, rat, readings }
}

const parseConversion = (value: unknown): Conversion | undefined => {
  const { factor, offset } = isObject(value) ? { factor: value['factor'] ?? 1, offset: value['offset'] ?? 0 } : { factor: value, offset: 0 }
  if (isObject(value) && Object.keys(value).some((key) => key !== 'factor' && key !== 'offset')) return undefined
  if (typeof factor !== 'number' || typeof offset !== 'number') return undefined
  return Number.isFinite(factor) && factor !== 0 && Number.isFinite(offset) ? { factor, offset } : undefined
}

const oneOf = <Word extends string>(value: unknown, words: readonly Word[], path: string, problems: string[]): Word | null => {
  if (value === undefined || value === null) return null
  const found = words.find((word) => word === value)
  if (found === undefined) problems.push(`${path}: expected one of ${words.join(', ')}, got ${shown(value)}`)
  return found ?? null
}

/** `dwr/925-*`: a text in which `*` stands for any characters. */
const pattern = (value: unknown, path: string, problems: string[]): Pattern | null => {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' && value !== '' && value.length <= 200) return patternOf(value)
  problems.push(`${path}: expected text of at most 200 characters, got ${shown(value)}`)
  return null
}

/** Pieces are found one behind the other, without going back: no topic that a stranger sends can make it slow. */
const patternOf = (glob: string): Pattern => {
  const [head = '', ...rest] = glob.toLowerCase().split('*')
  const tail = rest.pop()
  return (text) => {
    const lower = text.toLowerCase()
    if (tail === undefined) return lower === head
    if (!lower.startsWith(head) || !lower.endsWith(tail) || lower.length < head.length + tail.length) return false
    const end = lower.length - tail.length
    let at = head.length
    for (const piece of rest) {
      const found = lower.indexOf(piece, at)
      if (found < 0 || found + piece.length > end) return false
      at = found + piece.length
    }
    return true
  }
}

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 60)
