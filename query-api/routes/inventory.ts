/** /sites, /cells, /places and /import: names for what is heard. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTime } from '../domain/time.ts'
import { listCells, listPlaces, listSites } from '../queries/inventory.ts'
import { completeThrough, completenessOf, cursorOf, type RouteContext } from './context.ts'
import { answers, choice, CompleteThrough, completeness, list, NumberOrNull, pagingQuery, query, TextOrNull, Time } from './schemas.ts'

const quarterMs = 15 * 60_000

const Site = Type.Object({
  siteId: Type.String(),
  name: TextOrNull,
  region: TextOrNull,
  customer: TextOrNull,
  timeZone: TextOrNull,
  latitude: NumberOrNull,
  longitude: NumberOrNull,
  devicesExpected: Type.Integer({ description: 'Devices of the inventory here that are not retired.' }),
  devicesReported: Type.Integer({ description: 'Those heard within 15 minutes.' }),
})

const Cell = Type.Object({
  cellId: Type.Number(),
  plmn: Type.Union([Type.String(), Type.Null()], { description: 'Null: any network.' }),
  name: TextOrNull,
  site: TextOrNull,
  vendor: TextOrNull,
  latitude: NumberOrNull,
  longitude: NumberOrNull,
})

const Place = Type.Object({ place: Type.String(), messages: Type.Integer(), firstSeenAt: Time, lastSeenAt: Time, lastObservedAt: Time })

const ImportResult = Type.Object({
  kind: Type.String(),
  dryRun: Type.Boolean(),
  applied: Type.Boolean({ description: 'False after a dry run and when any row was rejected: nothing is half done.' }),
  rows: Type.Integer(),
  created: Type.Integer(),
  changed: Type.Integer(),
  unchanged: Type.Integer(),
  rejected: Type.Integer(),
  results: Type.Array(Type.Object({ row: Type.Integer(), id: Type.String(), action: Type.String(), reason: TextOrNull })),
})

const searchQuery = {
  q: Type.String({ default: '', maxLength: 200, description: 'Any part of id, name, region, customer or vendor.' }),
  ...pagingQuery,
}

export const inventoryRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context
  const textOrNull = (text: string): string | null => (text === '' ? null : text)

  app.get(
    '/sites',
    {
      schema: {
        tags: ['inventory'],
        summary: 'Sites with their devices',
        querystring: query(searchQuery),
        response: answers(list(Site, completeness)),
      },
    },
    async (request) => {
      const { q, limit, cursor } = request.query
      const [rows, complete] = await Promise.all([
        listSites(scope, { q, limit, after: cursorOf(cursor, ['string']) }, deps.clock.nowMs() - quarterMs),
        completenessOf(context),
      ])
      const page = pageOf(rows, limit, (last) => [last.site_id])
      return {
        items: page.rows.map((row) => ({
          siteId: row.site_id,
          name: textOrNull(row.name),
          region: textOrNull(row.region),
          customer: textOrNull(row.customer),
          timeZone: textOrNull(row.time_zone),
          latitude: row.latitude,
          longitude: row.longitude,
          devicesExpected: row.devices,
          devicesReported: row.reported,
        })),
        nextCursor: page.nextCursor,
        ...complete,
      }
    },
  )

  app.get(
    '/cells',
    {
      schema: {
        tags: ['inventory'],
        summary: 'Cells with their names',
        querystring: query(searchQuery),
        response: answers(list(Cell, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { q, limit, cursor } = request.query
      const page = pageOf(await listCells(scope, { q, limit, after: cursorOf(cursor, ['number', 'string']) }), limit, (last) => [
        last.cell_id,
        last.plmn,
      ])
      return {
        items: page.rows.map(({ cell_id, plmn, name, site, vendor, latitude, longitude }) => ({
          cellId: cell_id,
          plmn: textOrNull(plmn),
          name: textOrNull(name),
          site: textOrNull(site),
          vendor: textOrNull(vendor),
          latitude,
          longitude,
        })),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.get(
    '/places',
    {
      schema: {
        tags: ['places'],
        summary: 'Places that have spoken',
        querystring: query(searchQuery),
        response: answers(list(Place, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { q, limit, cursor } = request.query
      const page = pageOf(await listPlaces(scope, { q, limit, after: cursorOf(cursor, ['string']) }), limit, (last) => [last.place])
      return {
        items: page.rows.map((row) => ({
          place: row.place,
          messages: row.messages,
          firstSeenAt: toTime(row.first_seen_ms),
          lastSeenAt: toTime(row.last_seen_ms),
          lastObservedAt: toTime(row.last_observed_ms),
        })),
        nextCursor: page.nextCursor,
        completeThrough: completeThrough(context),
      }
    },
  )

  app.post(
    '/import',
    {
      schema: {
        tags: ['inventory'],
        summary: 'Import devices, sites or cells from CSV (text/csv), or JSON {"csv": "..."}',
        description: 'All rows or none: when any row is rejected the answer is IMPORT_REJECTED with the same report, row by row.',
        consumes: ['text/csv', 'application/json'],
        querystring: query({
          kind: choice(['devices', 'sites', 'cells']),
          dryRun: Type.Boolean({ default: false }),
        }),
        body: Type.Union([
          Type.String({ minLength: 1 }),
          Type.Object({ csv: Type.String({ minLength: 1 }) }, { additionalProperties: false }),
        ]),
        response: answers(ImportResult),
      },
    },
    async (request) => {
      const { kind, dryRun } = request.query
      const csv = typeof request.body === 'string' ? request.body : request.body.csv
      const report = await deps.importInventory(kind, csv, { dryRun, actor: request.actor })
      if (report.rejected > 0 && !dryRun) {
        throw new ProblemError(
          'IMPORT_REJECTED',
          `${String(report.rejected)} of ${String(report.rows)} rows were rejected, so nothing was imported.`,
          { report },
        )
      }
      return report
    },
  )
}
