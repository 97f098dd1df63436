/** /devices/{mac}/presence, /boots and /logs: histories, paged by time. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { parseRange, toTime } from '../domain/time.ts'
import { logCursor, logLines } from '../queries/logs.ts'
import { bootHistory, historyCursor, presenceHistory } from '../queries/presence.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import { Boot, toBoot } from './devices.ts'
import {
  answers,
  CompleteThrough,
  DeviceParams,
  list,
  nullable,
  orderQuery,
  pagingQuery,
  query,
  rangeQuery,
  TextOrNull,
  Time,
} from './schemas.ts'

const hourMs = 3_600_000
const monthMs = 31 * 24 * hourMs

export const severities = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug'] as const

const Presence = Type.Object({ state: Type.String(), observedAt: Time, receivedAt: Time, reason: TextOrNull, sessionId: TextOrNull })

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

  app.get(
    '/devices/:mac/presence',
    {
      schema: {
        tags: ['devices'],
        summary: 'Presence changes; default the last 31 days',
        params: DeviceParams,
        querystring: query({ ...rangeQuery, ...orderQuery, ...pagingQuery }),
        response: answers(list(Presence, complete)),
      },
    },
    async (request) => {
      const { limit, cursor, order, ...range } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const rows = await presenceHistory(scope, {
        ...parseRange(range, deps.clock.nowMs(), monthMs),
        subject,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, historyCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.partition, last.offset])
      return {
        items: page.rows.map((row) => ({
          state: row.state,
          observedAt: toTime(row.observed_at_ms),
          receivedAt: toTime(row.received_at_ms),
          reason: row.reason,
          sessionId: row.session_id,
        })),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/devices/:mac/boots',
    {
      schema: {
        tags: ['devices'],
        summary: 'Boots with their reasons; default the last 31 days',
        params: DeviceParams,
        querystring: query({ ...rangeQuery, ...orderQuery, ...pagingQuery }),
        response: answers(list(Boot, complete)),
      },
    },
    async (request) => {
      const { limit, cursor, order, ...range } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const rows = await bootHistory(scope, {
        ...parseRange(range, deps.clock.nowMs(), monthMs),
        subject,
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, historyCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.partition, last.offset])
      return { items: page.rows.map(toBoot), nextCursor: page.nextCursor, completeThrough: completeThrough(context) }
    },
  )

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
          ...orderQuery,
          ...pagingQuery,
        }),
        response: answers(list(LogLine, complete)),
      },
    },
    async (request) => {
      const { limit, cursor, order, text, severity, program, source, ...range } = request.query
      const subject = await knownDevice(context, request.params.mac)
      const rows = await logLines(scope, {
        ...parseRange(range, deps.clock.nowMs(), 24 * hourMs),
        subject,
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
