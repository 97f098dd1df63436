/** Devices: what the inventory says joined with what was heard. One list, searched, filtered, sorted and cut in the warehouse. */
import { macDigits } from '../domain/device-id.ts'
import type { CursorPart } from '../domain/cursor.ts'
import { msOf, type Scope } from './scope.ts'

export type DeviceRow = {
  device_id: string
  registered: 0 | 1
  retired: 0 | 1
  name: string
  site: string
  site_name: string
  region: string
  customer: string
  class: string
  plan: string
  time_zone: string
  serial: string
  aliases: string[]
  latitude: number | null
  longitude: number | null
  expected_interval_seconds: number | null
  model: string
  firmware: string
  presence: 'online' | 'offline' | 'unknown'
  /** 0: nothing has ever been accepted from it. */
  messages: number
  first_seen_ms: number
  last_seen_ms: number
  last_observed_ms: number
  sort_key: string
}

export type DeviceFilter = {
  q: string
  site: string | null
  presence: 'online' | 'offline' | 'unknown' | null
  registered: boolean | null
  retired: boolean | null
  sort: DeviceSort
  descending: boolean
  limit: number
  after: CursorPart[] | null
}

/** Texts that sort rightly as texts, so that one cursor fits all. */
const sortKeys = {
  name: `lower(if(name = '', device_id, name))`,
  id: 'device_id',
  site: `lower(if(site_name = '', site, site_name))`,
  model: 'lower(model)',
  firmware: 'firmware',
  presence: 'presence',
  lastSeenAt: `leftPad(toString(toUInt64(last_seen_ms)), 15, '0')`,
} as const
export type DeviceSort = keyof typeof sortKeys
export const deviceSorts = ['name', 'id', 'site', 'model', 'firmware', 'presence', 'lastSeenAt'] as const satisfies readonly DeviceSort[]

/** `of` narrows every part to one device, which then costs a few granules instead of a table. */
const devicesSql = (of: string): string => {
  const only = (column: string): string => (of === '' ? '' : ` AND ${column} = ${of}`)
  return `
SELECT ids.id AS device_id,
  toUInt8(inventory.device_id != '') AS registered, inventory.retired AS retired,
  if(inventory.name = '', facts.hostname, inventory.name) AS name, inventory.site AS site, sites.name AS site_name,
  if(inventory.region = '', sites.region, inventory.region) AS region,
  if(inventory.customer = '', sites.customer, inventory.customer) AS customer,
  inventory.class AS class, inventory.plan AS plan,
  if(inventory.time_zone = '', sites.time_zone, inventory.time_zone) AS time_zone,
  if(inventory.serial = '', facts.serial, inventory.serial) AS serial, inventory.aliases AS aliases,
  if(isNull(inventory.latitude), sites.latitude, inventory.latitude) AS latitude,
  if(isNull(inventory.longitude), sites.longitude, inventory.longitude) AS longitude,
  inventory.expected_interval_seconds AS expected_interval_seconds,
  facts.model AS model, facts.firmware AS firmware,
  if(presence.state = '', 'unknown', presence.state) AS presence,
  toFloat64(seen.messages) AS messages,
  ${msOf('seen.first_received_at')} AS first_seen_ms, ${msOf('seen.last_received_at')} AS last_seen_ms, ${msOf('seen.last_observed_at')} AS last_observed_ms
FROM (
  SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}${only('device_id')}
  UNION DISTINCT
  SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'${only('subject')}
) AS ids
LEFT JOIN (SELECT * FROM devices FINAL WHERE tenant = {tenant:String}${only('device_id')}) AS inventory ON inventory.device_id = ids.id
LEFT JOIN (SELECT * FROM sites FINAL WHERE tenant = {tenant:String} AND retired = 0) AS sites ON sites.site_id = inventory.site
LEFT JOIN (
  SELECT subject, sum(messages) AS messages, min(first_received_at) AS first_received_at, max(last_received_at) AS last_received_at,
    max(last_observed_at) AS last_observed_at
  FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'${only('subject')} GROUP BY subject
) AS seen ON seen.subject = ids.id
LEFT JOIN (
  SELECT subject, toString(argMax(state, (observed_at, received_at, offset))) AS state
  FROM presence WHERE tenant = {tenant:String}${only('subject')} GROUP BY subject
) AS presence ON presence.subject = ids.id
LEFT JOIN (
  SELECT subject,
    ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'device.model'), 1), '') AS model,
    ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'firmware.version'), 1), '') AS firmware,
    ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'device.serial'), 1), '') AS serial,
    ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = 'device.hostname'), 1), '') AS hostname
  FROM facts WHERE tenant = {tenant:String}${only('subject')} AND name IN ('device.model', 'firmware.version', 'device.serial', 'device.hostname') GROUP BY subject
) AS facts ON facts.subject = ids.id`
}

