/**
 * Walks Avro bytes by their schema before anything is built from them, and says what is wrong. Never throws, never
 * allocates by an announced size, takes time in proportion to the bytes. The decoder that follows may then trust them.
 *
 * Needed because avsc believes announced counts: six bytes that announce 10^9 items end the process, five stall it for
 * seconds; and it lets NaN, infinities, invalid UTF-8 and cut integers through (delivery: section 6).
 */
import { isUtf8 } from 'node:buffer'

export type AvroSchema = string | readonly AvroSchema[] | AvroComplex
type AvroComplex = {
  readonly type: AvroSchema
  readonly name?: string
  readonly fields?: readonly { readonly name: string; readonly type: AvroSchema }[]
  readonly symbols?: readonly string[]
  readonly items?: AvroSchema
  readonly values?: AvroSchema
  readonly size?: number
}

/** Items that take no bytes (null, empty records) have nothing to be compared with; counted over the whole message. */
export const zeroSizeItemsMax = 1_000
/** Our deepest path has 8 levels; a recursive schema must not overflow the stack. */
export const depthMax = 64
/** Decoded, an item takes far more memory than its byte: bounds what one message can make of the process. */
export const itemsMax = 1_000_000

/** What avsc reads exactly: it refuses 2^53 - 1 and misreads numbers under -2^52. */
export const longMin = -(2 ** 52)
export const longMax = 2 ** 53 - 2

/** Undefined: sound, the value takes all bytes from `start` to the end. Else what was expected and what came. */
export type BytesCheck = (bytes: Uint8Array, start: number) => string | undefined

type Walk = { bytes: Uint8Array; at: number; end: number; depth: number; items: number; zeroSizeItems: number; fault: string }
type Step = (walk: Walk) => boolean
type Compiled = { step: Step; bytesMin: number }

export const createBytesCheck = (schema: AvroSchema): BytesCheck => {
  const { step } = compile(schema, new Map())
  const walk: Walk = { bytes: new Uint8Array(0), at: 0, end: 0, depth: 0, items: 0, zeroSizeItems: 0, fault: '' }
  return (bytes, start) => {
    walk.bytes = bytes
    walk.at = start
    walk.end = bytes.length
    walk.depth = walk.items = walk.zeroSizeItems = 0
    walk.fault = ''
    const sound = step(walk)
    if (!sound) return `${walk.fault} at byte ${walk.at}`
    return walk.at === walk.end ? undefined : `Expected the value to end at byte ${walk.at}, got ${walk.end - walk.at} more`
  }
}

const compile = (schema: AvroSchema, named: Map<string, Compiled>): Compiled => {
  if (typeof schema === 'string') return primitives[schema] ?? found(named, schema)
  if (isUnion(schema)) return union(schema.map((branch) => compile(branch, named)))
  switch (schema.type) {
    case 'record':
      return record(schema, named)
    case 'enum':
      return remember(named, schema.name, { step: index(schema.symbols?.length ?? 0, 'enum symbol'), bytesMin: 1 })
    case 'fixed':
      return remember(named, schema.name, { step: skip(schema.size ?? 0), bytesMin: schema.size ?? 0 })
    case 'array':
      return { step: blocks(compile(schema.items ?? 'null', named), false), bytesMin: 1 }
    case 'map':
      return { step: blocks(compile(schema.values ?? 'null', named), true), bytesMin: 1 }
    default:
      return compile(schema.type, named)
  }
}

const isUnion = (schema: AvroSchema): schema is readonly AvroSchema[] => Array.isArray(schema)

const found = (named: Map<string, Compiled>, name: string): Compiled => {
  const compiled = named.get(name)
  if (!compiled) throw new Error(`Expected a type known to the schema, got ${name}`)
  return compiled
}

const remember = (named: Map<string, Compiled>, name: string | undefined, compiled: Compiled): Compiled => {
  if (name !== undefined) named.set(name, compiled)
  return compiled
}

const fail = (walk: Walk, fault: string): false => {
  walk.fault = fault
  return false
}

