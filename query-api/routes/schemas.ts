/** Schema pieces that several routes share; they are the API's documentation as well as its validation. */
import { Type, type TSchema } from 'typebox'

/** Longest page of a list; longer ones are for SQL. */
export const limitMax = 1000

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** One of these words; refused with the list of them. */
export const choice = <const V extends readonly string[]>(values: V, options: { default?: V[number]; description?: string } = {}) =>
  Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options })

export const Time = Type.String({
  format: 'date-time',
  description: 'RFC 3339, UTC, milliseconds.',
  examples: ['2025-03-01T03:10:00.000Z'],
})
export const TimeOrNull = nullable(Time)
export const NumberOrNull = nullable(Type.Number())
export const TextOrNull = nullable(Type.String())

export const CompleteThrough = nullable(
  Type.String({
    format: 'date-time',
    description:
      'Everything that arrived up to here is in this answer; later arrivals may be missing. Null: not known yet, just after a start.',
  }),
)

export const completeness = {
  completeThrough: CompleteThrough,
  devicesReported: Type.Integer({ description: 'Devices heard within three of their expected intervals, at least 15 minutes.' }),
  devicesExpected: Type.Integer({ description: 'Devices that are not retired.' }),
}

const time = (description: string) =>
  Type.Optional(Type.String({ maxLength: 60, description: `${description} RFC 3339 with a zone.`, examples: ['2025-03-01T03:10:00Z'] }))

export const rangeQuery = {
  from: time('First moment, included.'),
  to: time('End, excluded; default now.'),
}

export const stepQuery = {
  step: Type.Optional(Type.String({ maxLength: 20, description: 'Like 30s, 15m, 6h, 1d; default some 300 points.', examples: ['15m'] })),
  tz: Type.String({ default: 'UTC', maxLength: 64, description: 'IANA time zone in which hours and days are cut.' }),
}

/** For answers with sentences. */
export const wordsQuery = {
  tz: Type.String({ default: 'UTC', maxLength: 64, description: 'IANA time zone of the times in sentences.' }),
}

export const atQuery = { at: time('The moment asked about; default now.') }

export const diffQuery = {
  from: Type.String({ maxLength: 60, description: 'The earlier moment. RFC 3339 with a zone.', examples: ['2025-03-01T03:00:00Z'] }),
  to: time('The later moment; default now.'),
}

export const knownAtQuery = {
  knownAt: time('Only what had arrived by then, so as a reader saw it at that time; default all that is known now.'),
}

export const pagingQuery = {
  limit: Type.Integer({ minimum: 1, maximum: limitMax, default: 100 }),
  cursor: Type.Optional(Type.String({ maxLength: 2000, description: 'The nextCursor of the answer before.' })),
}

export const orderQuery = {
  order: choice(['asc', 'desc'], { default: 'desc', description: 'By time: asc is oldest first.' }),
}

/** Unknown query parameters are refused: a misspelt filter would otherwise answer with too much. */
export const query = <T extends Record<string, TSchema>>(properties: T) => Type.Object(properties, { additionalProperties: false })

export const DeviceParams = Type.Object({
  mac: Type.String({ maxLength: 60, description: 'MAC address of the device in any common writing.', examples: ['00-11-22-33-44-55'] }),
})

export const PlaceParams = Type.Object({
  place: Type.String({
    maxLength: 1024,
    description: 'Place id, its slashes written %2F.',
    examples: ['world%2Fasia%2Ftaiwan%2Ftaipei%2Fneihu'],
  }),
})

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; listed in docs/reference/api-problems.md.' }),
    detail: Type.String({ description: 'What was expected and what came.' }),
  },
  { description: 'RFC 9457 problem, sent as application/problem+json.', additionalProperties: true },
)

/** Every answer other than the one described is a problem. */
export const answers = <T extends TSchema>(ok: T) => ({ 200: ok, default: ProblemSchema })

export const list = <T extends TSchema, M extends Record<string, TSchema>>(item: T, more: M) =>
  Type.Object({ items: Type.Array(item), nextCursor: TextOrNull, ...more })
