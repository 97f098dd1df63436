/** /devices/{mac}/presence, /boots and /logs: histories, paged by time. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, type TSchema, Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { parseKnownAt, parseRange, toTime } from '../domain/time.ts'
import { logCursor, logLines } from '../queries/logs.ts'
import { bootHistory, historyCursor, type HistoryQuery, presenceHistory } from '../queries/presence.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext, textOrNull } from './context.ts'
import { Boot, toBoot } from './devices.ts'
import {
  answers,
  CompleteThrough,
  DeviceParams,
  knownAtQuery,
  list,
  nullable,
  orderQuery,
  pagingQuery,
  query,
  rangeQuery,
  TextOrNull,
  Time,
} from './schemas.ts'

type HistoryRow = { observed_at_ms: number; partition: number; offset: number }

const hourMs = 3_600_000
const monthMs = 31 * 24 * hourMs

export const severities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'] as const

const Presence = Type.Object({
  state: Type.String(),
  observedAt: Time,
  receivedAt: Time,
  reason: TextOrNull,
  sessionId: TextOrNull,
  cause: TextOrNull,
})

const LogLine = Type.Object({
  observedAt: Time,
  receivedAt: Time,
  writtenAt: Type.String({ description: 'The stamp exactly as written; empty when none.' }),
  source: Type.String(),
  severity: nullable(Type.Integer({ minimum: 0, maximum: 7, description: 'RFC 5424: 0 emergency to 7 debug.' })),
  severityName: TextOrNull,
  facility: TextOrNull,
  program: TextOrNull,
  message: Type.String({ description: 'As the device wrote it: escape it before showing.' }),
  class: Type.String(),
  fingerprint: Type.String({ description: 'Equal for lines that differ only in numbers and names.' }),
  cut: Type.Boolean(),
})

export const historyRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  const complete = { completeThrough: CompleteThrough }

  /** A list of rows by time, paged. */
  const history = <R extends HistoryRow, T extends TSchema>(
    path: string,
    { summary, item, rows, toItem }: { summary: string; item: T; rows: (of: HistoryQuery) => Promise<R[]>; toItem: (row: R) => Static<T> },
  ) =>
    app.get(
      path,
      {
        schema: {
          tags: ['devices'],
          summary: `${summary}; default the last 31 days`,
          params: DeviceParams,
          querystring: query({ ...rangeQuery, ...knownAtQuery, ...orderQuery, ...pagingQuery }),
          response: answers(list(item, complete)),
        },
      },
      async (request) => {
        const { limit, cursor, order, knownAt, ...range } = request.query
        const subject = await knownDevice(context, request.params.mac)
        const found = await rows({
          ...parseRange(range, deps.clock.nowMs(), monthMs),
          subject,
          knownMs: parseKnownAt(knownAt),
          descending: order === 'desc',
          limit,
          after: cursorOf(cursor, historyCursor),
        })
        const page = pageOf(found, limit, (last) => [last.observed_at_ms, last.partition, last.offset])
        // `toItem` is held to the schema; the framework cannot tell that of a generic one.
        return { items: page.rows.map(toItem), nextCursor: page.nextCursor, completeThrough: completeThrough(context) } as never
      },
    )

  history('/devices/:mac/presence', {
    summary: 'Presence changes',
    item: Presence,
    rows: (of) => presenceHistory(scope, of),
    toItem: (row) => ({
      state: row.state,
      observedAt: toTime(row.observed_at_ms),
      receivedAt: toTime(row.received_at_ms),
      reason: row.reason,
      sessionId: row.session_id,
      cause: textOrNull(row.cause),
    }),
  })
  history('/devices/:mac/boots', {
    summary: 'Boots with their reasons, each once',
    item: Boot,
    rows: (of) => bootHistory(scope, of),
    toItem: (row) => toBoot(row),
  })

  app.get(
    '/devices/:mac/logs',
    {
      schema: {
        tags: ['devices'],
        summary: 'Log lines by text, severity and program; default the last 24 hours',
        params: DeviceParams,
        querystring: query({
          ...rangeQuery,
          text: Type.String({ default: '', maxLength: 500, description: 'Part of the message, in either case.' }),
          severity: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 7,
              description: 'This severe or worse (0 emergency to 7 debug); lines of unknown severity are left out.',
            }),
          ),
          program: Type.Optional(Type.String({ maxLength: 200 })),
          source: Type.Optional(Type.String({ maxLength: 60, description: 'syslog, dmesg, ...' })),
          ...knownAtQuery,
          ...orderQuery,
          ...pagingQuery,
        }),
        response: answers(list(LogLine, complete)),
      },
    },
    async (request) => {
      const { limit, cursor, order, text, severity, program, source, knownAt, ...range } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const rows = await logLines(scope, {
        ...parseRange(range, deps.clock.nowMs(), 24 * hourMs),
        subject,
        knownMs: parseKnownAt(knownAt),
        text,
        severityMax: severity ?? null,
        program: program ?? null,
        source: source ?? null,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, logCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.partition, last.offset, last.line])
      return {
        items: page.rows.map((row) => ({
          observedAt: toTime(row.observed_at_ms),
          receivedAt: toTime(row.received_at_ms),
          writtenAt: row.written_at,
          source: row.source,
          severity: row.severity,
          severityName: row.severity === null ? null : (severities[row.severity] ?? null),
          facility: row.facility,
          program: row.program,
          message: row.message,
          class: row.class,
          fingerprint: row.fingerprint,
          cut: row.cut === 1,
        })),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )
}
