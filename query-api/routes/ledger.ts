/** /ledger and /fleet: is the record complete, and how the fleet stands. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { ledgerSums, ledgerVerdict } from '../domain/ledger-words.ts'
import { parseRange, toTime } from '../domain/time.ts'
import { namesOf } from '../queries/devices.ts'
import { deadLettersWithoutSubject, fleetCounts, ledgerBySubject, ledgerTotals, messagesPerMinute } from '../queries/ledger.ts'
import { completeThrough, completenessOf, cursorOf, type RouteContext, textOrNull } from './context.ts'
import { answers, completeness, list, pagingQuery, query, rangeQuery, TextOrNull, Time } from './schemas.ts'

const sums = {
  received: Type.Integer(),
  stored: Type.Integer(),
  duplicate: Type.Integer({ description: 'Recognised as delivered before, and not stored again.' }),
  quarantined: Type.Integer({ description: 'Became dead letters.' }),
  ambiguous: Type.Integer({ description: 'Part of stored: may be a repetition, which could not be decided.' }),
  withSeq: Type.Integer({ description: 'Messages that carried a sequence number.' }),
  seqExpected: Type.Integer(),
  reconciled: Type.Boolean({ description: 'received = stored + duplicate + quarantined.' }),
  difference: Type.Integer({ description: 'received - (stored + duplicate + quarantined).' }),
  missing: Type.Union([Type.Integer(), Type.Literal('unknown')], {
    description: 'Gaps in the sequence; "unknown" when the device does not count.',
  }),
}

export const LedgerEntry = Type.Object({ subject: Type.String(), ...sums })

const NamedLedgerEntry = Type.Object({ subject: Type.String(), name: TextOrNull, site: TextOrNull, ...sums })

const LedgerTotals = Type.Object({
  ...sums,
  subjects: Type.Integer(),
  subjectsUnreconciled: Type.Integer(),
  subjectsProvable: Type.Integer({ description: 'Subjects that number their messages, so that a loss shows as a gap.' }),
  provableShare: Type.Union([Type.Number(), Type.Null()], { description: '0 to 1; null when nothing was received.' }),
  deadLettersWithoutSubject: Type.Integer({ description: 'Dead letters that named no subject; they stand beside these sums.' }),
})

const dayMs = 86_400_000

export const ledgerRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context

  app.get(
    '/ledger',
    {
      schema: {
        tags: ['ledger'],
        summary: 'What was received and what became of it, in total and per subject; default everything kept',
        description: 'Counted by hour of arrival: a range that begins within an hour includes the whole hour.',
        querystring: query({ ...rangeQuery, ...pagingQuery }),
        response: answers(list(NamedLedgerEntry, { total: LedgerTotals, from: Time, to: Time, ...completeness })),
      },
    },
    async (request) => {
      const { limit, cursor, ...asked } = request.query
      const range = parseRange(asked, deps.clock.nowMs(), 400 * dayMs)
      const [rows, totals, withoutSubject, complete] = await Promise.all([
        ledgerBySubject(scope, { ...range, limit, after: cursorOf(cursor, ['string']), subject: null }),
        ledgerTotals(scope, range),
        deadLettersWithoutSubject(scope, range),
        completenessOf(context),
      ])
      const page = pageOf(rows, limit, (last) => [last.subject])
      const names = await namesOf(
        scope,
        page.rows.map((row) => row.subject),
      )
      const verdict = ledgerVerdict(ledgerSums(totals ?? nothing))
      const subjects = totals?.subjects ?? 0
      return {
        items: page.rows.map((row) => {
          const named = names.get(row.subject)
          return {
            subject: row.subject,
            name: textOrNull(named?.name ?? ''),
            site: textOrNull(named === undefined || named.site_name === '' ? (named?.site ?? '') : named.site_name),
            ...ledgerVerdict(ledgerSums(row)),
          }
        }),
        nextCursor: page.nextCursor,
        total: {
          ...verdict,
          // Two wrongs that cancel out are still wrong.
          reconciled: verdict.reconciled && (totals?.subjects_unbalanced ?? 0) === 0,
          subjects,
          subjectsUnreconciled: totals?.subjects_unbalanced ?? 0,
          subjectsProvable: totals?.subjects_provable ?? 0,
          provableShare: subjects === 0 ? null : (totals?.subjects_provable ?? 0) / subjects,
          deadLettersWithoutSubject: withoutSubject,
        },
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        ...complete,
      }
    },
  )

  app.get(
    '/fleet',
    {
      schema: {
        tags: ['devices'],
        summary: 'The fleet at a glance: counts by presence, messages per minute',
        querystring: query({}),
        response: answers(
          Type.Object({
            registered: Type.Integer(),
            unregistered: Type.Integer(),
            retired: Type.Integer(),
            presence: Type.Object({ online: Type.Integer(), offline: Type.Integer(), unknown: Type.Integer() }),
            messagesPerMinute: Type.Array(Type.Object({ at: Time, messages: Type.Integer() }), {
              description: 'By arrival, the last hour; minutes without any are absent, the last one is still filling.',
            }),
            ...completeness,
          }),
        ),
      },
    },
    async () => {
      const nowMs = deps.clock.nowMs()
      const [counts, minutes] = await Promise.all([
        fleetCounts(scope, nowMs),
        messagesPerMinute(scope, Math.floor(nowMs / 60_000) * 60_000 - 3_600_000),
      ])
      return {
        registered: counts.registered,
        unregistered: counts.unregistered,
        retired: counts.retired,
        presence: { online: counts.online, offline: counts.offline, unknown: counts.unknown },
        messagesPerMinute: minutes.map(({ at_ms, messages }) => ({ at: toTime(at_ms), messages })),
        completeThrough: completeThrough(context),
        devicesReported: counts.reported,
        devicesExpected: counts.expected,
      }
    },
  )
}

const nothing = { received: 0, stored: 0, duplicate: 0, quarantined: 0, ambiguous: 0, with_seq: 0, seq_expected: 0, seq_missing: 0 }
