/** Seeded mutations of bytes, texts and JSON: the structure is kept often enough that what lies behind the first check is reached. */
import type { Random } from '../../agent/simulation/random.ts'
import { hostilePieces } from '../mutated-payloads.ts'

export const anyOf = <T>(random: Random, items: readonly T[]): T => {
  const item = items[random.between(0, items.length - 1)]
  if (item === undefined) throw new Error('expected something to choose from')
  return item
}

const hurtingBytes = [0x00, 0x01, 0x7f, 0x80, 0xc0, 0xed, 0xf5, 0xfe, 0xff, 0x22, 0x5c, 0x7b, 0x2f, 0x2b, 0x23]
const lengthsThatLie = [
  [0xff, 0xff, 0xff, 0x7f], // The longest that MQTT can announce.
  [0xff, 0xff, 0xff, 0xff, 0xff], // One byte more than it may have.
  [0xff, 0xff, 0xff, 0xff, 0x0f], // Avro: the greatest 32-bit integer.
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // Avro: the greatest 64-bit integer.
  [0xff, 0xff],
  [0x7f, 0xff],
  [0x80, 0x00], // Longer than needed.
]

/** One to four edits. `others` are inputs of the same kind, to be cut into this one. */
export const mutateBytes = (random: Random, bytes: Uint8Array, others: readonly Uint8Array[] = []): Uint8Array => {
  let current = Array.from(bytes)
  for (let edits = anyOf(random, [1, 1, 1, 2, 4]); edits > 0; edits--) {
    const at = random.between(0, current.length)
    const length = random.between(1, 12)
    switch (random.between(0, 8)) {
      case 0:
        if (at < current.length) current[at] = (current[at] ?? 0) ^ (1 << random.between(0, 7))
        break
      case 1:
        if (at < current.length) current[at] = anyOf(random, hurtingBytes)
        break
      case 2:
        current.splice(at, 0, ...Array.from({ length }, () => random.between(0, 255)))
        break
      case 3:
        current.splice(at, length)
        break
      case 4:
        current = current.slice(0, at)
        break
      case 5:
        current.splice(at, 0, ...current.slice(at, at + length * random.between(1, 8)))
        break
      case 6:
        current.splice(at, random.chance(0.5) ? length : 0, ...anyOf(random, lengthsThatLie))
        break
      case 7: {
        if (others.length === 0) break
        const other = anyOf(random, others)
        const from = random.between(0, other.length)
        current.splice(at, random.chance(0.5) ? current.length : 0, ...other.subarray(from, from + 2_000))
        break
      }
      default:
        if (at < current.length) current[at] = random.between(0, 255)
    }
  }
  return Uint8Array.from(current)
}

/** Zero to four edits with `pieces` (else what hurts anywhere). */
export const mutateText = (random: Random, text: string, pieces: readonly string[] = hostilePieces): string => {
  let current = text
  for (let edits = anyOf(random, [0, 1, 1, 2, 3]); edits > 0; edits--) {
    const from = random.between(0, current.length)
    const length = random.between(0, 12)
    switch (random.between(0, 4)) {
      case 0:
        current = current.slice(0, from) + current.slice(from + length)
        break
      case 1:
        current = current.slice(0, from) + current.slice(from, from + length).repeat(random.between(2, 40)) + current.slice(from + length)
        break
      case 2: {
        const to = random.between(0, current.length)
        const piece = current.slice(to, to + length)
        current = current.slice(0, from) + piece + current.slice(from)
        break
      }
      default:
        current = current.slice(0, from) + anyOf(random, pieces) + current.slice(from + (random.chance(0.5) ? length : 0))
    }
  }
  return current
}

/** JSON texts that no `JSON.stringify` writes. */
const rawValues = [
  '1e400',
  '-1e400',
  '-0',
  '0.1e-400',
  '9007199254740993',
  '-9007199254740993',
  '18446744073709551616',
  '123456789012345678901234567890',
  'NaN',
  'Infinity',
  '01',
  '1.',
  "'x'",
  '"\\ud800"',
  '"\\u0000"',
  '"\u0000"',
  '"\\x"',
  'undefined',
  '',
]
const hostileValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  12.5,
  -200,
  65535,
  65536,
  2079167,
  4294967295,
  4294967296,
  1767602403,
  1767602403000,
  253402300800000,
  -62135596800000,
  '',
  '-',
  '--',
  'N/A',
  '-97 dBm',
  '12 MB',
  '1,5',
  '0x1f',
  '1970-01-01T00:00:00Z',
  '2026-01-05T08:40:03+14:00',
  'constructor',
  '=cmd|calc',
  '<script>alert(1)</script>',
  '\u001b[2J\r\nx',
  'x'.repeat(5_000),
  [],
  {},
  [[]],
  [null],
  { v: 1 },
]
/** A copy: later edits change it. */
const hostileValue = (random: Random): unknown => structuredClone(anyOf(random, hostileValues))
const hostileKeys = [
  '__proto__',
  'constructor',
  'toString',
  '',
  'ts',
  'seq',
  'bootId',
  'uptime',
  'TS',
  'value',
  'x.y',
  'x\u0000y',
  'k'.repeat(300),
]
const envelopeKeys = ['ts', 'seq', 'bootId', 'uptime', 'uptimeMs', 'boot_id', 'timestamp'] as const
const rawMark = '\u0001raw'
const twiceMark = '\u0001twice'

