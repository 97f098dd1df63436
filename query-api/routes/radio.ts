/** /devices/{mac}/radio: radio snapshots as they came, with the names of cells. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { checkPoints, parseStep, stepFor } from '../domain/step.ts'
import { parseDeviceId } from '../domain/device-id.ts'
import { parseKnownAt, parseRange, parseTimeZone, toTime } from '../domain/time.ts'
import { historyCursor } from '../queries/presence.ts'
import { cellNames, type CellNameRow, type RadioRow, radioHistory, radioSeries } from '../queries/radio.ts'
import type { Scope } from '../queries/scope.ts'
import { completeThrough, cursorOf, knownDevice, type RouteContext } from './context.ts'
import {
  answers,
  CompleteThrough,
  DeviceParams,
  knownAtQuery,
  list,
  NumberOrNull,
  nullable,
  orderQuery,
  pagingQuery,
  query,
  rangeQuery,
  stepQuery,
  TextOrNull,
  Time,
} from './schemas.ts'

const Carrier = Type.Object({
  role: TextOrNull,
  rat: TextOrNull,
  band: TextOrNull,
  bandwidthMhz: NumberOrNull,
  earfcn: NumberOrNull,
  pci: NumberOrNull,
  rsrpDbm: NumberOrNull,
  rsrqDb: NumberOrNull,
  sinrDb: NumberOrNull,
  active: nullable(Type.Boolean()),
})

export const Radio = Type.Object({
  observedAt: Time,
  receivedAt: Time,
  rat: TextOrNull,
  mode: TextOrNull,
  plmn: TextOrNull,
  tac: NumberOrNull,
  cell: Type.Union(
    [
      Type.Object({
        id: Type.Number({ description: 'LTE ECI or NR NCI.' }),
        enbId: NumberOrNull,
        name: TextOrNull,
        site: TextOrNull,
        vendor: TextOrNull,
      }),
      Type.Null(),
    ],
    { description: 'Null where the device told none.' },
  ),
  pci: NumberOrNull,
  band: TextOrNull,
  earfcn: NumberOrNull,
  rsrpDbm: NumberOrNull,
  rsrqDb: NumberOrNull,
  sinrDb: NumberOrNull,
  rssiDbm: NumberOrNull,
  cqi: NumberOrNull,
  carriers: Type.Array(Carrier),
})

const RadioPoint = Type.Object({
  at: Time,
  samples: Type.Integer(),
  rsrpDbm: NumberOrNull,
  rsrqDb: NumberOrNull,
  sinrDb: NumberOrNull,
  rat: TextOrNull,
  cell: Type.Union([Type.Object({ id: Type.Number(), name: TextOrNull }), Type.Null()], {
    description: 'The one that served last in the step.',
  }),
  cells: Type.Integer({ description: 'How many served in it.' }),
})

export const radioRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.get(
    '/devices/:mac/radio',
    {
      schema: {
        tags: ['devices'],
        summary: 'Radio snapshots with cells and carriers; default the last 6 hours',
        params: DeviceParams,
        querystring: query({ ...rangeQuery, ...knownAtQuery, ...orderQuery, ...pagingQuery }),
        response: answers(list(Radio, { completeThrough: CompleteThrough })),
      },
    },
    async (request) => {
      const { limit, cursor, order, knownAt, ...range } = request.query
      const deviceId = await knownDevice(context, request.params.mac)
      const rows = await radioHistory(context.scope, {
        ...parseRange(range, context.deps.clock.nowMs(), 6 * 3_600_000),
        subject: deviceId,
        knownMs: parseKnownAt(knownAt),
        descending: order === 'desc',
        limit,
        after: cursorOf(cursor, historyCursor),
      })
      const page = pageOf(rows, limit, (last) => [last.observed_at_ms, last.partition, last.offset])
      const names = await nameCells(context.scope, page.rows)
      return { items: page.rows.map((row) => toRadio(row, names)), nextCursor: page.nextCursor, completeThrough: completeThrough(context) }
    },
  )

  app.get(
    '/devices/:mac/radio/series',
    {
      schema: {
        tags: ['devices'],
        summary: 'Radio levels averaged by step, with the serving cell; default the last 6 hours',
        params: DeviceParams,
        querystring: query({ ...rangeQuery, ...stepQuery, ...knownAtQuery }),
        response: answers(
          Type.Object({
            step: Type.String(),
            tz: Type.String(),
            from: Time,
            to: Time,
            points: Type.Array(RadioPoint),
            completeThrough: CompleteThrough,
          }),
        ),
      },
    },
    async (request) => {
      const subject = parseDeviceId(request.params.mac)
      const range = parseRange(request.query, context.deps.clock.nowMs(), 6 * 3_600_000)
      const step = request.query.step === undefined ? stepFor(range) : parseStep(request.query.step)
      checkPoints(range, step)
      const tz = parseTimeZone(request.query.tz)
      const rows = await radioSeries(context.scope, { ...range, subject, step, tz, knownMs: parseKnownAt(request.query.knownAt) })
      // A device that has told of its radio is known.
      if (rows.length === 0) await knownDevice(context, request.params.mac)
      const names = await nameCells(context.scope, rows)
      return {
        step: step.text,
        tz,
        from: toTime(range.fromMs),
        to: toTime(range.toMs),
        points: rows.map((row) => ({
          at: toTime(row.at_ms),
          samples: row.samples,
          rsrpDbm: row.rsrp_dbm,
          rsrqDb: row.rsrq_db,
          sinrDb: row.sinr_db,
          rat: row.rat,
          cell: row.cell_id === null ? null : { id: row.cell_id, name: names(row)?.name ?? null },
          cells: row.cells,
        })),
        completeThrough: completeThrough(context),
      }
    },
  )
}

type CellOfRow = { cell_id: number | null; plmn: string | null }

/** The inventory's cells of these snapshots, the exact network before one that fits any. */
export const nameCells = async (scope: Scope, rows: readonly CellOfRow[]): Promise<(row: CellOfRow) => CellNameRow | undefined> =>
  namedBy(
    await cellNames(
      scope,
      rows.flatMap((row) => (row.cell_id === null ? [] : [row.cell_id])),
    ),
  )

