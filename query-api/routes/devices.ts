/** /devices: the list with search, one device, and its retirement. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { pageOf } from '../domain/cursor.ts'
import { parseDeviceId } from '../domain/device-id.ts'
import { ledgerSums, ledgerVerdict } from '../domain/ledger-words.ts'
import { clockAheadMaxMs, toTime, toTimeOrNull } from '../domain/time.ts'
import { type DeviceRow, deviceSorts, listDevices, oneDevice, unknownDevice } from '../queries/devices.ts'
import { ledgerBySubject } from '../queries/ledger.ts'
import { bootAt } from '../queries/presence.ts'
import { lastFacts } from '../queries/state.ts'
import { completeThrough, completenessOf, cursorOf, deviceUnknown, knownDevice, type RouteContext, textOrNull } from './context.ts'
import { LedgerEntry } from './ledger.ts'
import {
  answers,
  choice,
  CompleteThrough,
  completeness,
  DeviceParams,
  list,
  NumberOrNull,
  nullable,
  pagingQuery,
  query,
  TextOrNull,
  Time,
  TimeOrNull,
} from './schemas.ts'

const Device = Type.Object({
  deviceId: Type.String(),
  name: nullable(Type.String({ description: 'From the inventory; else what the device calls itself (its host name).' })),
  site: nullable(Type.Object({ id: Type.String(), name: TextOrNull })),
  region: TextOrNull,
  customer: TextOrNull,
  class: TextOrNull,
  plan: TextOrNull,
  timeZone: TextOrNull,
  serial: TextOrNull,
  aliases: Type.Array(Type.String()),
  latitude: NumberOrNull,
  longitude: NumberOrNull,
  expectedIntervalSeconds: NumberOrNull,
  model: TextOrNull,
  firmware: TextOrNull,
  presence: Type.Object({
    state: choice(['online', 'offline', 'unknown']),
    since: TimeOrNull,
    reason: TextOrNull,
    cause: Type.Union([Type.String(), Type.Null()], {
      description:
        'Why it is offline, as far as is known: device, cell-or-sim, site-power, broker, firmware, planned, usual-night-off, unknown. While an outside broker is away no device is told offline: it is unknown, with the cause broker or our-bridge. planned: it went within a maintenance window.',
    }),
  }),
  firstSeenAt: TimeOrNull,
  lastSeenAt: Type.Union([Time, Type.Null()], { description: 'Arrival of the newest accepted message; null: never heard.' }),
  lastObservedAt: Type.Union([Time, Type.Null()], { description: 'Newest time that its data stand for.' }),
  messages: Type.Integer({ description: 'Accepted messages, without duplicates.' }),
  registered: Type.Boolean({ description: 'In the inventory. A device that only speaks is not.' }),
  retired: Type.Boolean(),
})

const DeviceList = list(Device, completeness)

const Fact = Type.Object({ name: Type.String(), value: TextOrNull, observedAt: Time, masked: Type.Boolean() })
export const Boot = Type.Object({
  bootId: Type.String(),
  observedAt: Time,
  receivedAt: Time,
  reason: TextOrNull,
  uptimeBeforeSeconds: NumberOrNull,
  taskId: TextOrNull,
  evidence: Type.String({ description: 'told: the device said so; new-boot-id, uptime-fell: seen from its messages.' }),
})

const OneDevice = Type.Intersect([
  Device,
  Type.Object({
    facts: Type.Array(Fact),
    boot: nullable(Boot),
    boots: Type.Integer(),
    ledger: nullable(LedgerEntry),
    completeThrough: CompleteThrough,
  }),
])

export const deviceRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  const { deps, scope } = context

  app.get(
    '/devices',
    {
      schema: {
        tags: ['devices'],
        summary: 'Devices, searched, filtered and sorted',
        querystring: query({
          q: Type.String({
            default: '',
            maxLength: 200,
            description: 'Any part of name, MAC in any writing, serial, site, customer or alias.',
          }),
          site: Type.Optional(Type.String({ maxLength: 200, description: 'Site id, exactly.' })),
          presence: Type.Optional(choice(['online', 'offline', 'unknown'])),
          registered: Type.Optional(Type.Boolean()),
          retired: Type.Boolean({ default: false, description: 'true lists the retired ones instead.' }),
          sort: choice(deviceSorts, { default: 'name' }),
          order: choice(['asc', 'desc'], { default: 'asc' }),
          ...pagingQuery,
        }),
        response: answers(DeviceList),
      },
    },
    async (request) => {
      const { q, site, presence, registered, retired, sort, order, limit, cursor } = request.query
      const [rows, complete] = await Promise.all([
        listDevices(
          scope,
          {
            q: q.trim(),
            site: site ?? null,
            presence: presence ?? null,
            registered: registered ?? null,
            retired,
            sort,
            descending: order === 'desc',
            limit,
            after: cursorOf(cursor, ['string', 'string']),
          },
          deps.clock.nowMs() + clockAheadMaxMs,
        ),
        completenessOf(context),
      ])
      const page = pageOf(rows, limit, (last) => [last.sort_key, last.device_id])
      return { items: page.rows.map(toDevice), nextCursor: page.nextCursor, ...complete }
    },
  )

  app.get(
    '/devices/:mac',
    {
      schema: {
        tags: ['devices'],
        summary: 'One device: inventory, facts, boots, counts',
        params: DeviceParams,
        querystring: query({}),
        response: answers(OneDevice),
      },
    },
    async (request) => {
      const deviceId = parseDeviceId(request.params.mac)
      const nowMs = deps.clock.nowMs()
      const [row, facts, boot, ledger] = await Promise.all([
        oneDevice(scope, deviceId, nowMs + clockAheadMaxMs),
        lastFacts(scope, deviceId, nowMs + clockAheadMaxMs),
        bootAt(scope, deviceId, nowMs + clockAheadMaxMs),
        ledgerBySubject(scope, { fromMs: 0, toMs: nowMs + 3_600_000, limit: 1, after: null, subject: deviceId }),
      ])
      // A device all of whose messages became dead letters has a ledger and nothing else; it is known.
      if (row === undefined && ledger[0] === undefined) throw deviceUnknown(deviceId)
      return {
        ...toDevice(row ?? unknownDevice(deviceId)),
        facts: facts.map(({ name, value, observed_at_ms, sealed }) => ({
          name,
          value,
          observedAt: toTime(observed_at_ms),
          masked: sealed === 1,
        })),
        boot: boot === undefined ? null : toBoot(boot),
        boots: boot?.boots ?? 0,
        ledger: ledger[0] === undefined ? null : { subject: deviceId, ...ledgerVerdict(ledgerSums(ledger[0])) },
        completeThrough: completeThrough(context),
      }
    },
  )

  app.post(
    '/devices/:mac/retire',
    {
      schema: {
        tags: ['devices'],
        summary: 'Retire a device: out of the lists and of what is expected; its data stay',
        params: DeviceParams,
        querystring: query({}),
        response: answers(Type.Object({ deviceId: Type.String(), retired: Type.Boolean() })),
      },
    },
    async (request) => {
      const deviceId = await knownDevice(context, request.params.mac)
      await deps.retire(deviceId, request.actor)
      return { deviceId, retired: true }
    },
  )
}

const toDevice = (row: DeviceRow): Static<typeof Device> => {
  const { presence } = row
  const heard = row.messages > 0
  return {
    deviceId: row.device_id,
    name: textOrNull(row.name),
    site: row.site === '' ? null : { id: row.site, name: textOrNull(row.site_name) },
    region: textOrNull(row.region),
    customer: textOrNull(row.customer),
    class: textOrNull(row.class),
    plan: textOrNull(row.plan),
    timeZone: textOrNull(row.time_zone),
    serial: textOrNull(row.serial),
    aliases: row.aliases,
    latitude: row.latitude,
    longitude: row.longitude,
    expectedIntervalSeconds: row.expected_interval_seconds,
    model: textOrNull(row.model),
    firmware: textOrNull(row.firmware),
    presence: {
      state: presence?.state ?? 'unknown',
      since: toTimeOrNull(presence?.since_ms ?? null),
      reason: presence?.reason ?? null,
      cause: presence?.state === 'offline' ? textOrNull(presence.cause ?? '') : null,
    },
    firstSeenAt: heard ? toTime(row.first_seen_ms) : null,
    lastSeenAt: heard ? toTime(row.last_seen_ms) : null,
    lastObservedAt: heard ? toTime(row.last_observed_ms) : null,
    messages: row.messages,
    registered: row.registered === 1,
    retired: row.retired === 1,
  }
}

export const toBoot = (row: {
  boot_id: string
  observed_at_ms: number
  received_at_ms: number
  reason: string | null
  uptime_before_seconds: number | null
  task_id: string | null
  evidence: string
}): Static<typeof Boot> => ({
  bootId: row.boot_id,
  observedAt: toTime(row.observed_at_ms),
  receivedAt: toTime(row.received_at_ms),
  reason: row.reason,
  uptimeBeforeSeconds: row.uptime_before_seconds,
  taskId: row.task_id,
  evidence: row.evidence,
})
