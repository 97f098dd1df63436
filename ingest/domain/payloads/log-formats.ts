/**
 * How one log line is written: RFC 5424, RFC 3164, OpenWrt's logread, rsyslog's ISO form, and the kernel's dmesg. What is not
 * recognised is a message without anything else. Never throws; anchored patterns without nested repetition.
 */
import { parseRfc3339Ms } from '../time.ts'
import { textToNumber } from '../values.ts'

export type WrittenLine = {
  /** Null unless the stamp has a zone or is an epoch, and lies after 2010. */
  observedAtMs: number | null
  /** The stamp as written, '' when none. */
  writtenAt: string
  sinceBootSeconds: number | null
  severity: number | null
  facility: string | null
  program: string | null
  message: string
}

/** RFC 5424 table 2, with the words that programs use. */
const severities = new Map([
  ...(
    [
      ['emerg emergency panic', 0],
      ['alert', 1],
      ['crit critical fatal', 2],
      ['err error', 3],
      ['warn warning', 4],
      ['notice', 5],
      ['info information informational', 6],
      ['debug trace', 7],
    ] as const
  ).flatMap(([words, severity]) => words.split(' ').map((word) => [word, severity] as const)),
])

/** RFC 5424 table 1 by number. */
const facilities = [
  ...[
    'kern',
    'user',
    'mail',
    'daemon',
    'auth',
    'syslog',
    'lpr',
    'news',
    'uucp',
    'cron',
    'authpriv',
    'ftp',
    'ntp',
    'audit',
    'alert',
    'clock',
  ],
  ...Array.from({ length: 8 }, (_, index) => `local${index}`),
]

/** 0..7 from a number or a word; null when it is neither. */
export const severityOf = (value: unknown): number | null => {
  if (typeof value === 'string' && severities.has(value.trim().toLowerCase())) return severities.get(value.trim().toLowerCase()) ?? null
  const number = typeof value === 'number' ? value : typeof value === 'string' ? textToNumber(value) : undefined
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 7 ? number : null
}

/** Before 2010 a device's clock was not set. */
const clockSetAfterMs = Date.UTC(2010, 0, 1)

export const parseLogLine = (line: string): WrittenLine => {
  const plain: WrittenLine = {
    observedAtMs: null,
    writtenAt: '',
    sinceBootSeconds: null,
    severity: null,
    facility: null,
    program: null,
    message: line,
  }
  const [, priority, afterPriority] = /^<(\d{1,3})>([\s\S]*)$/.exec(line) ?? []
  const told = priority === undefined ? plain : { ...plain, ...priorityOf(Number(priority)), message: afterPriority ?? '' }
  const { message } = told
  switch (message.charCodeAt(0)) {
    case 0x5b: // [
      return kernelLine(told) ?? told
    case 0x31: // 1, RFC 5424's version, or a year
      return (priority === undefined ? undefined : rfc5424(told)) ?? isoLine(told) ?? told
    default:
      return logreadLine(told) ?? rfc3164(told) ?? isoLine(told) ?? kernelPrefixed(told) ?? told
  }
}

/** RFC 5424 6.2.1: facility * 8 + severity. */
const priorityOf = (priority: number): Pick<WrittenLine, 'severity' | 'facility'> =>
  priority > 191 ? { severity: null, facility: null } : { severity: priority & 7, facility: facilities[priority >> 3] ?? null }

/** `[ 7203.061902] Out of memory`, also with the caller's id: `[    1.204311][    T1] ...`. */
const kernelLine = (line: WrittenLine): WrittenLine | undefined => {
  const [, written, seconds, message] = /^(\[\s*(\d{1,10}\.\d{1,9})\])(?:\[\s*[TC]\d+\])? ?([\s\S]*)$/.exec(line.message) ?? []
  if (written === undefined || message === undefined) return undefined
  return { ...line, writtenAt: written, sinceBootSeconds: Number(seconds), facility: line.facility ?? 'kern', program: 'kernel', message }
}

