/**
 * collectd's mqtt plugin: topic `collectd/<host>/<plugin>[-<instance>]/<type>[-<instance>]`, payload `seconds.ms:value[:value]`
 * with the C string's NUL behind it, `N` for now, `U` and `nan` for no value; or collectd's JSON form, which names all of that
 * inside. Gauge or derive is a matter of the type's name (`collectd-types.ts`). A derive comes as a rate where the plugin has
 * StoreRates true (its default), else as the raw counter, on the same topic: whole numbers are counters, others and zeros
 * rates, unless the family's `storeRates` in topics.yaml says which.
 */
import { attributesOf } from '../attributes.ts'
import { addCounter, addGeneric, addMeasurement, type Draft, note, refuse } from '../draft.ts'
import { newer } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import { itemsInMessageMax } from '../limits.ts'
import type { Profile } from '../profile.ts'
import { shown } from '../shown.ts'
import { parseTimeMs } from '../time.ts'
import { isObject, toWord } from '../values.ts'
import { type ValueList, isDerive, sourceNamesOf, targetOf } from './collectd-types.ts'

export const collectd: Profile = {
  json: (draft, value) => readJsonForm(draft, value),
  text: (draft, text) => {
    const identity = identityOf(draft)
    if (identity === undefined) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected the topic as collectd/<host>/<plugin>/<type>')
      return
    }
    const [, time, list] = valueList.exec(text) ?? []
    const values = list?.split(':').map(parseValue)
    if (time === undefined || values === undefined || values.includes(undefined)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected seconds:value[:value] with N, U and nan, got "${shown(text)}"`)
      return
    }
    if (time !== 'N') draft.observedAtMs = parseTimeMs(time)
    const read = values.filter((value) => value !== undefined)
    push(draft, { ...identity, values: read }, isDerive(identity.type) && isRawCounter(draft, list?.split(':') ?? [], read))
  },
}

/** A time, values, and what a C program leaves behind them. */
const valueList = /^\s*(N|\d{1,12}(?:\.\d{1,9})?):([^\0\s]{1,2000})[\0\s]*$/

const parseValue = (text: string): number | null | undefined => {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  return /^(?:u|[+-]?nan|[+-]?inf)$/i.test(text) ? null : undefined
}

/** Differences divided by seconds are hardly ever whole; 0 is the same in both forms, as a rate it starts no counter. */
const isRawCounter = (draft: Draft, texts: readonly string[], values: readonly (number | null)[]): boolean => {
  const { storeRates } = draft.route
  if (storeRates !== 'auto') return storeRates === 'counters'
  const told = texts.filter((_text, index) => values[index] !== null)
  return told.every((text) => /^\d+$/.test(text)) && values.some((value) => value !== null && value !== 0)
}

type Identity = Omit<ValueList, 'values'>

const identityOf = (draft: Draft): Identity | undefined => {
  const [plugin, type] = draft.route.path.slice(-2)
  if (plugin === undefined || type === undefined) return undefined
  const [pluginName, pluginInstance] = atDash(plugin)
  const [typeName, typeInstance] = atDash(type)
  return { plugin: pluginName, pluginInstance, type: typeName, typeInstance }
}

/** Only the first dash parts name and instance: `ping-192.0.2.1`, `df-mnt-data`. */
const atDash = (text: string): [name: string, instance: string] => {
  const at = text.indexOf('-')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

const push = (draft: Draft, list: ValueList, isCounter: boolean): void => {
  const names = sourceNamesOf(list.type, list.values.length)
  if (names === undefined) {
    refuse(draft, 'PAYLOAD_SHAPE', `expected another number of values for the type ${shown(list.type)}, got ${list.values.length}`)
    return
  }
  if (list.type === 'uptime' && typeof list.values[0] === 'number' && list.values[0] >= 0) draft.uptimeSeconds = list.values[0]
  for (const [index, value] of list.values.entries()) pushOne(draft, list, names[index] ?? '', value, isCounter)
}

const pushOne = (draft: Draft, list: ValueList, source: string, value: number | null, isCounter: boolean): void => {
  const target = targetOf(list, source)
  if (target === undefined) {
    pushUnknown(draft, list, source, value, isCounter)
    return
  }
  const { gauge, counter, attributes } = target
  if (isCounter && counter !== null) addCounter(draft, counter.metric, attributes, value === null ? null : value * counter.factor)
  else if (gauge !== null) addMeasurement(draft, gauge.metric, attributes, clamped(value, gauge.most), gauge.factor)
  else note(draft, `${list.plugin}/${list.type}: has no reading of this form`)
}

/** A rate of ticks over a second that was a little longer than one says 100.3 of 100. */
const clamped = (value: number | null, most: number | null): number | null =>
  most !== null && value !== null && value > most && value <= most * 1.1 ? most : value

const pushUnknown = (draft: Draft, list: ValueList, source: string, value: number | null, isCounter: boolean): void => {
  const name = ['collectd', list.plugin, list.type, ...(source === '' ? [] : [source])].map(snakeKey).join('.')
  if (name.length > 190) {
    refuse(draft, 'NAME_TOO_LONG', `expected names of at most 190 characters, got ${name.slice(0, 80)}...`)
    return
  }
  const attributes = attributesOf({
    ...(list.pluginInstance === '' ? {} : { 'collectd.plugin_instance': list.pluginInstance.slice(0, 200) }),
    ...(list.typeInstance === '' ? {} : { 'collectd.type_instance': list.typeInstance.slice(0, 200) }),
  })
  if (isCounter) addCounter(draft, name, attributes, value)
  else addGeneric(draft, isDerive(list.type) ? `${name}.rate` : name, value, attributes)
}

/** `[{"values":[1,2],"dstypes":["derive","derive"],"dsnames":["rx","tx"],"time":..,"plugin":..,"type":..}]` of write_http and others. */
const readJsonForm = (draft: Draft, value: unknown): void => {
  const items = Array.isArray(value) ? value : [value]
  if (items.length > itemsInMessageMax) {
    refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${itemsInMessageMax} value lists, got ${items.length}`)
    return
  }
  const several = items.length > 1
  let newest: number | null = null
  for (const item of items) {
    if (!isObject(item) || !Array.isArray(item['values'])) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected collectd's JSON with values, got ${shown(item)}`)
      return
    }
    const atMs = parseTimeMs(item['time'])
    newest = newer(newest, atMs)
    draft.itemAtMs = several ? atMs : null
    readItem(draft, item, item['values'])
    draft.itemAtMs = null
  }
  draft.observedAtMs = newest
}

