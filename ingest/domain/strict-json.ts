/**
 * JSON as RFC 8259 and I-JSON (RFC 7493) want it: refuses duplicate keys, numbers that overflow, depth over 32, lone
 * surrogates and a byte order mark, all of which JSON.parse takes without a word. Values come from JSON.parse; one pass over
 * the text before it bounds the depth and counts the keys, one walk over the value after it compares.
 */
import { jsonDepthMax } from './limits.ts'
import type { ReasonCode } from './reasons.ts'
import { shown } from './shown.ts'

export type JsonResult = { ok: true; value: unknown } | { ok: false; reason: ReasonCode; detail: string }

export const parseStrictJson = (text: string): JsonResult => {
  if (text.charCodeAt(0) === 0xfeff) return refused('JSON_BOM', 'expected JSON, got a byte order mark in front of it')
  scan(text)
  if (scannedDepth > jsonDepthMax) return refused('JSON_TOO_DEEP', `expected at most ${jsonDepthMax} levels, got more`)
  const keysWritten = scannedKeys
  const escapes = scannedEscapes
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return refused('JSON_INVALID', shown(error instanceof Error ? error.message : 'unreadable'))
  }
  flaws = 0
  const keysKept = walk(value, escapes)
  if (has(notFinite)) return refused('NUMBER_NOT_FINITE', 'expected numbers within the range of a double (1.8e308)')
  if (has(loneSurrogate)) return refused('JSON_LONE_SURROGATE', 'expected whole surrogate pairs in strings')
  return keysKept === keysWritten
    ? { ok: true, value }
    : refused('JSON_DUPLICATE_KEY', `expected each key once, got "${firstDuplicate(text)}" twice`)
}

const refused = (reason: ReasonCode, detail: string): JsonResult => ({ ok: false, reason, detail })

// What the scan found. Module state instead of an object per message; nothing here awaits.
let scannedKeys = 0
let scannedDepth = 0
let scannedEscapes = false
const notFinite = 1
const loneSurrogate = 2
let flaws = 0
const has = (flaw: number): boolean => (flaws & flaw) !== 0

/** A colon outside strings is one key of valid JSON. Ends early beyond the depth. */
const scan = (text: string): void => {
  const { length } = text
  let keys = 0
  let depth = 0
  let deepest = 0
  let escapes = false
  for (let at = 0; at < length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        for (at++; at < length; at++) {
          const inside = text.charCodeAt(at)
          if (inside === 0x22) break
          if (inside === 0x5c) {
            escapes = true
            at++
          }
        }
        break
      case 0x3a: // :
        keys++
        break
      case 0x7b: // {
      case 0x5b: // [
        depth++
        if (depth > deepest) deepest = depth
        if (depth > jsonDepthMax) at = length
        break
      case 0x7d: // }
      case 0x5d: // ]
        depth--
        break
    }
  }
  scannedKeys = keys
  scannedDepth = deepest
  scannedEscapes = escapes
}

/** Counts the keys that JSON.parse kept. `__proto__` is an own property here like any other. */
const walk = (value: unknown, escapes: boolean): number => {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) flaws |= notFinite
    return 0
  }
  if (typeof value === 'string') {
    if (escapes && !value.isWellFormed()) flaws |= loneSurrogate
    return 0
  }
  if (typeof value !== 'object' || value === null) return 0
  let keys = 0
  if (Array.isArray(value)) {
    for (const item of value) keys += walk(item, escapes)
    return keys
  }
  const object = value as Record<string, unknown>
  for (const key in object) {
    keys++
    if (escapes && !key.isWellFormed()) flaws |= loneSurrogate
    keys += walk(object[key], escapes)
  }
  return keys
}

/** Only for the detail of a refusal: reads the text again, slowly, with a set of keys per object. */
const firstDuplicate = (text: string): string => {
  const open: Set<string>[] = []
  const token = /"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}]/gs
  for (const [found] of text.matchAll(token)) {
    if (found === '{') open.push(new Set())
    else if (found === '}') open.pop()
    else if (found.endsWith(':')) {
      const key = String(JSON.parse(found.slice(0, -1)))
      const keys = open.at(-1)
      if (keys?.has(key)) return key.slice(0, 100)
      keys?.add(key)
    }
  }
  return ''
}