/** Asks for `limit + 1` rows, so that the caller sees whether there are more. */
export const listDevices = async ({ warehouse, tenant }: Scope, filter: DeviceFilter): Promise<DeviceRow[]> => {
  const conditions = ['1']
  const params: Record<string, unknown> = { tenant, limit: filter.limit + 1 }
  if (filter.q !== '') {
    params['q'] = filter.q
    params['mac'] = macDigits(filter.q)
    const texts = ['name', 'serial', 'site', 'site_name', 'customer', 'device_id', `arrayStringConcat(aliases, '\\n')`]
    conditions.push(
      `(${texts.map((text) => `positionCaseInsensitiveUTF8(${text}, {q:String}) > 0`).join(' OR ')}
        OR ({mac:String} != '' AND position(replaceAll(device_id, '-', ''), {mac:String}) > 0))`,
    )
  }
  if (filter.site !== null) {
    params['site'] = filter.site
    conditions.push('site = {site:String}')
  }
  if (filter.presence !== null) {
    params['presence'] = filter.presence
    conditions.push('presence = {presence:String}')
  }
  if (filter.registered !== null) conditions.push(`registered = ${filter.registered ? '1' : '0'}`)
  if (filter.retired !== null) conditions.push(`retired = ${filter.retired ? '1' : '0'}`)
  if (filter.after !== null) {
    params['after_key'] = filter.after[0]
    params['after_id'] = filter.after[1]
    conditions.push(
      `(sort_key ${filter.descending ? '<' : '>'} {after_key:String} OR (sort_key = {after_key:String} AND device_id > {after_id:String}))`,
    )
  }
  return warehouse.query<DeviceRow>(
    `SELECT *, ${sortKeys[filter.sort]} AS sort_key FROM (${devicesSql('')}) WHERE ${conditions.join(' AND ')}
ORDER BY sort_key ${filter.descending ? 'DESC' : 'ASC'}, device_id ASC LIMIT {limit:UInt32}`,
    params,
  )
}

export const oneDevice = async ({ warehouse, tenant }: Scope, deviceId: string): Promise<DeviceRow | undefined> => {
  const rows = await warehouse.query<DeviceRow>(`SELECT *, '' AS sort_key FROM (${devicesSql('{device:String}')})`, {
    tenant,
    device: deviceId,
  })
  return rows[0]
}

/** Whether the device is in the inventory or has ever been heard. */
export const deviceIsKnown = async ({ warehouse, tenant }: Scope, deviceId: string): Promise<boolean> => {
  const rows = await warehouse.query<{ known: number }>(
    `SELECT 1 AS known FROM devices WHERE tenant = {tenant:String} AND device_id = {device:String} LIMIT 1
UNION ALL SELECT 1 AS known FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device' AND subject = {device:String} LIMIT 1
UNION ALL SELECT 1 AS known FROM messages WHERE tenant = {tenant:String} AND subject = {device:String} AND subject_kind = 'device' LIMIT 1`,
    { tenant, device: deviceId },
  )
  return rows.length > 0
}

export type NameRow = { device_id: string; name: string; site: string; site_name: string }

/** Names and sites to stand beside device ids in other lists; ids that nobody named are absent. */
export const namesOf = async ({ warehouse, tenant }: Scope, deviceIds: readonly string[]): Promise<Map<string, NameRow>> => {
  if (deviceIds.length === 0) return new Map()
  const rows = await warehouse.query<NameRow>(
    `SELECT ids.id AS device_id, if(inventory.name = '', facts.hostname, inventory.name) AS name, inventory.site AS site, sites.name AS site_name
FROM (SELECT arrayJoin({ids:Array(String)}) AS id) AS ids
LEFT JOIN (SELECT device_id, name, site FROM devices FINAL WHERE tenant = {tenant:String} AND device_id IN {ids:Array(String)}) AS inventory ON inventory.device_id = ids.id
LEFT JOIN (SELECT site_id, name FROM sites FINAL WHERE tenant = {tenant:String}) AS sites ON sites.site_id = inventory.site
LEFT JOIN (SELECT subject, ifNull(tupleElement(argMax(tuple(value), (observed_at, offset)), 1), '') AS hostname FROM facts
  WHERE tenant = {tenant:String} AND subject IN {ids:Array(String)} AND name = 'device.hostname' GROUP BY subject) AS facts ON facts.subject = ids.id
WHERE name != '' OR site != ''`,
    { tenant, ids: deviceIds },
  )
  return new Map(rows.map((row) => [row.device_id, row]))
}
