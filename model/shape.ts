/**
 * Shapes of files that people write: one declaration reads a value (every mistake told with its path, what was expected and
 * what came) and gives the JSON schema that editors use. Used by `rule-form.ts`.
 */

export type Path = readonly (string | number)[]
export type Tell = (path: Path, reason: string) => void
/** In place of a value; what was wrong has been told. */
export const mistake = Symbol('mistake')
export type Mistake = typeof mistake
export type Shape<T> = {
  read: (value: unknown, at: Path, tell: Tell) => T | Mistake
  schema: Readonly<Record<string, unknown>>
}
export type Field<T> = { shape: Shape<T>; required: boolean; otherwise: T | undefined; note: string }

export const textCharsMax = 2_000
export const listItemsMax = 200

/** `max` in characters. */
export const text = (max = textCharsMax, pattern?: RegExp, expected = `a text of 1 to ${max} characters`): Shape<string> => ({
  read: (value, at, tell) => {
    if (typeof value === 'string' && value !== '' && value.length <= max && (pattern === undefined || pattern.test(value))) return value
    // YAML reads 925 as a number, and no as false.
    const quote = typeof value === 'number' || typeof value === 'boolean' ? ' (write it in quotes)' : ''
    return refuse(at, tell, expected, value, quote)
  },
  schema: { type: 'string', minLength: 1, maxLength: max, ...(pattern === undefined ? {} : { pattern: pattern.source }) },
})

export const number = (least: number, greatest: number): Shape<number> => ({
  read: (value, at, tell) =>
    typeof value === 'number' && value >= least && value <= greatest
      ? value
      : refuse(at, tell, `a number from ${least} to ${greatest}`, value),
  schema: { type: 'number', minimum: least, maximum: greatest },
})

export const integer = (least: number, greatest: number): Shape<number> => ({
  read: (value, at, tell) =>
    typeof value === 'number' && Number.isInteger(value) && value >= least && value <= greatest
      ? value
      : refuse(at, tell, `an integer from ${least} to ${greatest}`, value),
  schema: { type: 'integer', minimum: least, maximum: greatest },
})

export const flag: Shape<boolean> = {
  read: (value, at, tell) => (typeof value === 'boolean' ? value : refuse(at, tell, 'true or false', value)),
  schema: { type: 'boolean' },
}

export const oneOf = <const T extends string>(words: readonly T[]): Shape<T> => ({
  read: (value, at, tell) => words.find((word) => word === value) ?? refuse(at, tell, `one of ${words.join(', ')}`, value),
  schema: { enum: words },
})

export const listOf = <T>(item: Shape<T>, least = 1, greatest = listItemsMax): Shape<readonly T[]> => ({
  read: (value, at, tell) => {
    if (!Array.isArray(value) || value.length < least || value.length > greatest)
      return refuse(at, tell, `a list of ${least} to ${greatest}`, value)
    const items = value.map((entry: unknown, index) => item.read(entry, [...at, index], tell))
    return items.includes(mistake) ? mistake : (items as T[])
  },
  schema: { type: 'array', items: item.schema, minItems: least, maxItems: greatest },
})

/** One, or a list of them. */
export const oneOrMore = <T>(item: Shape<T>): Shape<readonly T[]> => {
  const list = listOf(item)
  return {
    read: (value, at, tell) => {
      if (Array.isArray(value)) return list.read(value, at, tell)
      const one = item.read(value, at, tell)
      return one === mistake ? mistake : [one]
    },
    schema: { anyOf: [item.schema, list.schema] },
  }
}

export const mapOf = <T>(item: Shape<T>): Shape<Readonly<Record<string, T>>> => ({
  read: (value, at, tell) => {
    if (!isMapping(value)) return refuse(at, tell, 'a mapping', value)
    const made = Object.entries(value).map(([key, entry]) => [key, item.read(entry, [...at, key], tell)] as const)
    return made.some(([, entry]) => entry === mistake) ? mistake : (Object.fromEntries(made) as Record<string, T>)
  },
  schema: { type: 'object', additionalProperties: item.schema },
})

export const required = <T>(shape: Shape<T>, note: string): Field<T> => ({ shape, required: true, otherwise: undefined, note })
export const optional = <T, const D>(shape: Shape<T>, otherwise: D, note: string): Field<T | D> => ({
  shape,
  required: false,
  otherwise,
  note,
})

export type Read<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never }
type Fields = Readonly<Record<string, Field<unknown>>>

/** A mapping of known keys. `exactlyOne`: of these keys one must stand, and only one. */
export const object = <F extends Fields>(fields: F, exactlyOne: readonly (keyof F & string)[] = []): Shape<Read<F>> => ({
  read: (value, at, tell) => {
    const names = Object.keys(fields)
    if (!isMapping(value)) return refuse(at, tell, `a mapping of ${names.join(', ')}`, value)
    const seen = { mistakes: 0 }
    const say: Tell = (path, reason) => {
      seen.mistakes++
      tell(path, reason)
    }
    for (const key of Object.keys(value)) if (!names.includes(key)) say([...at, key], `expected one of ${names.join(', ')}, got "${key}"`)
    const there = exactlyOne.filter((key) => value[key] !== undefined)
    if (exactlyOne.length > 0 && there.length !== 1)
      say(at, `expected exactly one of ${exactlyOne.join(', ')}, got ${there.length === 0 ? 'none' : there.join(' and ')}`)
    const made: Record<string, unknown> = {}
    for (const [name, field] of Object.entries<Field<unknown>>(fields)) {
      const own = value[name]
      if (own === undefined && field.required) say([...at, name], 'expected it, got nothing')
      made[name] = own === undefined ? field.otherwise : field.shape.read(own, [...at, name], say)
    }
    return seen.mistakes === 0 ? (made as Read<F>) : mistake
  },
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(
      Object.entries<Field<unknown>>(fields).map(([name, { shape, note, otherwise }]) => [
        name,
        {
          ...shape.schema,
          description: note,
          ...(otherwise === undefined || otherwise === null ? {} : { default: otherwise }),
        },
      ]),
    ),
    required: Object.entries<Field<unknown>>(fields).flatMap(([name, field]) => (field.required ? name : [])),
    ...(exactlyOne.length === 0 ? {} : { oneOf: exactlyOne.map((key) => ({ required: [key] })) }),
  },
})

/** The same, made into something else. `make` may tell mistakes too. */
export const made = <A, B>(shape: Shape<A>, make: (value: A, at: Path, tell: Tell) => B | Mistake): Shape<B> => ({
  read: (value, at, tell) => {
    const read = shape.read(value, at, tell)
    return read === mistake ? mistake : make(read, at, tell)
  },
  schema: shape.schema,
})

const isMapping = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

const refuse = (at: Path, tell: Tell, expected: string, value: unknown, hint = ''): Mistake => {
  tell(at, `expected ${expected}, got ${shown(value)}${hint}`)
  return mistake
}

const shown = (value: unknown): string => {
  const told = JSON.stringify(value) as string | undefined
  return told === undefined ? 'nothing' : told.slice(0, 60)
}
