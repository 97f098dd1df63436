/**
 * `hardware/temperature`: `{"value":45.2}`, `{"cpu":51.2,"modem":40}`, `{"sensors":[{"name":"cpu","celsius":51.2}]}` or a bare
 * number. Degrees Celsius unless `unit` says F, mC (thousandths, as /sys/class/thermal) or dC (tenths).
 */
import { addMeasurement, addUnknownKey, type Draft, isReading, refuse } from '../draft.ts'
import { type FieldReader, fieldTable, readUnknown } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toNumber, toWord } from '../values.ts'
import { attributesOf } from '../attributes.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

type Unit = 'C' | 'F' | 'mC' | 'dC'
const units = new Map<string, Unit>([
  ['c', 'C'],
  ['°c', 'C'],
  ['cel', 'C'],
  ['celsius', 'C'],
  ['f', 'F'],
  ['°f', 'F'],
  ['fahrenheit', 'F'],
  ['mc', 'mC'],
  ['millicelsius', 'mC'],
  ['dc', 'dC'],
])

// The unit of the payload being read. Nothing here awaits.
let unit: Unit = 'C'

const celsius = (value: unknown): unknown => {
  const number = toNumber(value)
  if (typeof number !== 'number' || unit === 'C') return value
  return unit === 'F' ? Math.round(((number - 32) / 1.8) * 1e6) / 1e6 : number / (unit === 'mC' ? 1000 : 10)
}

const add = (draft: Draft, name: string, value: unknown, key: string): void =>
  addMeasurement(draft, 'hw.temperature', name === '' ? '' : attributesOf({ 'hw.name': name }), celsius(value), 1, key)

/** A key that is no known word is a sensor's name. */
const sensor: FieldReader = (draft, value, key) => {
  if (isObject(value)) {
    readSensor(draft, value, key)
    return
  }
  if (Array.isArray(value)) {
    readSensors(draft, value)
    return
  }
  add(draft, key, value, key)
}

const main: FieldReader = (draft, value, key) => add(draft, '', value, key)
const fields = fieldTable({
  'value temperature temp celsius temperaturecelsius tempc': (draft, value, key) =>
    typeof value === 'object' && value !== null ? sensor(draft, value, key) : main(draft, value, key),
  unit: () => undefined,
})

export const temperature: Profile = {
  mayBeForeign: true,
  json: (draft, value) => {
    if (Array.isArray(value)) {
      withUnit(draft, undefined, () => readSensors(draft, value))
      return
    }
    if (!isObject(value)) return
    withUnit(draft, value['unit'], () => {
      for (const key in value) {
        const reader = fields.readerOf(key)
        // What no table knows is a sensor's name here.
        if (reader === readUnknown) sensor(draft, value[key], key)
        else reader(draft, value[key], key)
      }
    })
  },
  text: (draft, text) => {
    const value = scalarOf(text)
    if (!isReading('hw.temperature', value)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected a number or JSON, got "${shown(text)}"`)
      return
    }
    withUnit(draft, undefined, () => add(draft, '', value, 'value'))
  },
}

const withUnit = (draft: Draft, told: unknown, read: () => void): void => {
  const known = told === undefined ? 'C' : units.get(typeof told === 'string' ? told.trim().toLowerCase() : '')
  if (known === undefined) {
    refuse(draft, 'FIELD_INVALID', `expected unit as C, F, mC or dC, got ${shown(told)}`)
    return
  }
  unit = known
  read()
}

const readSensors = (draft: Draft, list: readonly unknown[]): void => {
  for (const [index, item] of list.entries()) {
    if (isObject(item)) readSensor(draft, item, String(index))
    else add(draft, String(index), item, String(index))
  }
}

const readSensor = (draft: Draft, item: Record<string, unknown>, key: string): void => {
  const name = toWord(item['name'] ?? item['sensor'] ?? item['label'] ?? item['zone']) ?? key
  for (const part in item) {
    if (part === 'name' || part === 'sensor' || part === 'label' || part === 'zone' || part === 'unit') continue
    if (/^(?:value|temp(?:erature)?(?:_?c(?:elsius)?)?|celsius)$/i.test(part)) add(draft, name, item[part], key)
    else addUnknownKey(draft, `${draft.route.prefix}.${snakeKey(name)}`, part, item[part])
  }
}