/** `dmesg -x`: `kern  :info  : [    1.204311] ...`. */
const kernelPrefixed = (line: WrittenLine): WrittenLine | undefined => {
  const [, facility, severity, rest] = /^([a-z]+)\s*:([a-z]+)\s*: (\[[\s\S]*)$/.exec(line.message) ?? []
  if (facility === undefined || severity === undefined || rest === undefined || !severities.has(severity)) return undefined
  return kernelLine({ ...line, facility, severity: severityOf(severity), message: rest })
}

/**
 * OpenWrt logread: `Mon Jan  5 08:00:03 2026 daemon.info procd: - init complete -`. Its time has no zone (1970 before the clock is
 * set, one hour twice in October), so it only stays as written; `logread -t` adds the epoch in brackets, which is exact.
 */
const logreadLine = (line: WrittenLine): WrittenLine | undefined => {
  const [, written, epoch, facility, severity, rest] =
    /^([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})(?: \[(\d{1,11}(?:\.\d{1,6})?)\])? ([a-z0-9]+)\.([a-z]+) ([\s\S]*)$/.exec(
      line.message,
    ) ?? []
  if (written === undefined || facility === undefined || severity === undefined || rest === undefined) return undefined
  return {
    ...line,
    writtenAt: epoch === undefined ? written : `${written} [${epoch}]`,
    observedAtMs: epoch === undefined ? null : afterClockSet(Math.round(Number(epoch) * 1000)),
    facility,
    severity: severityOf(severity),
    ...programAnd(rest),
  }
}

/** RFC 3164 4.1: `Oct 11 22:14:15 host su[230]: message`. Without year and zone. */
const rfc3164 = (line: WrittenLine): WrittenLine | undefined => {
  const [, written, rest] = /^([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)(?:\.\d{1,6})? ([\s\S]*)$/.exec(line.message) ?? []
  return written === undefined || rest === undefined ? undefined : { ...line, writtenAt: written, ...programAnd(withoutHost(rest)) }
}

/** RFC 5424 6: `1 2003-10-11T22:14:15.003Z host app procid msgid [structured] message`; `-` is nil. */
const rfc5424 = (line: WrittenLine): WrittenLine | undefined => {
  const [, stamp, , program, rest] = /^1 (\S{1,40}) (\S{1,255}) (\S{1,48}) \S{1,128} \S{1,32} ([\s\S]*)$/.exec(line.message) ?? []
  if (stamp === undefined || program === undefined || rest === undefined) return undefined
  return {
    ...line,
    writtenAt: stamp === '-' ? '' : stamp,
    observedAtMs: afterClockSet(parseRfc3339Ms(stamp)),
    program: program === '-' ? null : program,
    message: rest.startsWith('- ') ? rest.slice(2).replace(/^\ufeff/, '') : rest === '-' ? '' : rest,
  }
}

/** rsyslog and journald: `2026-01-05T08:00:03+01:00 host program[12]: message`, zone with or without colon, or none. */
const isoLine = (line: WrittenLine): WrittenLine | undefined => {
  const [, stamp, rest] = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) ([\s\S]*)$/.exec(line.message) ?? []
  if (stamp === undefined || rest === undefined) return undefined
  return { ...line, writtenAt: stamp, observedAtMs: afterClockSet(parseRfc3339Ms(stamp)), ...programAnd(withoutHost(rest)) }
}

const afterClockSet = (ms: number | null): number | null => (ms === null || ms < clockSetAfterMs ? null : ms)

/** `host program[12]: message` less the host; a line without program keeps all. */
const withoutHost = (rest: string): string => {
  const [, after] = /^\S{1,255} ([^\s:]{1,64}: ?[\s\S]*)$/.exec(rest) ?? []
  return after ?? rest
}

/** `su[230]: message`, `hostapd: wlan0: x`, `wwan (2210): x` (the program is netifd's own), ` : x` (no program). */
const programAnd = (rest: string): Pick<WrittenLine, 'program' | 'message'> => {
  const [, program, message] = /^([^\s:[\]]{0,64})(?:\[\d{1,10}\])?\s?: ?([\s\S]*)$/.exec(rest) ?? []
  return message === undefined
    ? { program: null, message: rest }
    : { program: program === undefined || program === '' ? null : program, message }
}
