/** Numbers with their units, times with their zone, ages. Exact in the tooltip, short in the cell. */

const zoneKey = 'fleet-recorder-zone'
export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone
let zone = localStorage.getItem(zoneKey) ?? browserZone

export const currentZone = () => zone
export const setZone = (name) => {
  zone = name
  localStorage.setItem(zoneKey, name)
}

const formatters = new Map()
const parts = (ms, withZone = false) => {
  const key = `${zone}/${withZone}`
  let formatter = formatters.get(key)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      ...(withZone ? { timeZoneName: 'short' } : {}),
    })
    formatters.set(key, formatter)
  }
  return Object.fromEntries(formatter.formatToParts(ms).map(({ type, value }) => [type, value]))
}

/** 2025-03-01 04:10:00 */
export const dateTime = (iso) => {
  const p = parts(Date.parse(iso))
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`
}
/** 04:10:00 today, with the date on other days. */
export const time = (iso, nowMs = Date.now()) => {
  const p = parts(Date.parse(iso))
  const now = parts(nowMs)
  const clock = `${p.hour}:${p.minute}:${p.second}`
  if (p.year === now.year && p.month === now.month && p.day === now.day) return clock
  return p.year === now.year ? `${p.month}-${p.day} ${clock}` : `${p.year}-${p.month}-${p.day} ${clock}`
}
export const zoneShort = (ms = Date.now()) => parts(ms, true).timeZoneName

/** With zone and milliseconds, for tooltips. */
export const exactTime = (iso) => `${dateTime(iso)} ${zoneShort(Date.parse(iso))} (${iso})`

/** 5 s, 12 min, 2 h 03 min, 3 d 4 h */
export const age = (seconds) => {
  const s = Math.max(0, Math.round(seconds))
  if (s < 100) return `${s} s`
  const minutes = Math.floor(s / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
export const ageOf = (iso, nowMs = Date.now()) => age((nowMs - Date.parse(iso)) / 1000)

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
export const count = (value) => grouped.format(value)

const scaled = (value, unit, prefixes, base) => {
  let index = 0
  let rest = Math.abs(value)
  while (rest >= base && index < prefixes.length - 1) {
    rest /= base
    index++
  }
  const shown = index === 0 ? trimmed(rest) : rest >= 100 ? rest.toFixed(0) : rest.toFixed(1)
  return `${value < 0 ? '−' : ''}${shown} ${prefixes[index]}${unit}`
}
const trimmed = (value) => String(Number(value.toPrecision(value >= 1000 ? 6 : 4)))

export const bytes = (value) => scaled(value, 'B', ['', 'k', 'M', 'G', 'T'], 1000)
export const bitsPerSecond = (bytesPerSecond) => scaled(bytesPerSecond * 8, 'bit/s', ['', 'k', 'M', 'G'], 1000)

/** UCUM as people read it. */
const shortUnits = { Cel: '°C', 1: '', '%': '%', deg: '°', 'ug/m3': 'µg/m³', '[ppm]': 'ppm', 'kW.h': 'kWh' }

/** A value with its unit; shares as percent, bytes and seconds scaled. */
export const quantity = (value, unit, metric = '') => {
  if (value === null) return '—'
  if (unit === '1' && /utilization|loss$/.test(metric)) return `${(value * 100).toFixed(1)} %`
  if (unit === 'By') return bytes(value)
  if (unit === 'By/s') return bitsPerSecond(value)
  if (unit === 's' && value >= 100) return age(value)
  if (unit === '{thread}') return value.toFixed(2)
  const text = unit === 'dBm' || unit === 'dB' || unit === 'Cel' ? value.toFixed(1) : trimmed(value)
  const short = unit === null || /^\{.*\}$/.test(unit) ? '' : (shortUnits[unit] ?? unit)
  return `${text.replace('-', '−')}${short === '' ? '' : ` ${short}`}`
}
export const decibel = (value, unit) => (value === null ? '—' : `${value.toFixed(1).replace('-', '−')} ${unit}`)

/** Wall time in the chosen zone, as the field of the moment shows it: the same in every locale. */
export const toInput = (ms) => {
  const p = parts(ms)
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`
}
/** Back again, seconds optional; where clocks are set back, one of the two readings. Undefined: not written so. */
export const fromInput = (text) => {
  const written = /^\s*(\d{4}-\d{2}-\d{2})[T ]+(\d{1,2}:\d{2})(:\d{2})?\s*$/.exec(text)
  if (written === null) return undefined
  const wallMs = (wall) => Date.parse(`${wall.replace(' ', 'T')}Z`)
  const asUtc = wallMs(`${written[1]} ${written[2].padStart(5, '0')}${written[3] ?? ':00'}`)
  if (Number.isNaN(asUtc)) return undefined
  let ms = asUtc
  for (let i = 0; i < 2; i++) ms += asUtc - wallMs(toInput(ms))
  return ms
}
