/**
 * A recorded file as the messages of one device: a drive CSV or JSON lines `{"topic":...,"payload":...,"ts":...}`.
 * bootId comes from content and device, and seq is the row's number, so that a second replay is recognised as the same.
 */
import { createHash } from 'node:crypto'
import { parseDrive } from './drive-csv.ts'
import type { OutboxMessage } from './outbox.ts'

export type RecordedMessage = OutboxMessage & { atMs: number | undefined }
export type Recording = { messages: RecordedMessage[] } | { problem: string }

/** `device` is `<product>/<model>/<mac>`. */
export const readRecording = (text: string, kind: 'csv' | 'jsonl', device: string, bootId: string): Recording =>
  kind === 'csv' ? readDrive(text, device, bootId) : readLines(text, device, bootId)

/** Looks like a UUID (version 8, "custom"), the shape that devices send. */
export const bootIdOfRecording = (text: string, device: string): string => {
  const hex = createHash('sha256').update(`${device}\n`).update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const readDrive = (text: string, device: string, bootId: string): Recording => {
  const drive = parseDrive(text)
  if ('problem' in drive) return drive
  return {
    messages: drive.rows.map(({ atMs, values }, row) => ({
      topic: `${device}/hardware/lte`,
      payload: JSON.stringify({ ts: atMs, bootId, seq: row + 1, ...values }),
      retain: false,
      atMs,
    })),
  }
}

/** A topic of five levels or more is a whole one, a shorter one is below the device. A text payload goes as it is, without envelope. */
const readLines = (text: string, device: string, bootId: string): Recording => {
  const messages: RecordedMessage[] = []
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue
    const entry = parseLine(line)
    if (entry === undefined)
      return {
        problem: `line ${index + 1}: expected {"topic":"<category>/<metric>","payload":...,"ts":<ms or RFC 3339>}, got ${line.slice(0, 80)}`,
      }
    const { topic, payload, atMs } = entry
    messages.push({
      topic: topic.split('/').length >= 5 ? topic : `${device}/${topic}`,
      payload: isObject(payload)
        ? JSON.stringify({ ...(atMs === undefined ? {} : { ts: atMs }), bootId, seq: messages.length + 1, ...payload })
        : typeof payload === 'string'
          ? payload
          : JSON.stringify(payload),
      retain: false,
      atMs,
    })
  }
  return { messages }
}

const parseLine = (line: string): { topic: string; payload: unknown; atMs: number | undefined } | undefined => {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isObject(entry)) return undefined
  const { topic, payload, ts } = entry
  if (typeof topic !== 'string' || topic === '' || payload === undefined) return undefined
  const atMs = typeof ts === 'number' ? ts : typeof ts === 'string' ? Date.parse(ts) : undefined
  return Number.isNaN(atMs) ? undefined : { topic, payload, atMs }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
