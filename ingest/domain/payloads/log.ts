/**
 * `log/syslog`, `log/dmesg`, `system/log`, `system/dmesg`: text lines, a JSON array, `{"line":"..."}`, `{"lines":[...]}`, or
 * `{"severity":"err","program":"x","message":"..."}`. A line is kept as it is (NUL, ANSI, HTML, CR inside), cut at 4,096
 * characters and marked; what stands in it is escaped where it is shown. Its time is taken only where it is unambiguous.
 */
import type { LogLineItem } from '../../../model/event.ts'
import { addUnknownKey, type Draft, personalName, refuse } from '../draft.ts'
import { fieldTable, ignoreField, readObject, readUnknown } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import { logLineCharsMax, logLinesInMessageMax } from '../limits.ts'
import type { Profile } from '../profile.ts'
import { parseTimeMs } from '../time.ts'
import { isObject, toWord } from '../values.ts'
import { parseLogLine, severityOf } from './log-formats.ts'

export const log: Profile = {
  isLog: true,
  json: (draft, value) => readLog(draft, value, 'syslog'),
  text: (draft, text) => pushLines(draft, text.split('\n').map(withoutCr).filter(Boolean).map(read), 'syslog'),
}

export const dmesg: Profile = {
  isLog: true,
  json: (draft, value) => readLog(draft, value, 'dmesg'),
  text: (draft, text) => pushLines(draft, text.split('\n').map(withoutCr).filter(Boolean).map(read), 'dmesg'),
}

const withoutCr = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

/** A line and its stamp in seconds since boot, where it has one. */
type ReadLine = { item: LogLineItem; sinceBootSeconds: number | null }

const read = (line: string): ReadLine => {
  const { sinceBootSeconds, observedAtMs, writtenAt, severity, facility, program, message } = parseLogLine(line)
  return { item: { observedAtMs, writtenAt, severity, facility, program, ...bounded(message) }, sinceBootSeconds }
}

const bounded = (message: string): { message: string; cut: boolean } =>
  message.length <= logLineCharsMax ? { message, cut: false } : { message: message.slice(0, logLineCharsMax).toWellFormed(), cut: true }

const lineKeys = ['line', 'message', 'msg', 'text', 'value']
const listKeys = ['lines', 'messages', 'entries', 'records', 'logs']
const wordKeys = ['severity', 'level', 'priority', 'facility', 'program', 'ident', 'process', 'tag', 'unit', 'pid', 'host', 'hostname']
const fields = fieldTable({ [[...lineKeys, ...listKeys, ...wordKeys].join(' ')]: ignoreField })

const readLog = (draft: Draft, value: unknown, source: string): void => {
  if (Array.isArray(value)) {
    pushLines(
      draft,
      value.map((item) => readItem(draft, item, false)),
      source,
    )
    return
  }
  if (!isObject(value)) return
  for (const key in value) if (!isLogKey(key)) readObject(draft, fields, { [key]: value[key] })
  const list = first(value, listKeys)
  if (Array.isArray(list)) {
    pushLines(
      draft,
      list.map((item) => readItem(draft, item, false)),
      source,
    )
    return
  }
  if (typeof list === 'string') {
    pushLines(draft, list.split('\n').map(withoutCr).filter(Boolean).map(read), source)
    return
  }
  if (first(value, lineKeys) === undefined) {
    refuse(draft, 'FIELD_INVALID', `expected line, lines or message, got ${Object.keys(value).slice(0, 8).join(', ')}`)
    return
  }
  pushLines(draft, [readItem(draft, value, true)], source)
}

const isLogKey = (key: string): boolean => {
  const canonical = canonicalKey(key)
  return lineKeys.includes(canonical) || listKeys.includes(canonical) || wordKeys.includes(canonical)
}

const first = (object: Record<string, unknown>, spellings: readonly string[]): unknown => {
  for (const key in object) if (spellings.includes(canonicalKey(key))) return object[key]
  return undefined
}

const timeSpellings = ['ts', 'timestamp', 'time', 'observedat']

/** One element: a text, or an object with what a text would say. `whole`: its `ts` is the message's, which places it anyway. */
const readItem = (draft: Draft, item: unknown, whole: boolean): ReadLine => {
  if (typeof item === 'string') return read(item)
  if (!isObject(item)) return read(JSON.stringify(item))
  const text = first(item, lineKeys)
  const line = read(typeof text === 'string' ? text : JSON.stringify(text ?? item))
  const severity = severityOf(first(item, ['severity', 'level', 'priority']))
  const time = whole ? undefined : first(item, timeSpellings)
  const stamp = toWord(time)
  if (!whole) keepUnknown(draft, item)
  return {
    sinceBootSeconds: line.sinceBootSeconds,
    item: {
      ...line.item,
      observedAtMs: parseTimeMs(time) ?? line.item.observedAtMs,
      writtenAt: line.item.writtenAt === '' ? (stamp ?? '') : line.item.writtenAt,
      severity: severity ?? line.item.severity,
      facility: toWord(first(item, ['facility'])) ?? line.item.facility,
      program: toWord(first(item, ['program', 'ident', 'process', 'tag', 'unit'])) ?? line.item.program,
    },
  }
}

const keepUnknown = (draft: Draft, item: Record<string, unknown>): void => {
  for (const key in item)
    if (fields.readerOf(key) === readUnknown || personalName(key) !== undefined) addUnknownKey(draft, draft.route.prefix, key, item[key])
}

const pushLines = (draft: Draft, lines: readonly ReadLine[], source: string): void => {
  if (lines.length > logLinesInMessageMax) {
    refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${logLinesInMessageMax} lines, got ${lines.length}`)
    return
  }
  // A stamp since boot is placed only where the payload says both when it was sent and how long the boot had lasted then.
  const { observedAtMs, uptimeSeconds } = draft
  const bootAtMs = observedAtMs === null || uptimeSeconds === null ? null : observedAtMs - uptimeSeconds * 1000
  const items = lines.map(({ item, sinceBootSeconds }) =>
    bootAtMs === null || sinceBootSeconds === null || item.observedAtMs !== null
      ? item
      : { ...item, observedAtMs: Math.round(bootAtMs + sinceBootSeconds * 1000) },
  )
  if (items.length > 0) draft.bodies.push({ kind: 'LogLines', source, items })
}
