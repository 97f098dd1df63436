/**
 * Columns of one Native block under construction. Each gathers values in the form of the wire, so that rows can be let go of
 * at once and a block may grow over many calls; `end` writes the whole and begins anew. Made for `native-block.ts`.
 *
 * Numbers are written through typed arrays in the machine's byte order, which is little-endian wherever we run.
 */
import { ByteBuffer } from './byte-buffer.ts'
import type { ColumnType } from './column-type.ts'
import { fixedWriter, UnfitValue } from './value-writers.ts'

export type BlockColumn = {
  /** Takes the first `count` values. Throws `UnfitValue` with the index; the block is then cleared. */
  add: (values: readonly unknown[], count: number) => void
  /** Stands before the data of all columns of one type tree. */
  prefix: (out: ByteBuffer) => void
  /** Writes what was gathered. */
  data: (out: ByteBuffer) => void
  clear: () => void
  bytes: () => number
}

const bytesAtFirst = 4_096

export const columnOf = (type: ColumnType): BlockColumn => {
  switch (type.kind) {
    case 'nullable':
      return nullable(columnOf(type.of), zeroOf(type.of))
    case 'low-cardinality':
      return words(type.of)
    case 'array':
      return array(columnOf(type.of))
    case 'tuple':
      return tuple(type.fields.map((field) => ({ name: field.name, column: columnOf(field.type) })))
    case 'enum':
      return enumeration(type.valueOf)
    case 'map':
      throw new Error('Map columns are not written by us')
    case 'plain':
      return type.name === 'String' ? texts() : fixed(type.name, type.parameters)
  }
}

const nothing = (): void => undefined

/** What gathers its data in one buffer, as it goes out. */
const gathered = (data: ByteBuffer, add: BlockColumn['add']): BlockColumn => ({
  add,
  prefix: nothing,
  data: (out) => out.append(data),
  clear: () => data.reset(),
  bytes: () => data.at,
})

const fixed = (name: string, parameters: readonly string[]): BlockColumn => {
  const { width, write, expected } = fixedWriter(name, parameters)
  const data = new ByteBuffer(bytesAtFirst)
  return gathered(data, (values, count) => {
    const buffer = data.room(count * width)
    const unfit = write(values, count, buffer.buffer, buffer.byteOffset + data.at)
    if (unfit >= 0) throw new UnfitValue(expected, values[unfit], unfit)
    data.at += count * width
  })
}

const texts = (): BlockColumn => {
  const data = new ByteBuffer(bytesAtFirst)
  return gathered(data, (values, count) => {
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value === 'string') data.writeText(value)
      else if (value instanceof Uint8Array) data.writeBytes(value)
      else throw new UnfitValue('a text or bytes', value, index)
    }
  })
}

const enumeration = (valueOf: ReadonlyMap<string, number>): BlockColumn => {
  const data = new ByteBuffer(bytesAtFirst)
  return gathered(data, (values, count) => {
    const buffer = data.room(count)
    let last: unknown
    let lastNumber: number | undefined
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (value !== last) {
        last = value
        lastNumber = typeof value === 'string' ? valueOf.get(value) : undefined
      }
      if (lastNumber === undefined) throw new UnfitValue([...valueOf.keys()].join(' | '), value, index)
      buffer[data.at + index] = lastNumber
    }
    data.at += count
  })
}

/** A byte per row says whether it is null; then all values, a zero where null. */
const nullable = (inner: BlockColumn, zero: unknown): BlockColumn => {
  const marks = new ByteBuffer(bytesAtFirst)
  return {
    add: (values, count) => {
      const buffer = marks.room(count)
      const filled: unknown[] = new Array<unknown>(count)
      for (let index = 0; index < count; index++) {
        const value = values[index]
        const isNull = value === null || value === undefined
        buffer[marks.at + index] = isNull ? 1 : 0
        filled[index] = isNull ? zero : value
      }
      marks.at += count
      inner.add(filled, count)
    },
    prefix: inner.prefix,
    data: (out) => {
      out.append(marks)
      inner.data(out)
    },
    clear: () => {
      marks.reset()
      inner.clear()
    },
    bytes: () => marks.at + inner.bytes(),
  }
}