const record = (schema: AvroComplex, named: Map<string, Compiled>): Compiled => {
  const fields: Step[] = []
  const compiled: Compiled = {
    bytesMin: 0, // Of a record within itself: a lower bound is all that is needed.
    step: (walk) => {
      if (++walk.depth > depthMax) return fail(walk, `Expected at most ${depthMax} levels`)
      for (const step of fields) if (!step(walk)) return false
      walk.depth--
      return true
    },
  }
  remember(named, schema.name, compiled)
  for (const field of schema.fields ?? []) {
    const { step, bytesMin } = compile(field.type, named)
    fields.push(step)
    compiled.bytesMin += bytesMin
  }
  return compiled
}

const union = (branches: readonly Compiled[]): Compiled => ({
  bytesMin: 1 + Math.min(...branches.map(({ bytesMin }) => bytesMin)),
  step: (walk) => {
    const branch = readLong(walk)
    if (Number.isNaN(branch)) return false
    const compiled = branches[branch]
    return compiled ? compiled.step(walk) : fail(walk, `Expected a union branch under ${branches.length}, got ${branch}`)
  },
})

const index =
  (count: number, what: string): Step =>
  (walk) => {
    const n = readLong(walk)
    return (n >= 0 && n < count) || (!Number.isNaN(n) && fail(walk, `Expected an ${what} under ${count}, got ${n}`))
  }

const skip =
  (bytes: number): Step =>
  (walk) => {
    if (bytes > walk.end - walk.at) return fail(walk, `Expected ${bytes} bytes, got ${walk.end - walk.at}`)
    walk.at += bytes
    return true
  }

const blocks = (item: Compiled, keyed: boolean): Step => {
  const itemBytesMin = item.bytesMin + (keyed ? 1 : 0)
  return (walk) => {
    if (++walk.depth > depthMax) return fail(walk, `Expected at most ${depthMax} levels`)
    for (;;) {
      let count = readLong(walk)
      if (Number.isNaN(count)) return false
      if (count === 0) break
      // A negative count is followed by the block's size (for readers that skip): held to what the block really takes.
      const blockBytes = count < 0 ? readLong(walk) : undefined
      if (Number.isNaN(blockBytes)) return false
      count = Math.abs(count)
      const start = walk.at
      if (!fits(walk, count, itemBytesMin)) return false
      for (let i = 0; i < count; i++) if ((keyed && !mapKey(walk)) || !item.step(walk)) return false
      if (blockBytes !== undefined && blockBytes !== walk.at - start) {
        return fail(walk, `Expected a block of ${blockBytes} bytes, got ${walk.at - start}`)
      }
    }
    walk.depth--
    return true
  }
}

const fits = (walk: Walk, count: number, itemBytesMin: number): boolean => {
  if (itemBytesMin === 0) {
    walk.zeroSizeItems += count
    if (walk.zeroSizeItems > zeroSizeItemsMax) return fail(walk, `Expected at most ${zeroSizeItemsMax} items without bytes`)
  } else if (count > (walk.end - walk.at) / itemBytesMin) {
    return fail(walk, `Expected at most ${walk.end - walk.at} bytes of items, got ${count} items announced`)
  }
  walk.items += count
  return walk.items <= itemsMax || fail(walk, `Expected at most ${itemsMax} items`)
}

/** `__proto__` as a key would be lost in a plain object, and worse with values that are objects. */
const mapKey = (walk: Walk): boolean => {
  const start = walk.at
  if (!text(walk)) return false
  const isProto = walk.at - start === 10 && asText(walk.bytes.subarray(start + 1, walk.at)) === '__proto__'
  return !isProto || fail(walk, 'Expected a map key, got __proto__')
}

const asText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/**
 * Zigzag varint: at most 10 bytes, canonical, and a number that avsc reads exactly: up to 2^53 - 2, down to -2^52 (it makes
 * other numbers of lower ones, without a word). NaN when it is not; the fault is set then. The sign bit is split off first,
 * so that the magnitude is exact.
 */
