/** Maintenance windows as they were told last, who they are of, and what they hold down. */
import type { MaintenanceWindow } from '../../model/maintenance.ts'
import type { SelectedBy } from '../../model/selector.ts'
import type { WindowState } from '../domain/maintenance.ts'
import { msOf, type Scope } from './scope.ts'

export type WindowRow = {
  window_id: string
  version: number
  change_id: string
  selector: string
  from_ms: number
  to_ms: number
  reason: string
  withdrawn: 0 | 1
  actor: string
  told_ms: number
  created_by: string
  created_ms: number
}

export const windowOf = ({
  window_id: id,
  version,
  change_id: changeId,
  selector,
  from_ms: fromMs,
  to_ms: toMs,
  reason,
  withdrawn,
}: WindowRow): MaintenanceWindow => ({
  id,
  version,
  changeId,
  selector,
  fromMs,
  toMs,
  reason,
  withdrawn: withdrawn === 1,
})

/** As the warehouse will have it. */
export const rowOf = (window: MaintenanceWindow, actor: string, atMs: number, before: WindowRow | undefined): WindowRow => ({
  window_id: window.id,
  version: window.version,
  change_id: window.changeId,
  selector: window.selector,
  from_ms: window.fromMs,
  to_ms: window.toMs,
  reason: window.reason,
  withdrawn: window.withdrawn ? 1 : 0,
  actor,
  told_ms: atMs,
  created_by: before?.created_by ?? actor,
  created_ms: before?.created_ms ?? atMs,
})

const newest = (column: string): string => `argMax(${column}, (w.version, w.change_id))`
const columns = `w.window_id AS window_id, toUInt32(max(w.version)) AS version, ${newest('w.change_id')} AS change_id, ${newest('w.selector')} AS selector,
  ${msOf(newest('w.from_at'))} AS from_ms, ${msOf(newest('w.to_at'))} AS to_ms, ${newest('w.reason')} AS reason, ${newest('w.withdrawn')} AS withdrawn,
  ${newest('w.actor')} AS actor, ${msOf(newest('w.received_at'))} AS told_ms, argMin(w.actor, (w.version, w.change_id)) AS created_by, ${msOf('min(w.received_at)')} AS created_ms`

const having: Readonly<Record<WindowState | 'open' | 'all', string>> = {
  planned: 'withdrawn = 0 AND from_ms > {now_ms:Float64}',
  active: 'withdrawn = 0 AND from_ms <= {now_ms:Float64} AND to_ms > {now_ms:Float64}',
  over: 'withdrawn = 0 AND to_ms <= {now_ms:Float64}',
  withdrawn: 'withdrawn = 1',
  open: 'withdrawn = 0 AND to_ms > {now_ms:Float64}',
  all: '1',
}

export type WindowQuery = {
  state: WindowState | 'open' | 'all'
  nowMs: number
  limit: number
  /** Beginning and id of the last one shown. */
  after: readonly [fromMs: number, id: string] | null
}

/** Those that begin last come first. */
export const listWindows = ({ warehouse, tenant }: Scope, { state, nowMs, limit, after }: WindowQuery): Promise<WindowRow[]> =>
  warehouse.query<WindowRow>(
    `SELECT ${columns} FROM maintenance_windows AS w WHERE w.tenant = {tenant:String} GROUP BY w.window_id
HAVING ${having[state]}${after === null ? '' : ' AND (from_ms, window_id) < ({after_ms:Float64}, {after_id:String})'}
ORDER BY from_ms DESC, window_id DESC LIMIT {limit:UInt32}`,
    { tenant, now_ms: nowMs, limit, ...(after === null ? {} : { after_ms: after[0], after_id: after[1] }) },
  )

export const oneWindow = async ({ warehouse, tenant }: Scope, id: string): Promise<WindowRow | undefined> => {
  const [row] = await warehouse.query<WindowRow>(
    `SELECT ${columns} FROM maintenance_windows AS w WHERE w.tenant = {tenant:String} AND w.window_id = {id:String} GROUP BY w.window_id`,
    { tenant, id },
  )
  return row
}

