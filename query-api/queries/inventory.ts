/** Sites, cells and places: what the inventory names, and what has been heard of places. */
import type { CursorPart } from '../domain/cursor.ts'
import { msOf, type Scope } from './scope.ts'

export type ListQuery = { q: string; limit: number; after: CursorPart[] | null }

export type SiteRow = {
  site_id: string
  name: string
  region: string
  latitude: number | null
  longitude: number | null
  time_zone: string
  customer: string
  devices: number
  reported: number
}

/** Devices counted are those in the inventory and not retired; reported ones were heard since `sinceMs`. */
export const listSites = ({ warehouse, tenant }: Scope, query: ListQuery, sinceMs: number): Promise<SiteRow[]> =>
  warehouse.query<SiteRow>(
    `SELECT s.site_id AS site_id, s.name AS name, s.region AS region, s.latitude AS latitude, s.longitude AS longitude, s.time_zone AS time_zone, s.customer AS customer,
  toFloat64(counted.devices) AS devices, toFloat64(counted.reported) AS reported
FROM (SELECT * FROM sites FINAL WHERE tenant = {tenant:String} AND retired = 0) AS s
LEFT JOIN (
  SELECT d.site AS site, count() AS devices, countIf(seen.last_received_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')) AS reported
  FROM (SELECT site, device_id FROM devices FINAL WHERE tenant = {tenant:String} AND retired = 0) AS d
  LEFT JOIN (SELECT subject, max(last_received_at) AS last_received_at FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device' GROUP BY subject) AS seen
    ON seen.subject = d.device_id
  GROUP BY d.site
) AS counted ON counted.site = s.site_id
WHERE (${contains(['s.site_id', 's.name', 's.region', 's.customer'])}) AND s.site_id > {after:String}
ORDER BY s.site_id LIMIT {limit:UInt32}`,
    listParams(tenant, query, { since_ms: sinceMs }),
  )

export type CellRow = {
  cell_id: number
  plmn: string
  name: string
  site: string
  vendor: string
  latitude: number | null
  longitude: number | null
}

export const listCells = ({ warehouse, tenant }: Scope, query: ListQuery): Promise<CellRow[]> =>
  warehouse.query<CellRow>(
    `SELECT toFloat64(c.cell_id) AS cell_id, plmn, name, site, vendor, latitude, longitude
FROM (SELECT * FROM cells FINAL WHERE tenant = {tenant:String} AND retired = 0) AS c
WHERE (${contains(['toString(c.cell_id)', 'name', 'site', 'vendor'])}) AND (c.cell_id, plmn) > ({after_id:UInt64}, {after:String})
ORDER BY c.cell_id, plmn LIMIT {limit:UInt32}`,
    { ...listParams(tenant, { ...query, after: null }, {}), after_id: query.after?.[0] ?? 0, after: query.after?.[1] ?? '' },
  )

export type PlaceRow = { place: string; messages: number; first_seen_ms: number; last_seen_ms: number; last_observed_ms: number }

const placesSql = (condition: string): string => `
SELECT subject AS place, toFloat64(sum(seen.messages)) AS messages, ${msOf('min(first_received_at)')} AS first_seen_ms,
  ${msOf('max(last_received_at)')} AS last_seen_ms, ${msOf('max(last_observed_at)')} AS last_observed_ms
FROM subjects_seen AS seen WHERE tenant = {tenant:String} AND subject_kind = 'place' AND ${condition}
GROUP BY subject ORDER BY subject`

export const listPlaces = ({ warehouse, tenant }: Scope, query: ListQuery): Promise<PlaceRow[]> =>
  warehouse.query<PlaceRow>(
    `${placesSql(`(${contains(['subject'])}) AND subject > {after:String}`)} LIMIT {limit:UInt32}`,
    listParams(tenant, query, {}),
  )

export const onePlace = async ({ warehouse, tenant }: Scope, place: string): Promise<PlaceRow | undefined> =>
  (await warehouse.query<PlaceRow>(placesSql('subject = {place:String}'), { tenant, place }))[0]

const contains = (expressions: readonly string[]): string =>
  `{q:String} = '' OR ${expressions.map((expression) => `positionCaseInsensitiveUTF8(${expression}, {q:String}) > 0`).join(' OR ')}`

const listParams = (tenant: string, query: ListQuery, more: Record<string, unknown>): Record<string, unknown> => ({
  tenant,
  q: query.q,
  limit: query.limit + 1,
  after: query.after?.[0] ?? '',
  ...more,
})
