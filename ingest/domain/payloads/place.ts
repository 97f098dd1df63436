/**
 * Quantities of places: `world/.../temperature` `23.4`, `{"ts":1767602403,"value":18}`, `.../wind` `{"speed":3.2,"direction":210}`,
 * `.../hall/door` `open`. A quantity that the catalogue does not know is `environment.<quantity>`; a word is a fact.
 */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { addMeasurement, addUnknown, type Draft, isReading } from '../draft.ts'
import { type FieldReader, type FieldTable, fieldTable, measure, readJson } from '../fields.ts'
import { canonicalKey, snakeKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { toNumber } from '../values.ts'
import { readScalar, scalarOf } from './scalar.ts'

/** Spellings of the last level, the metric it means, and keys in its payload that mean the same. */
const quantities: readonly (readonly [spellings: string, metric: MetricName, keys: Record<string, FieldReader>])[] = [
  [
    'temperature temp airtemperature',
    'environment.temperature',
    { 'c cel celsius temperaturecelsius degc': measure('environment.temperature') },
  ],
  ['humidity rh relativehumidity', 'environment.humidity', { 'percent pct': measure('environment.humidity') }],
  [
    'pressure airpressure',
    'environment.pressure',
    { 'hpa mbar': measure('environment.pressure'), pa: measure('environment.pressure', '', 0.01) },
  ],
  ['pm1 pm1dot0', 'environment.pm1', {}],
  ['pm2dot5 pm25', 'environment.pm2_5', {}],
  ['pm10', 'environment.pm10', {}],
  ['co2', 'environment.co2', { ppm: measure('environment.co2') }],
  [
    'wind windspeed',
    'environment.wind.speed',
    {
      'speed windspeed ms': measure('environment.wind.speed'),
      'direction winddirection dir deg': measure('environment.wind.direction'),
      'gust gusts': measure('environment.wind.gust'),
    },
  ],
  ['winddirection', 'environment.wind.direction', {}],
  ['rain precipitation', 'environment.rain', { mm: measure('environment.rain') }],
  ['illuminance lux light', 'environment.illuminance', { 'lx lux': measure('environment.illuminance') }],
  ['noise', 'environment.noise', { 'db dba': measure('environment.noise') }],
  ['power', 'environment.power', { 'w watt watts': measure('environment.power'), kw: measure('environment.power', '', 1000) }],
  ['energy', 'environment.energy', { kwh: measure('environment.energy'), wh: measure('environment.energy', '', 0.001) }],
  ['voltage', 'environment.voltage', { 'v volt volts': measure('environment.voltage') }],
  ['current', 'environment.current', { 'a amp amps ampere': measure('environment.current') }],
  ['rsrp', 'cellular.rsrp', { dbm: measure('cellular.rsrp') }],
  ['rsrq', 'cellular.rsrq', { db: measure('cellular.rsrq') }],
  ['sinr snr', 'cellular.sinr', { db: measure('cellular.sinr') }],
  ['rssi', 'cellular.rssi', { dbm: measure('cellular.rssi') }],
  ['cqi', 'cellular.cqi', {}],
]

/** Several quantities in one payload (`.../weather`): each key is a quantity. */
const everyQuantity: Record<string, FieldReader> = Object.fromEntries(quantities.map(([spellings, metric]) => [spellings, measure(metric)]))

type Quantity = { metric: MetricName; fields: FieldTable }
const known = new Map<string, Quantity>(
  quantities.flatMap(([spellings, metric, keys]) => {
    const fields = fieldTable({ ...everyQuantity, ...keys, 'value val reading': measure(metric) })
    return spellings.split(' ').map((spelling) => [canonicalKey(spelling), { metric, fields }] as const)
  }),
)
const unknown = fieldTable({
  ...everyQuantity,
  'value val reading': (draft, value) => {
    const number = toNumber(value)
    if (number === undefined) readScalar(draft, value, draft.route.prefix, factNameOf(draft))
    else addUnknown(draft, draft.route.prefix, number)
  },
})

export const place: Profile = {
  json: (draft, value) => readJson(draft, known.get(canonicalKey(draft.route.metric))?.fields ?? unknown, value),
  text: (draft, text) => {
    const quantity = known.get(canonicalKey(draft.route.metric))
    const value = scalarOf(text)
    if (quantity === undefined || !isReading(quantity.metric, value)) {
      readScalar(draft, value, draft.route.prefix, factNameOf(draft))
      return
    }
    addMeasurement(draft, quantity.metric, '', value)
  },
}

/** `door`; the area stands in front of it: `hall.door`. */
const factNameOf = (draft: Draft): string => (draft.route.metric === '' ? 'value' : snakeKey(draft.route.metric))