const zeroOf = (type: ColumnType): unknown => {
  if (type.kind === 'enum') return [...type.valueOf.keys()][0]
  return type.kind === 'plain' && type.name === 'String' ? '' : 0
}

/** Ends of the rows' items as UInt64, then all items as one column. */
const array = (inner: BlockColumn): BlockColumn => {
  const ends = new ByteBuffer(bytesAtFirst)
  let end = 0
  return {
    add: (values, count) => {
      const items: unknown[] = []
      for (let index = 0; index < count; index++) {
        const value = values[index]
        if (!Array.isArray(value)) throw new UnfitValue('an array', value, index)
        for (const item of value as unknown[]) items.push(item)
        ends.writeInt64(end + items.length)
      }
      end += items.length
      inner.add(items, items.length)
    },
    prefix: inner.prefix,
    data: (out) => {
      out.append(ends)
      inner.data(out)
    },
    clear: () => {
      ends.reset()
      end = 0
      inner.clear()
    },
    bytes: () => ends.at + inner.bytes(),
  }
}

/** A column per field; fields by name from an object, by position from an array. */
const tuple = (fields: readonly { name: string | null; column: BlockColumn }[]): BlockColumn => ({
  add: (values, count) => {
    for (let index = 0; index < count; index++) {
      const value = values[index]
      if (typeof value !== 'object' || value === null) throw new UnfitValue('an object or array', value, index)
    }
    const own: unknown[] = new Array<unknown>(count)
    for (const [position, { name, column }] of fields.entries()) {
      for (let index = 0; index < count; index++) {
        const value = values[index] as Record<string, unknown>
        own[index] = value[Array.isArray(value) || name === null ? String(position) : name]
      }
      column.add(own, count)
    }
  },
  prefix: (out) => {
    for (const { column } of fields) column.prefix(out)
  },
  data: (out) => {
    for (const { column } of fields) column.data(out)
  },
  clear: () => {
    for (const { column } of fields) column.clear()
  },
  bytes: () => fields.reduce((sum, { column }) => sum + column.bytes(), 0),
})

const keysVersion = 1
/** The dictionary comes with the block (bit 9) and replaces any before (bit 10). */
const ownDictionary = (1 << 9) | (1 << 10)

/** Distinct words, then a number per row. Of a nullable column, word 0 stands for null. */
const words = (of: ColumnType): BlockColumn => {
  const isNullable = of.kind === 'nullable'
  const word = isNullable ? of.of : of
  if (word.kind !== 'plain' || word.name !== 'String') throw new Error('LowCardinality columns hold texts')
  const numberOf = new Map<string, number>()
  const numbers = new ByteBuffer(bytesAtFirst)
  const dictionary = new ByteBuffer(bytesAtFirst)
  let held = 0
  const take = (text: string): number => {
    dictionary.writeText(text)
    return held++
  }
  const numberOfWord = (value: unknown, index: number): number => {
    if (isNullable && (value === null || value === undefined)) return 0
    if (typeof value !== 'string') throw new UnfitValue('a text', value, index)
    let number = numberOf.get(value)
    if (number === undefined) {
      number = take(value)
      numberOf.set(value, number)
    }
    return number
  }
  return {
    add: (values, count) => {
      if (held === 0 && isNullable && count > 0) take('')
      const buffer = numbers.room(count * 4)
      const own = new Uint32Array(buffer.buffer, buffer.byteOffset + numbers.at, count)
      let last: unknown
      let lastNumber = 0
      for (let index = 0; index < count; index++) {
        const value = values[index]
        if (value !== last || index === 0) {
          last = value
          lastNumber = numberOfWord(value, index)
        }
        own[index] = lastNumber
      }
      numbers.at += count * 4
    },
    prefix: (out) => out.writeInt64(keysVersion),
    data: (out) => {
      if (numbers.at === 0) return
      const [width, code] = held <= 0xff ? [1, 0] : held <= 0xffff ? [2, 1] : [4, 2]
      out.writeInt64(ownDictionary | code)
      out.writeInt64(held)
      out.append(dictionary)
      out.writeInt64(numbers.at / 4)
      out.appendNarrowed(numbers, width)
    },
    clear: () => {
      numberOf.clear()
      numbers.reset()
      dictionary.reset()
      held = 0
    },
    bytes: () => numbers.at + dictionary.at,
  }
}
