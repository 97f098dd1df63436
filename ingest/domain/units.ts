/**
 * Units that stand in a text beside its number ("-97 dBm", "51.2 °C", "20 MB") or in a declared profile. Only units whose
 * dimension is that of the metric are taken; everything else stays a word. kB is 1024 bytes, as /proc and the vendors mean it.
 */

/** `[base, factor, offset]`: a value in this unit, times factor, plus offset, is in the base. */
type Unit = readonly [base: string, factor: number, offset: number]

const known = new Map<string, Unit>()
const define = (base: string, units: Readonly<Record<string, number>>): void => {
  for (const [spellings, factor] of Object.entries(units)) for (const word of spellings.split(' ')) known.set(word, [base, factor, 0])
}
define('s', {
  ns: 1e-9,
  'us µs μs': 1e-6,
  'ms msec msecs millisecond milliseconds': 1e-3,
  's sec secs second seconds': 1,
  'min mins minute minutes': 60,
  'h hr hrs hour hours': 3_600,
  'd day days': 86_400,
})
define('dBm', { 'dBm dbm DBM': 1 })
define('dB', { 'dB db DB': 1 })
define('1', { 1: 1, '% percent pct': 0.01 })
define('By', {
  'By B Byte Bytes byte bytes': 1,
  'kB KB K KiB': 1024,
  'MB MiB': 1024 ** 2,
  'GB GiB': 1024 ** 3,
  'TB TiB': 1024 ** 4,
})
define('By/s', {
  'By/s B/s': 1,
  'bit/s bps bit/sec': 1 / 8,
  'kbit/s kbps Kbps': 125,
  'Mbit/s Mbps mbps': 125_000,
  'Gbit/s Gbps': 125_000_000,
})
define('Cel', { 'Cel °C ℃ C degC Celsius celsius': 1, mC: 1e-3, dC: 0.1 })
known.set('K', ['Cel', 1, -273.15])
for (const word of ['°F', '℉', 'F', 'degF', 'fahrenheit', 'Fahrenheit']) known.set(word, ['Cel', 1 / 1.8, -32 / 1.8])
define('V', { mV: 1e-3, 'V v volt volts Volt': 1, kV: 1e3 })
define('A', { mA: 1e-3, 'A amp amps ampere': 1 })
define('W', { mW: 1e-3, 'W w watt watts Watt': 1, kW: 1e3, MW: 1e6 })
define('J', { J: 1, Wh: 3_600, 'kWh kW.h': 3_600_000, MWh: 3.6e9 })
define('Hz', { Hz: 1, kHz: 1e3, MHz: 1e6, GHz: 1e9 })
define('hPa', { Pa: 0.01, 'hPa mbar': 1, kPa: 10, bar: 1000 })
define('m/s', { 'm/s': 1, 'km/h kmh': 1 / 3.6 })
define('mm', { mm: 1, cm: 10 })
define('deg', { 'deg °': 1 })
define('lx', { 'lx lux': 1 })
define('[ppm]', { '[ppm] ppm': 1 })
define('ug/m3', { 'ug/m3 µg/m3 µg/m³ μg/m³': 1, 'mg/m3 mg/m³': 1000 })

/** `value * factor + offset`. */
export type Conversion = { factor: number; offset: number }

/** From a device's unit to a metric's (UCUM); undefined where they are not of one dimension, or unknown. */
export const conversionOf = (from: string, to: string): Conversion | undefined => {
  const source = known.get(from)
  const target = known.get(to)
  if (source === undefined || target === undefined) return from === to ? { factor: 1, offset: 0 } : undefined
  if (source[0] !== target[0]) return undefined
  return { factor: source[1] / target[1], offset: (source[2] - target[2]) / target[1] }
}

/** Decimal fractions stay what they were written as: 12.3 % is 0.123, not 0.12300000000000001. */
export const converted = (value: number, { factor, offset }: Conversion): number => {
  const exact = value * factor + offset
  return factor === 1 && offset === 0 ? value : Math.abs(exact) < 1e6 ? Math.round(exact * 1e9) / 1e9 : exact
}

const numberAndUnit = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.+-]\S*)$/

/** The number of a text with a unit, in the metric's unit; undefined for every other text. */
export const numberWithUnit = (text: string, unit: string): number | undefined => {
  if (text.length > 60) return undefined
  const [, number, word] = numberAndUnit.exec(text.trim()) ?? []
  const conversion = word === undefined ? undefined : conversionOf(word, unit)
  return conversion === undefined ? undefined : converted(Number(number), conversion)
}
