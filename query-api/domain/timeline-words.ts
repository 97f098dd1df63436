/** The kinds of a timeline's entries, what each carries, and how it reads in words. */
import { type AlarmEventDetail, alarmEventText } from './alarm-event-words.ts'
import { lengthOf } from './clock-words.ts'
import { momentsIn } from './value-words.ts'

export const timelineKinds = [
  'fact',
  'firmware',
  'boot',
  'presence',
  'cell',
  'band',
  'clock',
  'clock_step',
  'gap',
  'late_upload',
  'counter',
  'log_burst',
  'log_first_seen',
  'alarm',
] as const
export type TimelineKind = (typeof timelineKinds)[number]

type Change = { from: string | null; to: string | null }
type DataOf = {
  fact: Change & { name: string; first: 0 | 1; masked: 0 | 1 }
  firmware: Change & { name: string; first: 0 | 1; masked: 0 | 1 }
  boot: { bootId: string; reason: string | null; uptimeBeforeSeconds: number | null; taskId: string | null; evidence: string }
  presence: Change & { reason: string | null }
  cell: { from: number | null; to: number | null; plmn: string | null; band: string | null; rsrpDbm: number | null }
  band: Change & { cell: number | null }
  clock: { from: string | null; to: string; claimedAtMs: number | null; topic: string }
  clock_step: { bySeconds: number; skewSeconds: number; bootId: string }
  gap: { bootId: string; firstSeq: number; lastSeq: number; messages: number; afterMs: number }
  late_upload: { messages: number; toMs: number; arrivedToMs: number; delaySeconds: number }
  counter: { flag: 'reset' | 'wrap'; counters: number; metrics: string[]; attributes: string[] }
  log_burst: { lines: number; toMs: number; severity: number | null; program: string; message: string }
  log_first_seen: { fingerprint: string; message: string; program: string | null; severity: number | null; lines: number }
  alarm: { id: string; type: string; qualifier: string; event: string; severity: string; actor: string; detail: string }
}

const told = (value: string | null): string => value ?? 'none'
const plural = (count: number, one: string): string => `${String(count)} ${one}${count === 1 ? '' : 's'}`

/** 45 s, 12 min, 2 h 3 min, 3 d 4 h */
export const duration = (seconds: number): string => {
  const whole = Math.round(seconds)
  if (whole < 100) return `${String(whole)} s`
  const minutes = Math.round(whole / 60)
  if (minutes < 60) return `${String(minutes)} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${String(hours)} h ${String(minutes % 60)} min` : `${String(Math.floor(hours / 24))} d ${String(hours % 24)} h`
}

const verdicts: Record<string, string> = {
  trusted: 'Its clock is believed again.',
  future: 'Its clock ran ahead: placed by arrival.',
  'before-2010': 'Its clock was not set: placed by arrival.',
}
const evidence: Record<string, string> = { 'new-boot-id': ', seen by a new boot id', 'uptime-fell': ', seen by a shorter uptime' }

const words: { [K in TimelineKind]: (data: DataOf[K]) => string } = {
  fact: ({ name, from, to, first, masked }) =>
    first === 1
      ? `${name} is ${told(to)}, told for the first time.`
      : masked === 1 && from === to
        ? `${name} changed; it is masked.`
        : `${name} changed from ${told(from)} to ${told(to)}.`,
  firmware: ({ from, to, first }) =>
    first === 1 ? `Firmware is ${told(to)}, told for the first time.` : `Firmware changed from ${told(from)} to ${told(to)}.`,
  boot: ({ reason, uptimeBeforeSeconds, evidence: seen }) =>
    `Booted: ${reason ?? 'reason not told'}${uptimeBeforeSeconds === null ? '' : `, after ${duration(uptimeBeforeSeconds)} of uptime`}${evidence[seen] ?? ''}.`,
  presence: ({ from, to, reason }) =>
    `${from === null ? 'First seen' : 'Went'} ${told(to)}${reason === null || reason === '' ? '' : ` (${reason})`}.`,
  cell: ({ from, to, band, rsrpDbm }) =>
    `Serving cell changed from ${String(from)} to ${String(to)}${band === null ? '' : `, ${band}`}${rsrpDbm === null ? '' : `, RSRP ${String(rsrpDbm)} dBm`}.`,
  band: ({ from, to }) => `Band changed from ${told(from)} to ${told(to)}.`,
  clock: ({ to }) => verdicts[to] ?? `Clock: ${to}.`,
  clock_step: ({ bySeconds }) => `Its clock was set ${bySeconds > 0 ? 'forward' : 'back'} by ${lengthOf(bySeconds * 1_000)}.`,
  gap: ({ firstSeq, lastSeq, messages }) =>
    messages === 1
      ? `One message is missing before this one: number ${String(firstSeq)}.`
      : `${String(messages)} messages are missing before this one: numbers ${String(firstSeq)} to ${String(lastSeq)}.`,
  late_upload: ({ messages, delaySeconds }) => `${plural(messages, 'message')} came late, up to ${duration(delaySeconds)} after the fact.`,
  counter: ({ flag, counters, metrics }) =>
    `${plural(counters, 'counter')} ${flag === 'reset' ? 'began again' : 'wrapped'}: ${metrics.slice(0, 3).join(', ')}${metrics.length > 3 ? ' and more' : ''}.`,
  log_burst: ({ lines, program, message }) => `Log burst of ${plural(lines, 'line')}${program === '' ? '' : `, ${program}`}: ${message}`,
  log_first_seen: ({ program, message }) => `New kind of log line${program === null ? '' : `, ${program}`}: ${message}`,
  alarm: ({ type, qualifier, event, severity, actor, detail }) =>
    `${type}${qualifier === '' ? '' : ` (${qualifier})`}: ${alarmEventText({ kind: event, severity, actor, detail: JSON.parse(detail) as AlarmEventDetail }, momentsIn('UTC', 0))}`,
}

/** Text with what a device wrote in it: escape before showing. */
export const timelineText = <K extends TimelineKind>(kind: K, data: DataOf[K]): string => words[kind](data)

/** Flags of the warehouse as booleans, its milliseconds as times. */
export const timelineData = (json: string): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(JSON.parse(json) as Record<string, unknown>).map(([name, value]) =>
      name.endsWith('Ms')
        ? [name.slice(0, -2), typeof value === 'number' ? new Date(value).toISOString() : null]
        : name === 'detail' && typeof value === 'string'
          ? [name, JSON.parse(value) as unknown]
          : [name, name === 'first' || name === 'masked' ? value === 1 : value],
    ),
  )