const readLong = (walk: Walk): number => {
  const { bytes, end } = walk
  if (walk.at >= end) return fault(walk, 'Expected an integer, got the end')
  let byte = bytes[walk.at++] ?? 0
  const negative = (byte & 1) === 1
  let magnitude = (byte & 0x7f) >> 1
  if (byte >= 0x80) {
    let scale = 64
    for (let length = 2; ; length++) {
      if (walk.at >= end) return fault(walk, 'Expected an integer, got the end')
      if (length > 10) return fault(walk, 'Expected an integer of at most 10 bytes')
      byte = bytes[walk.at++] ?? 0
      magnitude += (byte & 0x7f) * scale
      scale *= 128
      if (byte < 0x80) break
    }
    if (byte === 0) return fault(walk, 'Expected an integer in its shortest form')
  }
  const n = negative ? -magnitude - 1 : magnitude
  return n <= longMax && n >= longMin ? n : fault(walk, 'Expected an integer from -2^52 to 2^53 - 2')
}

const fault = (walk: Walk, message: string): number => {
  walk.fault = message
  return Number.NaN
}

const length = (walk: Walk): number => {
  const bytes = readLong(walk)
  if (bytes >= 0 && bytes <= walk.end - walk.at) return bytes
  return Number.isNaN(bytes) ? bytes : fault(walk, `Expected a length up to ${walk.end - walk.at}, got ${bytes}`)
}

/** Short texts are mostly ASCII: a loop costs less than the call. */
const asciiLoopBytesMax = 48

const text: Step = (walk) => {
  const count = length(walk)
  if (Number.isNaN(count)) return false
  const { bytes, at } = walk
  const end = at + count
  walk.at = end
  if (count <= asciiLoopBytesMax) {
    let seen = 0
    for (let i = at; i < end; i++) seen |= bytes[i] ?? 0
    if (seen < 0x80) return true
  }
  return isUtf8(bytes.subarray(at, end)) || fail(walk, 'Expected UTF-8')
}

const raw: Step = (walk) => {
  const count = length(walk)
  if (Number.isNaN(count)) return false
  walk.at += count
  return true
}

const int: Step = (walk) => {
  const n = readLong(walk)
  if (Number.isNaN(n)) return false
  return (n >= -0x80000000 && n <= 0x7fffffff) || fail(walk, `Expected a 32-bit integer, got ${n}`)
}

const boolean: Step = (walk) => {
  if (walk.at >= walk.end) return fail(walk, 'Expected a boolean, got the end')
  const byte = walk.bytes[walk.at++] ?? 0
  return byte <= 1 || fail(walk, `Expected a boolean byte 0 or 1, got ${byte}`)
}

/** All exponent bits set: infinity or NaN (IEEE 754). */
const double: Step = (walk) => {
  if (walk.end - walk.at < 8) return fail(walk, `Expected 8 bytes, got ${walk.end - walk.at}`)
  walk.at += 8
  const { bytes, at } = walk
  const finite = ((bytes[at - 1] ?? 0) & 0x7f) !== 0x7f || ((bytes[at - 2] ?? 0) & 0xf0) !== 0xf0
  return finite || fail(walk, 'Expected a finite number')
}

const float: Step = (walk) => {
  if (walk.end - walk.at < 4) return fail(walk, `Expected 4 bytes, got ${walk.end - walk.at}`)
  walk.at += 4
  const { bytes, at } = walk
  const finite = ((bytes[at - 1] ?? 0) & 0x7f) !== 0x7f || ((bytes[at - 2] ?? 0) & 0x80) !== 0x80
  return finite || fail(walk, 'Expected a finite number')
}

const primitives: Readonly<Record<string, Compiled>> = {
  null: { step: () => true, bytesMin: 0 },
  boolean: { step: boolean, bytesMin: 1 },
  int: { step: int, bytesMin: 1 },
  long: { step: (walk) => !Number.isNaN(readLong(walk)), bytesMin: 1 },
  float: { step: float, bytesMin: 4 },
  double: { step: double, bytesMin: 8 },
  bytes: { step: raw, bytesMin: 1 },
  string: { step: text, bytesMin: 1 },
}
