/** /devices/{mac}/export: all that is held of a device in a range, streamed as NDJSON, or one table of it as Parquet. */
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../domain/problems.ts'
import { parseRange } from '../domain/time.ts'
import { knownDevice, type RouteContext } from './context.ts'
import { choice, DeviceParams, ProblemSchema, query } from './schemas.ts'

/** Each holds a connection to the warehouse, and a Parquet file room on its disk, for as long as its reader takes. */
export const exportsMax = 2
/** Of one Parquet file: some hundred MB on the warehouse's disk until it is sent. */
export const parquetRowsMax = 20_000_000

const time = (description: string) =>
  Type.String({ maxLength: 60, description: `${description} RFC 3339 with a zone.`, examples: ['2025-03-01T03:10:00Z'] })

export const exportRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps } = context
  const { exporter } = deps
  const running = new Set<{ stream: Readable | null }>()
  // A reader that stands still must not hold up the recorder's stop.
  app.addHook('preClose', (done) => {
    for (const { stream } of running) stream?.destroy()
    done()
  })

  app.get(
    '/devices/:mac/export',
    {
      schema: {
        tags: ['devices'],
        summary: 'A device’s rows of a range as a file: NDJSON of all tables or one, Parquet of one',
        description:
          'By the device’s time (dead letters: arrival, ledger: hour). In NDJSON each line names its `table`; times are RFC 3339. In Parquet times are timestamps. Identifiers are masked, sealed bytes stay out, `frame_base64` is the message’s Avro frame. An answer that is cut ends without its last chunk, so that a client sees it.',
        params: DeviceParams,
        querystring: query({
          from: time('First moment, included.'),
          to: time('End, excluded.'),
          format: choice(['ndjson', 'parquet'], { default: 'ndjson' }),
          table: Type.Optional(Type.String({ maxLength: 60, description: 'Parquet wants one; default all.', examples: ['measurements'] })),
        }),
        response: {
          200: {
            description: 'The file.',
            content: { 'application/x-ndjson': { schema: Type.String() }, 'application/vnd.apache.parquet': { schema: Type.String() } },
          },
          default: ProblemSchema,
        },
      },
    },
    async (request, reply) => {
      const { from, to, format, table } = request.query
      const range = { subject: await knownDevice(context, request.params.mac), ...parseRange({ from, to }, deps.clock.nowMs(), 0) }
      if (table !== undefined && !exporter.tables.includes(table))
        throw new ProblemError('REQUEST_INVALID', `Expected table as one of ${exporter.tables.join(', ')}, got ${JSON.stringify(table)}.`, {
          parameter: 'table',
        })
      if (running.size >= exportsMax) throw new ProblemError('EXPORTS_BUSY', `${exportsMax} exports run; ask again when one has ended.`)
      const place: { stream: Readable | null } = { stream: null }
      running.add(place)
      const rows =
        format === 'ndjson'
          ? exporter.ndjson(range, table ?? null)
          : await parquet(range, table).catch((error: unknown) => {
              running.delete(place)
              throw error
            })
      const stream = Readable.from(rows, { objectMode: false })
      place.stream = stream
      stream.once('close', () => {
        running.delete(place)
        // Cut before its end: the connection goes, so that nobody takes what came for the whole.
        if (!stream.readableEnded) request.raw.socket.destroy()
      })
      reply.header('content-type', format === 'ndjson' ? 'application/x-ndjson; charset=utf-8' : 'application/vnd.apache.parquet')
      reply.header('content-disposition', `attachment; filename="${range.subject}${table === undefined ? '' : `-${table}`}.${format}"`)
      return reply.send(stream as unknown as string) // As a stream, chunk by chunk.
    },
  )

  const parquet = async (
    range: { subject: string; fromMs: number; toMs: number },
    table: string | undefined,
  ): Promise<AsyncIterable<Uint8Array>> => {
    if (table === undefined)
      throw new ProblemError('REQUEST_INVALID', `Expected table for a Parquet file, which holds one: ${exporter.tables.join(', ')}.`, {
        parameter: 'table',
      })
    const rows = await exporter.count(range, table)
    if (rows > parquetRowsMax)
      throw new ProblemError(
        'EXPORT_TOO_LARGE',
        `Expected at most ${parquetRowsMax} rows in a Parquet file, got ${rows}; ask for a shorter range, or for NDJSON.`,
      )
    return exporter.parquet(range, table)
  }
}
