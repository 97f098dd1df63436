/** Devices: what the inventory says joined with what was heard. One list, searched, filtered, sorted and cut in the warehouse. */
import { macDigits } from '../domain/device-id.ts'
import type { CursorPart } from '../domain/cursor.ts'
import { type PresenceNowRow, presenceAt } from './presence.ts'
import { msOf, type Scope } from './scope.ts'
import { askTogether, msOfText, type Part } from './together.ts'

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
  /** Null: nothing was ever said of it. */
  presence: PresenceNowRow | null
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

/** What a device calls itself counts where the inventory does not say it: of the others it need not be read. */
const factRows = (part: FactPart): string => {
  const said = { hostname: 'name', serial: 'serial', model: null, firmware: null }[part]
  const unless =
    said === null ? '' : ` AND subject NOT IN (SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND ${said} != '')`
  return `(name = '${factNames[part]}'${unless})`
}

/** The columns that lists search and sort by, empty where their part is not wanted. */
const devicesSql = ({ sites, seen, presence, facts }: Parts): string => {
  const fact = (part: FactPart): string => (facts.includes(part) ? `facts.${part}` : "''")
  return `
SELECT ids.id AS device_id, toUInt8(inventory.device_id != '') AS registered, inventory.retired AS retired,
  if(inventory.name = '', ${fact('hostname')}, inventory.name) AS name, inventory.site AS site, ${sites ? 'sites.name' : "''"} AS site_name,
  if(inventory.customer = '', ${sites ? 'sites.customer' : "''"}, inventory.customer) AS customer,
  if(inventory.serial = '', ${fact('serial')}, inventory.serial) AS serial, inventory.aliases AS aliases,
  ${fact('model')} AS model, ${fact('firmware')} AS firmware,
  ${presence ? "if(presence.state = '', 'unknown', presence.state)" : "'unknown'"} AS presence,
  ${seen ? msOf('seen.last_received_at') : 'toFloat64(0)'} AS last_seen_ms
FROM (
  SELECT device_id AS id FROM devices WHERE tenant = {tenant:String}
  UNION DISTINCT
  SELECT subject AS id FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device'
) AS ids
LEFT JOIN (SELECT device_id, retired, name, site, customer, serial, aliases FROM devices FINAL WHERE tenant = {tenant:String}) AS inventory ON inventory.device_id = ids.id
${sites ? 'LEFT JOIN (SELECT site_id, name, customer FROM sites FINAL WHERE tenant = {tenant:String} AND retired = 0) AS sites ON sites.site_id = inventory.site' : ''}
${
  seen
    ? `LEFT JOIN (
  SELECT subject, max(last_received_at) AS last_received_at FROM subjects_seen WHERE tenant = {tenant:String} AND subject_kind = 'device' GROUP BY subject
) AS seen ON seen.subject = ids.id`
    : ''
}
${presence ? `LEFT JOIN (${presenceNow()}) AS presence ON presence.subject = ids.id` : ''}
${
  facts.length > 0
    ? `LEFT JOIN (
  SELECT subject, ${facts.map((part) => `ifNull(tupleElement(argMaxIf(tuple(value), (observed_at, offset), name = '${factNames[part]}'), 1), '') AS ${part}`).join(', ')}
  FROM facts WHERE tenant = {tenant:String} AND (${facts.map(factRows).join(' OR ')}) GROUP BY subject
) AS facts ON facts.subject = ids.id`
    : ''
}`
}

/** In these words the projection `newest` of the table answers, which holds one row a device for each part on disk. */
export const presenceNow = (): string =>
  'SELECT subject, toString(argMax(state, (observed_at, received_at, offset))) AS state FROM presence WHERE tenant = {tenant:String} GROUP BY subject'

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
export const listDevices = async (scope: Scope, filter: DeviceFilter, atMs: number): Promise<DeviceRow[]> => {
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
  const rows = await devicesOf(
    scope,
    found.map(({ device_id }) => device_id),
    atMs,
  )
  return found.flatMap(({ device_id, sort_key }) => {
    const row = rows.get(device_id)
    return row === undefined ? [] : [{ ...row, sort_key }]
  })
}

export const oneDevice = async (scope: Scope, deviceId: string, atMs: number): Promise<DeviceRow | undefined> =>
  (await devicesOf(scope, [deviceId], atMs)).get(deviceId)

type SiteInfo = Pick<DeviceRow, 'region' | 'customer' | 'time_zone' | 'latitude' | 'longitude'> & { site_id: string; site_name: string }
type InventoryInfo = SiteInfo &
  Pick<DeviceRow, 'device_id' | 'retired' | 'name' | 'class' | 'plan' | 'serial' | 'aliases' | 'expected_interval_seconds'>
type SeenInfo = Pick<DeviceRow, 'device_id' | 'messages' | 'first_seen_ms' | 'last_seen_ms' | 'last_observed_ms'>
type FactInfo = { device_id: string; fact: string; value: string }

/**
 * All that is known of these devices, presence as of `atMs`, put together here: to plan the join would cost more than it reads.
 * A device that is neither in the inventory nor was ever heard is absent.
 */