const readItem = (draft: Draft, item: Record<string, unknown>, list: readonly unknown[]): void => {
  const fromTopic = identityOf(draft)
  const word = (key: string, otherwise: string | undefined): string => (key in item ? (toWord(item[key]) ?? '') : (otherwise ?? ''))
  const identity = {
    plugin: word('plugin', fromTopic?.plugin),
    pluginInstance: word('plugin_instance', fromTopic?.pluginInstance),
    type: word('type', fromTopic?.type),
    typeInstance: word('type_instance', fromTopic?.typeInstance),
  }
  const values = list.map((value) =>
    typeof value === 'number' || value === null ? value : typeof value === 'string' ? parseValue(value.trim()) : undefined,
  )
  if (identity.plugin === '' || identity.type === '' || values.includes(undefined)) {
    refuse(draft, 'PAYLOAD_SHAPE', `expected plugin, type and numbers as values, got ${shown(item)}`)
    return
  }
  const read = values.filter((value) => value !== undefined)
  const dstype = Array.isArray(item['dstypes']) ? String(item['dstypes'][0]) : undefined
  const derives = dstype === undefined ? isDerive(identity.type) : dstype !== 'gauge'
  push(draft, { ...identity, values: read }, derives && isRawCounter(draft, read.map(String), read))
}
