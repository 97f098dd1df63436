/** Times of the API: RFC 3339 with a zone in, RFC 3339 in UTC out, time zones by their IANA names. */
import { ProblemError } from './problems.ts'

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/

/** ClickHouse's DateTime64 ends here; the first is the epoch, before which no reading is. */
const latestMs = Date.UTC(2299, 11, 31)

/** Refuses what has no zone or does not exist (`2025-02-30`): a NOC shall not guess which midnight was meant. */
export const parseTime = (name: string, text: string): number => {
  const ms = timeOf(text)
  if (ms === undefined || ms < 0 || ms > latestMs) {
    throw new ProblemError(
      'TIME_INVALID',
      `Expected ${name} as RFC 3339 with a zone, like 2025-03-01T03:10:00Z or 2025-03-01T04:10:00+01:00 (a + in a URL is written %2B), got ${JSON.stringify(text.slice(0, 60))}.`,
      { parameter: name },
    )
  }
  return ms
}

const timeOf = (text: string): number | undefined => {
  const parts = rfc3339.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const zone = parts[8] ?? ''
  // 60 is RFC 3339's leap second; it becomes the next minute's first.
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined
  if (day > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined
  const fractionMs = Math.floor(Number(`0.${parts[7] ?? '0'}`) * 1000)
  const offsetMinutes = zone.length === 1 ? 0 : zoneMinutes(zone)
  if (offsetMinutes === undefined) return undefined
  return Date.UTC(year, month - 1, day, hour, minute, second) + fractionMs - offsetMinutes * 60_000
}

const zoneMinutes = (zone: string): number | undefined => {
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4, 6))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

export const toTime = (ms: number): string => new Date(ms).toISOString()
export const toTimeOrNull = (ms: number | null): string | null => (ms === null ? null : toTime(ms))

/** Null: all that is known now. */
export const parseKnownAt = (text: string | undefined): number | null => (text === undefined ? null : parseTime('knownAt', text))

export type TimeRange = { fromMs: number; toMs: number }

/** A device's clock is believed up to this far ahead of ours, so "now" must reach this far to include what it just said. */
export const clockAheadMaxMs = 5 * 60_000

/** `to` defaults to now (and what believed clocks say ahead of it), `from` to `defaultMs` before. Includes `from`, excludes `to`. */
export const parseRange = (query: { from?: string; to?: string }, nowMs: number, defaultMs: number): TimeRange => {
  const toMs = query.to === undefined ? nowMs + clockAheadMaxMs : parseTime('to', query.to)
  const fromMs = query.from === undefined ? Math.max(0, (query.to === undefined ? nowMs : toMs) - defaultMs) : parseTime('from', query.from)
  if (fromMs >= toMs) {
    throw new ProblemError('TIME_RANGE_INVALID', `Expected from before to, got from ${toTime(fromMs)} and to ${toTime(toMs)}.`)
  }
  return { fromMs, toMs }
}

/** What reads every message of a range, or every hour's account, is asked in parts of it. */
const boundedRangeDaysMax = 93

/** As `parseRange`, of at most 93 days. */
export const parseBoundedRange = (query: { from?: string; to?: string }, nowMs: number, defaultMs: number): TimeRange => {
  const range = parseRange(query, nowMs, defaultMs)
  if (range.toMs - range.fromMs > boundedRangeDaysMax * 86_400_000) {
    throw new ProblemError('TIME_RANGE_INVALID', `Expected a range of at most ${boundedRangeDaysMax} days; ask for a part of it.`)
  }
  return range
}

/** IANA names only ("UTC", "Asia/Taipei"); offsets like "+08:00" have no daylight saving and are refused. */
export const parseTimeZone = (tz: string): string => {
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,62}$/.test(tz)) {
    try {
      new Intl.DateTimeFormat('en-US', { timeZone: tz })
      return tz
    } catch {
      // Falls to the refusal below.
    }
  }
  throw new ProblemError(
    'TIME_ZONE_UNKNOWN',
    `Expected tz as an IANA name like Asia/Taipei or UTC, got ${JSON.stringify(tz.slice(0, 64))}.`,
  )
}

/** Minutes that local time is ahead of UTC at that moment. */
export const offsetMinutesAt = (tz: string, ms: number): number => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: tz,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms)
  const part = (type: string): number => Number(parts.find((candidate) => candidate.type === type)?.value)
  const localMs = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
  return Math.round((localMs - Math.floor(ms / 1000) * 1000) / 60_000)
}