/** A JSON text with nodes replaced, dropped, doubled, moved, deepened; other texts come back with text edits. */
export const mutateJson = (random: Random, text: string): string => {
  let root: unknown
  try {
    root = JSON.parse(text)
  } catch {
    return mutateText(random, text)
  }
  if (typeof root !== 'object' || root === null) return mutateText(random, text)
  for (let edits = anyOf(random, [1, 1, 2, 4]); edits > 0; edits--) root = editNode(random, root)
  const written = (JSON.stringify(root) as string | undefined) ?? 'null'
  const whole = written
    .replaceAll(/"\\u0001raw(\d+)"/g, (_all, index: string) => rawValues[Number(index)] ?? '')
    .replaceAll('\\u0001twice', '')
  return random.chance(0.1) ? mutateText(random, whole) : whole
}

const editNode = (random: Random, root: unknown): unknown => {
  const places = placesOf(root)
  const place = anyOf(random, places)
  const { holder, key } = place
  if (holder === null) return rootEdit(random, root)
  const own = holder as Record<string, unknown>
  switch (random.between(0, 8)) {
    case 0:
      own[key] = hostileValue(random)
      break
    case 1:
      own[key] = `${rawMark}${random.between(0, rawValues.length - 1)}`
      break
    case 2:
      if (Array.isArray(holder)) holder.splice(Number(key), 1)
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- An edit of a tree that nobody else holds.
      else delete own[key]
      break
    case 3:
      if (Array.isArray(holder)) holder.push(...Array.from({ length: random.between(1, 50) }, () => own[key]))
      else own[`${key}${twiceMark}`] = random.chance(0.5) ? own[key] : hostileValue(random)
      break
    case 4:
      own[key] = anyOf(random, places).value
      return copyOf(root)
    case 5:
      if (!Array.isArray(holder))
        Object.defineProperty(own, anyOf(random, hostileKeys), { value: own[key], enumerable: true, configurable: true, writable: true })
      break
    case 6:
      own[key] = nested(random, own[key])
      break
    case 7:
      own[anyOf(random, envelopeKeys)] = hostileValue(random)
      break
    default:
      own[key] = nearBy(random, own[key])
  }
  return root
}

const rootEdit = (random: Random, root: unknown): unknown => {
  if (Array.isArray(root)) return random.chance(0.5) ? [...(root as unknown[]), ...(root as unknown[])] : ((root as unknown[])[0] ?? root)
  return random.chance(0.5) ? [root] : Array.from({ length: random.between(2, 30) }, () => copyOf(root))
}

const nested = (random: Random, value: unknown): unknown => {
  let current = value
  for (let depth = anyOf(random, [1, 2, 31, 32, 33, 60]); depth > 0; depth--) current = random.chance(0.5) ? [current] : { a: current }
  return current
}

/** The same kind of value, a little or an order off. */
const nearBy = (random: Random, value: unknown): unknown => {
  if (typeof value === 'number')
    return anyOf(random, [value + 1, value - 1, -value, value * 10, value / 10, value + 0.5, String(value), `${value} `])
  if (typeof value === 'string') return mutateText(random, value)
  return hostileValue(random)
}

type Node = { holder: object | null; key: string; value: unknown }
const nodesMax = 2_000

const placesOf = (root: unknown): Node[] => {
  const places: Node[] = [{ holder: null, key: '', value: root }]
  for (let at = 0; at < places.length && places.length < nodesMax; at++) {
    const value = places[at]?.value
    if (typeof value !== 'object' || value === null) continue
    for (const [key, child] of Object.entries(value)) places.push({ holder: value, key, value: child })
  }
  return places
}

/** Through JSON: what was moved below itself must not become a loop, so a tree too deep or too large is given back flat. */
const copyOf = (value: unknown): unknown => {
  try {
    const text = JSON.stringify(value)
    return text.length > 60_000 ? {} : (JSON.parse(text) as unknown)
  } catch {
    return {} // A node came below itself.
  }
}
