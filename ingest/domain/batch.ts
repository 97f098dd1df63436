/**
 * The metered profile's batch: `<product>/<model>/<mac>/batch/deflate`, raw deflate of JSON lines
 * `{"topic":"hardware/loadavg","payload":{...}}`. Each line is a message of its own under the batch's first three levels,
 * with its own ts, bootId and seq. Inflating happens before (bounded there); this splits.
 */
import type { Result } from '../../model/result.ts'

/** One packet may not become more events than one log append takes well. */
export const batchMessagesMax = 2_000

const suffix = '/batch/deflate'

export const isBatchTopic = (topic: string): boolean => topic.endsWith(suffix)

export const splitBatch = (topic: string, inflated: Uint8Array): Result<{ topic: string; payload: Uint8Array }[]> => {
  const root = topic.slice(0, -suffix.length)
  const lines = decodeLines(inflated)
  if (lines === null) return { ok: false, reason: 'expected UTF-8 text' }
  if (lines.length === 0) return { ok: false, reason: 'expected at least one line, got none' }
  if (lines.length > batchMessagesMax) return { ok: false, reason: `expected at most ${batchMessagesMax} lines, got ${lines.length}` }
  const messages: { topic: string; payload: Uint8Array }[] = []
  for (const [index, line] of lines.entries()) {
    const message = parseLine(line)
    if (message === null)
      return { ok: false, reason: `line ${index + 1}: expected {"topic":"<category>/<metric>","payload":...}, got ${line.slice(0, 80)}` }
    messages.push({ topic: `${root}/${message.topic}`, payload: encoder.encode(message.payload) })
  }
  return { ok: true, value: messages }
}

const encoder = new TextEncoder()

const decodeLines = (bytes: Uint8Array): string[] | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true })
      .decode(bytes)
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return null
  }
}

const lineShape = /^\{"topic":"([a-zA-Z0-9][\w.-]*(?:\/[a-zA-Z0-9][\w.-]*){0,8})","payload":(.*)\}$/s

/** The payload's text is cut out, not parsed and written again: duplicate keys and big integers reach the strict reader as sent. */
const parseLine = (line: string): { topic: string; payload: string } | null => {
  const found = lineShape.exec(line)
  const [, topic, payload] = found ?? []
  return topic === undefined || payload === undefined || topic.startsWith('batch/') ? null : { topic, payload: unquoted(payload) }
}

/** A text payload comes as a JSON string and is the text itself. */
const unquoted = (payload: string): string => {
  if (!payload.startsWith('"')) return payload
  try {
    const text: unknown = JSON.parse(payload)
    return typeof text === 'string' ? text : payload
  } catch {
    return payload
  }
}
