/** Radio snapshots, and the names that the inventory gives to their cells. */
import type { Step } from '../domain/step.ts'
import { clockAheadMaxMs, type TimeRange } from '../domain/time.ts'
import { historyConditions, historyOrder, historyParams, type HistoryQuery } from './presence.ts'
import { ofSubject } from './state.ts'
import { msOfText, type Part } from './together.ts'
import { bucketOf, knownBy, knownParams, msOf, observedRange, placedParam, type Scope, textOfMs, timeParam } from './scope.ts'

export type CarrierRow = {
  role: string | null
  rat: string | null
  band: string | null
  bandwidth_mhz: number | null
  earfcn: number | null
  pci: number | null
  rsrp_dbm: number | null
  rsrq_db: number | null
  sinr_db: number | null
  active: 0 | 1 | null
}

export type RadioRow = {
  observed_at_ms: number
  received_at_ms: number
  partition: number
  offset: number
  rat: string | null
  mode: string | null
  plmn: string | null
  tac: number | null
  cell_id: number | null
  enb_id: number | null
  pci: number | null
  band: string | null
  earfcn: number | null
  rsrp_dbm: number | null
  rsrq_db: number | null
  sinr_db: number | null
  rssi_dbm: number | null
  cqi: number | null
  carriers: CarrierRow[]
}

const columns = `${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset,
  rat, mode, plmn, tac, toFloat64(cell_id) AS cell_id, enb_id, pci, band, earfcn, rsrp_dbm, rsrq_db, sinr_db, rssi_dbm, cqi, carriers`

export const radioHistory = ({ warehouse, tenant }: Scope, query: HistoryQuery): Promise<RadioRow[]> =>
  warehouse.query<RadioRow>(
    `SELECT ${columns} FROM radio AS t WHERE ${historyConditions(query)} ${historyOrder(query)}`,
    historyParams(tenant, query),
  )

const snapshotColumns = [
  'rat',
  'mode',
  'plmn',
  'tac',
  'cell_id',
  'enb_id',
  'pci',
  'band',
  'earfcn',
  'rsrp_dbm',
  'rsrq_db',
  'sinr_db',
  'rssi_dbm',
  'cqi',
] as const satisfies readonly (keyof RadioRow)[]
/** As the table's type has them. */
const carrierColumns = [
  'role',
  'rat',
  'band',
  'bandwidth_mhz',
  'earfcn',
  'pci',
  'rsrp_dbm',
  'rsrq_db',
  'sinr_db',
  'active',
] as const satisfies readonly (keyof CarrierRow)[]

/** Devices with a modem tell of it every few minutes. */
const radioWindowMs = 20 * 60_000

/** The snapshots of the last twenty minutes; an older one is found by `radioAt`. */
export const recentRadio = (params: Record<string, unknown>, atMs: number, knownMs: number | null): Part<RadioRow> => ({
  cells: ['observed_at', 'received_at', 'partition', 'offset', ...snapshotColumns, 'carriers'],
  read: ([observedAt, receivedAt, partition, offset, ...values]: [string, string, number, number | string, ...unknown[]]) => {
    const snapshot = Object.fromEntries(snapshotColumns.map((name, index) => [name, values[index]]))
    const carriers = (values.at(-1) as unknown[][]).map((carrier) =>
      Object.fromEntries(carrierColumns.map((name, index) => [name, carrier[index]])),
    )
    return {
      ...snapshot,
      observed_at_ms: msOfText(observedAt),
      received_at_ms: msOfText(receivedAt),
      partition,
      offset: Number(offset),
      cell_id: snapshot['cell_id'] === null ? null : Number(snapshot['cell_id']),
      carriers,
    } as RadioRow
  },
  from: `radio WHERE ${ofSubject} AND observed_at > ${placedParam('radio_from')} AND observed_at <= ${placedParam('at')} AND received_at > ${placedParam('radio_came')}${knownBy(knownMs)}`,
  params: { ...params, radio_from: textOfMs(atMs - radioWindowMs), radio_came: textOfMs(atMs - radioWindowMs - clockAheadMaxMs) },
})

export const newestRadio = (rows: readonly RadioRow[]): RadioRow | undefined =>
  rows.reduce<RadioRow | undefined>((newest, row) => (newest === undefined || isAfter(row, newest) ? row : newest), undefined)
const isAfter = (one: RadioRow, other: RadioRow): boolean =>
  (one.observed_at_ms - other.observed_at_ms || one.received_at_ms - other.received_at_ms || one.offset - other.offset) > 0

export const radioAt = async (
  { warehouse, tenant }: Scope,
  subject: string,
  atMs: number,
  knownMs: number | null = null,
): Promise<RadioRow | undefined> => {
  const rows = await warehouse.query<RadioRow>(
    `SELECT ${columns} FROM radio AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND observed_at <= ${timeParam('at_ms')}${knownBy(knownMs)}
ORDER BY t.observed_at DESC, t.received_at DESC, t.offset DESC LIMIT 1`,
    { tenant, subject, at_ms: atMs, ...knownParams(knownMs) },
  )
  return rows[0]
}

export type CellNameRow = { cell_id: number; plmn: string; name: string; site: string; vendor: string }

/** Cells carry the same number in different networks, so the caller matches `plmn` too; '' fits any network. */
export const cellNames = async ({ warehouse, tenant }: Scope, cellIds: readonly number[]): Promise<CellNameRow[]> => {
  if (cellIds.length === 0) return []
  return warehouse.query<CellNameRow>(
    `SELECT toFloat64(cells.cell_id) AS cell_id, plmn, name, site, vendor FROM cells FINAL
WHERE tenant = {tenant:String} AND cells.cell_id IN {ids:Array(UInt64)} AND retired = 0`,
    { tenant, ids: [...new Set(cellIds)] },
  )
}

export type RadioPointRow = {
  at_ms: number
  samples: number
  rsrp_dbm: number | null
  rsrq_db: number | null
  sinr_db: number | null
  cell_id: number | null
  plmn: string | null
  cells: number
  rat: string | null
}

/** Levels averaged per step, with the cell that served last in it; a step without a snapshot is absent. */
export const radioSeries = (
  { warehouse, tenant }: Scope,
  query: TimeRange & { subject: string; step: Step; tz: string; knownMs: number | null },
): Promise<RadioPointRow[]> =>
  warehouse.query<RadioPointRow>(
    `SELECT ${bucketOf('t.observed_at', query.step)} AS at_ms, toFloat64(count()) AS samples,
  avg(t.rsrp_dbm) AS rsrp_dbm, avg(t.rsrq_db) AS rsrq_db, avg(t.sinr_db) AS sinr_db,
  toFloat64(tupleElement(argMax(tuple(t.cell_id), (t.observed_at, t.offset)), 1)) AS cell_id,
  tupleElement(argMax(tuple(t.plmn), (t.observed_at, t.offset)), 1) AS plmn,
  toFloat64(uniqExact(t.cell_id)) AS cells, tupleElement(argMax(tuple(t.rat), (t.observed_at, t.offset)), 1) AS rat
FROM radio AS t WHERE tenant = {tenant:String} AND subject = {subject:String} AND ${observedRange}${knownBy(query.knownMs)}
GROUP BY at_ms ORDER BY at_ms`,
    {
      tenant,
      ...knownParams(query.knownMs),
      subject: query.subject,
      from_ms: query.fromMs,
      to_ms: query.toMs,
      step: query.step.count,
      tz: query.tz,
    },
  )
