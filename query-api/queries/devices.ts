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

/** What a query needs beside the inventory itself; each part costs a read over the fleet. */
type Parts = { sites: boolean; seen: boolean; presence: boolean; facts: readonly FactPart[] }
const factNames = { model: 'device.model', firmware: 'firmware.version', serial: 'device.serial', hostname: 'device.hostname' } as const
type FactPart = keyof typeof factNames
const allParts: Parts = { sites: true, seen: true, presence: true, facts: ['model', 'firmware', 'serial', 'hostname'] }

/** Every column of a `DeviceRow`, empty where its part is not wanted; `only` narrows each part to some devices. */
const devicesSql = ({ sites, seen, presence, facts }: Parts, only: (column: string) => string = () => ''): string => {
  const site = (column: string, empty: string): string => (sites ? `sites.${column}` : empty)
  const heard = (column: string): string => (seen ? msOf(`seen.${column}`) : 'toFloat64(0)')
  const fact = (part: FactPart): string => (facts.includes(part) ? `facts.${part}` : "''")
  return `
SELECT ids.id AS device_id,
  toUInt8(inventory.device_id != '') AS registered, inventory.retired AS retired,
  if(inventory.name = '', ${fact('hostname')}, inventory.name) AS name, inventory.site AS site, ${site('name', "''")} AS site_name,
  if(inventory.region = '', ${site('region', "''")}, inventory.region) AS region,
  if(inventory.customer = '', ${site('customer', "''")}, inventory.customer) AS customer,
  inventory.class AS class, inventory.plan AS plan,
  if(inventory.time_zone = '', ${site('time_zone', "''")}, inventory.time_zone) AS time_zone,
  if(inventory.serial = '', ${fact('serial')}, inventory.serial) AS serial, inventory.aliases AS aliases,
  if(isNull(inventory.latitude), ${site('latitude', 'NULL')}, inventory.latitude) AS latitude,
  if(isNull(inventory.longitude), ${site('longitude', 'NULL')}, inventory.longitude) AS longitude,
  inventory.expected_interval_seconds AS expected_interval_seconds,
  ${fact('model')} AS model, ${fact('firmware')} AS firmware,
  ${presence ? "if(presence.state = '', 'unknown', presence.state)" : "'unknown'"} AS presence,
  ${seen ? 'toFloat64(seen.messages)' : 'toFloat64(0)'} AS messages,
  ${heard('first_received_at')} AS first_seen_ms, ${heard('last_received_at')} AS last_seen_ms, ${heard('last_observed_at')} AS last_observed_ms
FROM (
  SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}${only('device_id')}
  UNION DISTINCT
  SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'${only('subject')}
) AS ids
LEFT JOIN (SELECT * FROM devices FINAL WHERE tenant = {tenant:String}${only('device_id')}) AS inventory ON inventory.device_id = ids.id
${sites ? 'LEFT JOIN (SELECT * FROM sites FINAL WHERE tenant = {tenant:String} AND retired = 0) AS sites ON sites.site_id = inventory.site' : ''}
${
  seen
    ? `LEFT JOIN (
  SELECT subject, sum(messages) AS messages, min(first_received_at) AS first_received_at, max(last_received_at) AS last_received_at,
    max(last_observed_at) AS last_observed_at
  FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'${only('subject')} GROUP BY subject
) AS seen ON seen.subject = ids.id`
    : ''
}
${presence ? `LEFT JOIN (${presenceNow(only('subject'))}) AS presence ON presence.subject = ids.id` : ''}
${
  facts.length > 0
    ? `LEFT JOIN (
  SELECT subject, ${facts.map((part) => `ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = '${factNames[part]}'), 1), '') AS ${part}`).join(', ')}
  FROM facts WHERE tenant = {tenant:String}${only('subject')} AND name IN (${facts.map((part) => `'${factNames[part]}'`).join(', ')}) GROUP BY subject
) AS facts ON facts.subject = ids.id`
    : ''
}`
}

/** In these words the projection `newest` of the table answers, which holds one row a device for each part on disk. */
export const presenceNow = (only = ''): string =>
  `SELECT subject, toString(argMax(state, (observed_at, received_at, offset))) AS state FROM presence WHERE tenant = {tenant:String}${only} GROUP BY subject`

const partsOf = ({ q, sort, presence }: DeviceFilter): Parts => ({
  sites: q !== '' || sort === 'site',
  seen: sort === 'lastSeenAt',
  presence: presence !== null || sort === 'presence',
  facts: (['model', 'firmware', 'serial', 'hostname'] as const).filter(
    (part) => part === sort || (q !== '' && (part === 'serial' || part === 'hostname')) || (part === 'hostname' && sort === 'name'),
  ),
})

/**
 * Asks for `limit + 1` rows, so that the caller sees whether there are more. First which devices and in what order, with no
 * more than that needs of each; then all that is known of those few.
 */
export const listDevices = async (scope: Scope, filter: DeviceFilter): Promise<DeviceRow[]> => {
  const { warehouse, tenant } = scope
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
  const found = await warehouse.query<{ device_id: string; sort_key: string }>(
    `SELECT device_id, ${sortKeys[filter.sort]} AS sort_key FROM (${devicesSql(partsOf(filter))}) WHERE ${conditions.join(' AND ')}
ORDER BY sort_key ${filter.descending ? 'DESC' : 'ASC'}, device_id ASC LIMIT {limit:UInt32}`,
    params,
  )
  if (found.length === 0) return []
  const rows = await warehouse.query<DeviceRow>(
    `SELECT *, '' AS sort_key FROM (${devicesSql(allParts, (column) => ` AND ${column} IN {ids:Array(String)}`)})`,
    { tenant, ids: found.map(({ device_id }) => device_id) },
  )
  const byId = new Map(rows.map((row) => [row.device_id, row]))
  return found.flatMap(({ device_id, sort_key }) => {
    const row = byId.get(device_id)
    return row === undefined ? [] : [{ ...row, sort_key }]
  })
}

export const oneDevice = async ({ warehouse, tenant }: Scope, deviceId: string): Promise<DeviceRow | undefined> => {
  const rows = await warehouse.query<DeviceRow>(
    `SELECT *, '' AS sort_key FROM (${devicesSql(allParts, (column) => ` AND ${column} = {device:String}`)})`,
    { tenant, device: deviceId },
  )
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
