/** The device's claim of time. Believed or not is judged later (device stage); here it is only read. */

/** 8.64e15 ms is the end of JavaScript's dates; ClickHouse's end earlier, the placed time is then the arrival. */
const claimMsMax = 8.64e15

/**
 * Milliseconds since the epoch from seconds, milliseconds, microseconds or nanoseconds (told apart by size: 1e11 s is the
 * year 5138, 1e11 ms is 1973) or from RFC 3339 text. Null: no time, or one without zone, which could be many times.
 */
export const parseTimeMs = (value: unknown): number | null => {
  if (typeof value === 'number') return fromEpoch(value)
  if (typeof value !== 'string') return null
  const text = value.trim()
  return /^\d{1,20}(?:\.\d+)?$/.test(text) ? fromEpoch(Number(text)) : parseRfc3339Ms(text)
}

const fromEpoch = (value: number): number | null => {
  if (!(value >= 0)) return null
  const ms = value < 1e11 ? value * 1000 : value < 1e14 ? value : value < 1e17 ? value / 1000 : value / 1e6
  return ms <= claimMsMax ? Math.round(ms) : null
}

const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)$/

export const parseRfc3339Ms = (text: string): number | null => {
  if (!rfc3339.test(text)) return null
  const standard = text
    .replace(' ', 'T')
    .replace(',', '.')
    .replace(/([+-]\d\d)(\d\d)$/, '$1:$2')
    .toUpperCase()
  const ms = Date.parse(standard)
  return Number.isNaN(ms) ? null : ms
}