/** Planned or active. */
export const openWindowIds = async ({ warehouse, tenant }: Scope, nowMs: number): Promise<string[]> => {
  const rows = await warehouse.query<{ window_id: string }>(
    `SELECT window_id FROM (SELECT ${columns} FROM maintenance_windows AS w WHERE w.tenant = {tenant:String} GROUP BY w.window_id HAVING ${having.open})`,
    { tenant, now_ms: nowMs },
  )
  return rows.map(({ window_id }) => window_id)
}

/** Its newest tellings, at most a thousand, the first one first; of several of one version the one that holds is the last. */
export const windowHistory = async ({ warehouse, tenant }: Scope, id: string): Promise<WindowRow[]> => {
  const rows = await warehouse.query<WindowRow>(
    `SELECT window_id, toUInt32(version) AS version, change_id, selector, ${msOf('from_at')} AS from_ms, ${msOf('to_at')} AS to_ms, reason, withdrawn,
  actor, ${msOf('received_at')} AS told_ms, actor AS created_by, ${msOf('received_at')} AS created_ms
FROM maintenance_windows WHERE tenant = {tenant:String} AND window_id = {id:String} ORDER BY maintenance_windows.version DESC, change_id DESC LIMIT 1000`,
    { tenant, id },
  )
  return rows.reverse()
}

type ProfileRow = {
  device: string
  class: string
  site: string
  region: string
  plan: string
  fixed: 0 | 1
  product: string
  model: string
  firmware: string
}

/** What selectors ask of every device that is not retired, or of one, as the recorder knows it now. */
export const deviceProfiles = async ({ warehouse, tenant }: Scope, device: string | null): Promise<SelectedBy[]> => {
  const only = (column: string): string => (device === null ? '' : ` AND ${column} = {device:String}`)
  const fact = (name: string): string => `ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = '${name}'), 1), '')`
  const rows = await warehouse.query<ProfileRow>(
    `SELECT ids.id AS device, inventory.class AS class, inventory.site AS site, inventory.region AS region, inventory.plan AS plan,
  toUInt8(inventory.site != '' OR inventory.latitude IS NOT NULL) AS fixed, facts.product AS product, facts.model AS model, facts.firmware AS firmware
FROM (
  SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}${only('device_id')}
  UNION DISTINCT
  SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'${only('subject')}
) AS ids
LEFT JOIN (SELECT device_id, class, site, region, plan, latitude, retired FROM devices FINAL WHERE tenant = {tenant:String}${only('device_id')}) AS inventory ON inventory.device_id = ids.id
LEFT JOIN (
  SELECT subject, ${fact('device.product')} AS product, ${fact('device.model')} AS model, ${fact('firmware.version')} AS firmware
  FROM facts WHERE tenant = {tenant:String} AND name IN ('device.product', 'device.model', 'firmware.version')${only('subject')} GROUP BY subject
) AS facts ON facts.subject = ids.id
WHERE inventory.retired = 0 ORDER BY device`,
    { tenant, ...(device === null ? {} : { device }) },
  )
  return rows.map(({ class: told, fixed, ...row }) => ({
    ...row,
    class: told === 'critical' || told === 'business' ? told : 'home',
    fixed: fixed === 1,
    groups: [],
  }))
}

/** Alarms that stand, by device. */
export const standingAlarms = async ({ warehouse, tenant }: Scope): Promise<ReadonlyMap<string, number>> => {
  const rows = await warehouse.query<{ subject: string; stand: number }>(
    `SELECT subject, toFloat64(count()) AS stand FROM alarm_episodes FINAL
WHERE tenant = {tenant:String} AND cleared_at IS NULL AND retracted = 0 AND purged = 0 AND found_late = 0 GROUP BY subject`,
    { tenant },
  )
  return new Map(rows.map(({ subject, stand }) => [subject, stand]))
}

/** Alarms that stand and that these windows hold down now, by window. */
export const heldByWindow = async ({ warehouse, tenant }: Scope, ids: readonly string[]): Promise<ReadonlyMap<string, number>> => {
  if (ids.length === 0) return new Map()
  const rows = await warehouse.query<{ id: string; held: number }>(
    `SELECT by AS id, toFloat64(count()) AS held FROM alarm_episodes FINAL ARRAY JOIN suppressed_by AS by
WHERE tenant = {tenant:String} AND cleared_at IS NULL AND retracted = 0 AND purged = 0 AND by IN {ids:Array(String)} GROUP BY by`,
    { tenant, ids: [...ids] },
  )
  return new Map(rows.map(({ id, held }) => [id, held]))
}