export const namedBy = (found: readonly CellNameRow[]): ((row: CellOfRow) => CellNameRow | undefined) => {
  const byKey = new Map(found.map((cell) => [`${String(cell.cell_id)}/${cell.plmn}`, cell]))
  return ({ cell_id, plmn }) =>
    cell_id === null ? undefined : (byKey.get(`${String(cell_id)}/${plmn ?? ''}`) ?? byKey.get(`${String(cell_id)}/`))
}

export const toRadio = (row: RadioRow, nameOf: (row: CellOfRow) => CellNameRow | undefined): Static<typeof Radio> => {
  const named = nameOf(row)
  const textOrNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text)
  return {
    observedAt: toTime(row.observed_at_ms),
    receivedAt: toTime(row.received_at_ms),
    rat: row.rat,
    mode: row.mode,
    plmn: row.plmn,
    tac: row.tac,
    cell:
      row.cell_id === null
        ? null
        : {
            id: row.cell_id,
            enbId: row.enb_id,
            name: textOrNull(named?.name),
            site: textOrNull(named?.site),
            vendor: textOrNull(named?.vendor),
          },
    pci: row.pci,
    band: row.band,
    earfcn: row.earfcn,
    rsrpDbm: row.rsrp_dbm,
    rsrqDb: row.rsrq_db,
    sinrDb: row.sinr_db,
    rssiDbm: row.rssi_dbm,
    cqi: row.cqi,
    carriers: row.carriers.map((carrier) => ({
      role: carrier.role,
      rat: carrier.rat,
      band: carrier.band,
      bandwidthMhz: carrier.bandwidth_mhz,
      earfcn: carrier.earfcn,
      pci: carrier.pci,
      rsrpDbm: carrier.rsrp_dbm,
      rsrqDb: carrier.rsrq_db,
      sinrDb: carrier.sinr_db,
      active: carrier.active === null ? null : carrier.active === 1,
    })),
  }
}
