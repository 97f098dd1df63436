/** Numbers with their units, names of signals and moments, as a person would say them. */

/** UCUM as people read it; what is not here stands as it is. */
const shortUnits: Readonly<Record<string, string>> = { Cel: '°C', '1': '', '%': '%', 'ug/m3': 'µg/m³', '[ppm]': 'ppm', deg: '°' }

const signalNames: Readonly<Record<string, string>> = {
  'cellular.rsrp': 'RSRP',
  'cellular.rsrq': 'RSRQ',
  'cellular.sinr': 'SINR',
  'cellular.rssi': 'RSSI',
  'cellular.rscp': 'RSCP',
  'radio.rsrpDbm': 'RSRP',
  'radio.rsrqDb': 'RSRQ',
  'radio.sinrDb': 'SINR',
  'hw.temperature': 'Temperature',
  'system.cpu.utilization': 'Processor use',
  'system.cpu.load_average.15m': 'Load',
  'system.memory.utilization': 'Memory in use',
  'system.filesystem.utilization': 'Filesystem in use',
  'network.probe.loss': 'Packet loss',
  'network.wan.used': 'Data volume used',
  'system.network.io': 'Traffic',
  'clock.skew': 'Clock error',
}

/** The name itself where people have no other word for it. */
export const signalName = (name: string): string => signalNames[name] ?? name

/** -118 dBm, 93 %, 95.4 °C, 12 MB, 2 h 5 min */
export const valueText = (value: number | string | null, unit: string, name = ''): string => {
  if (value === null) return 'no value'
  if (typeof value === 'string') return `“${value}”`
  if (unit === '%share') return `${number(value * 100)} %`
  if (unit === '1' && /utilization|loss|charge|error_rate|usually_away|share/.test(name)) return `${number(value * 100)} %`
  if (unit === 'By' || unit === 'By/s') return `${bytes(value)}${unit === 'By' ? '' : '/s'}`
  if (unit === 'ms') return durationText(value)
  if (unit === 's' && value >= 100) return durationText(value * 1_000)
  const short = /^\{.*\}$/.test(unit) ? '' : (shortUnits[unit] ?? unit)
  return `${number(value)}${short === '' ? '' : ` ${short}`}`
}

/** At most three digits that tell something: 0.052, 12.3, 1234. */
const number = (value: number): string => {
  const size = Math.abs(value)
  return String(Number(size >= 100 ? value.toFixed(0) : value.toPrecision(3)))
}

const bytes = (value: number): string => {
  const prefixes = ['', 'k', 'M', 'G', 'T']
  let rest = value
  let index = 0
  while (Math.abs(rest) >= 1_000 && index < prefixes.length - 1) {
    rest /= 1_000
    index++
  }
  return `${number(rest)} ${prefixes[index] ?? ''}B`
}

/** 45 seconds, 5 minutes, 2 h 5 min, 3 days */
export const durationText = (ms: number): string => {
  const seconds = Math.round(ms / 1_000)
  if (seconds < 100) return `${number(ms / 1_000)} second${ms === 1_000 ? '' : 's'}`
  const minutes = Math.round(seconds / 60)
  if (minutes < 100) return `${String(minutes)} minutes`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 === 0 ? `${String(hours)} hours` : `${String(hours)} h ${String(minutes % 60)} min`
  return hours % 24 === 0 ? `${String(hours / 24)} days` : `${String(Math.floor(hours / 24))} d ${String(hours % 24)} h`
}

const small = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve']
export const countText = (count: number): string => small[count] ?? String(count)

/** Moments in one time zone, the day told where it is not that of `dayOfMs`. */
export const momentsIn = (tz: string, dayOfMs: number) => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const part = (ms: number): Record<string, string> => Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]))
  const day = (ms: number): string => {
    const { year, month, day: date } = part(ms)
    return `${year ?? ''}-${month ?? ''}-${date ?? ''}`
  }
  const clock = (ms: number, seconds: boolean): string => {
    const { hour, minute, second } = part(ms)
    return `${hour ?? ''}:${minute ?? ''}${seconds ? `:${second ?? ''}` : ''}`
  }
  const sameDay = (ms: number): boolean => day(ms) === day(dayOfMs)
  return {
    /** 03:00, or 2025-03-01 03:00 of another day. */
    minute: (ms: number): string => (sameDay(ms) ? clock(ms, false) : `${day(ms)} ${clock(ms, false)}`),
    /** 03:00:05 */
    second: (ms: number): string => (sameDay(ms) ? clock(ms, true) : `${day(ms)} ${clock(ms, true)}`),
    /** 2025-03-01 03:00:05 */
    full: (ms: number): string => `${day(ms)} ${clock(ms, true)}`,
  }
}
export type Moments = ReturnType<typeof momentsIn>