const devicesOf = async (scope: Scope, ids: readonly string[], atMs: number): Promise<Map<string, DeviceRow>> => {
  if (ids.length === 0) return new Map()
  const [[inventory, sites, seen, facts], presences] = await Promise.all([
    askTogether(scope.warehouse, aboutDevices({ tenant: scope.tenant, ids })),
    presenceAt(scope, ids, atMs),
  ])
  const inventoryOf = new Map(inventory.map((row) => [row.device_id, row]))
  const siteOf = new Map(sites.map((row) => [row.site_id, row]))
  const seenOf = new Map(seen.map((row) => [row.device_id, row]))
  const factOf = new Map(facts.map((row) => [`${row.device_id} ${row.fact}`, row.value]))
  const presenceOf = new Map(presences.map((row) => [row.subject, row]))
  const known = ids.filter((id) => inventoryOf.has(id) || seenOf.has(id))
  return new Map(
    known.map((id) => {
      const told = inventoryOf.get(id) ?? { ...notInInventory, device_id: id }
      const site = siteOf.get(told.site_id)
      const fact = (part: FactPart): string => factOf.get(`${id} ${factNames[part]}`) ?? ''
      const { site_id, ...own } = told
      return [
        id,
        {
          ...own,
          registered: inventoryOf.has(id) ? 1 : 0,
          name: told.name || fact('hostname'),
          site: site_id,
          site_name: site?.site_name ?? '',
          region: told.region || (site?.region ?? ''),
          customer: told.customer || (site?.customer ?? ''),
          time_zone: told.time_zone || (site?.time_zone ?? ''),
          serial: told.serial || fact('serial'),
          latitude: told.latitude ?? site?.latitude ?? null,
          longitude: told.longitude ?? site?.longitude ?? null,
          model: fact('model'),
          firmware: fact('firmware'),
          presence: presenceOf.get(id) ?? null,
          ...(seenOf.get(id) ?? neverSeen),
          sort_key: '',
        },
      ]
    }),
  )
}

const notInInventory: InventoryInfo = {
  device_id: '',
  retired: 0,
  name: '',
  site_id: '',
  site_name: '',
  region: '',
  customer: '',
  class: '',
  plan: '',
  time_zone: '',
  serial: '',
  aliases: [],
  latitude: null,
  longitude: null,
  expected_interval_seconds: null,
}
const neverSeen: Omit<SeenInfo, 'device_id'> = { messages: 0, first_seen_ms: 0, last_seen_ms: 0, last_observed_ms: 0 }

/** Of a device that nobody registered and none of whose messages was accepted. */
export const unknownDevice = (deviceId: string): DeviceRow => {
  const { site_id, ...nothing } = notInInventory
  return {
    ...nothing,
    ...neverSeen,
    device_id: deviceId,
    registered: 0,
    site: site_id,
    model: '',
    firmware: '',
    presence: null,
    sort_key: '',
  }
}

const aboutDevices = (params: {
  tenant: string
  ids: readonly string[]
}): [Part<InventoryInfo>, Part<SiteInfo>, Part<SeenInfo>, Part<FactInfo>] => {
  const inIds = (column: string): string => `tenant = {tenant:String} AND ${column} IN {ids:Array(String)}`
  const placeCells = ['region', 'customer', 'time_zone', 'latitude', 'longitude'] as const
  type PlaceValues = [string, string, string, number | null, number | null]
  const placeOf = ([region, customer, time_zone, latitude, longitude]: PlaceValues) => ({
    region,
    customer,
    time_zone,
    latitude,
    longitude,
  })
  return [
    {
      cells: [
        `tuple(${placeCells.join(', ')})`,
        'device_id',
        'retired',
        'name',
        'site',
        'class',
        'plan',
        'serial',
        'aliases',
        'expected_interval_seconds',
      ],
      read: ([place, device_id, retired, name, site_id, ofClass, plan, serial, aliases, expected]: [
        PlaceValues,
        string,
        0 | 1,
        string,
        string,
        string,
        string,
        string,
        string[],
        number | null,
      ]) => ({
        ...placeOf(place),
        device_id,
        retired,
        name,
        site_id,
        site_name: '',
        class: ofClass,
        plan,
        serial,
        aliases,
        expected_interval_seconds: expected,
      }),
      from: `devices FINAL WHERE ${inIds('device_id')}`,
      params,
    },
    {
      cells: [`tuple(${placeCells.join(', ')})`, 'site_id', 'name'],
      read: ([place, site_id, site_name]: [PlaceValues, string, string]) => ({ ...placeOf(place), site_id, site_name }),
      from: `sites FINAL WHERE tenant = {tenant:String} AND retired = 0 AND site_id IN (SELECT site FROM devices WHERE ${inIds('device_id')})`,
      params,
    },
    {
      cells: ['subject', 'toFloat64(sum(messages))', 'min(first_received_at)', 'max(last_received_at)', 'max(last_observed_at)'],
      read: ([device_id, messages, first, last, observed]: [string, number, string, string, string]) => ({
        device_id,
        messages,
        first_seen_ms: msOfText(first),
        last_seen_ms: msOfText(last),
        last_observed_ms: msOfText(observed),
      }),
      from: `subjects_seen WHERE ${inIds('subject')} AND subject_kind = 'device' GROUP BY subject`,
      params,
    },
    {
      cells: ['subject', 'name', "ifNull(tupleElement(argMax(tuple(value), (observed_at, offset)), 1), '')"],
      read: ([device_id, fact, value]: [string, string, string]) => ({ device_id, fact, value }),
      from: `facts WHERE ${inIds('subject')} AND name IN (${Object.values(factNames)
        .map((name) => `'${name}'`)
        .join(', ')}) GROUP BY subject, name`,
      params,
    },
  ]
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
