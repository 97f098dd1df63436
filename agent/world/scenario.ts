/**
 * A scenario file: the fleet's shape and the faults planted in it. Strict: unknown keys, wrong values and impossible times are
 * all told at once, each with its path. What it means for each device is `plan.ts`.
 */
import { parseDocument } from 'yaml'
import { faultKinds, faultNames, type FaultName } from './fault-kinds/catalogue.ts'
import type { ReadFault } from './fault-kinds/kind.ts'
import { activityKinds } from './daily.ts'
import { modelNames } from './models.ts'
import { deviceClasses } from './planned-device.ts'
import { duration, flag, integer, isObject, list, listBy, matching, number, object, type ObjectOf, oneOf, oneOrMore, optional, parseDuration, type Read, required, share, text, withDefault } from './strict-reader.ts' // biome-ignore format: one list

/** A time of the file: from the start, on the clock, or local time on a day of the run (1 is the day of the start). */
export type When = { kind: 'offset'; ms: number } | { kind: 'absolute'; ms: number } | { kind: 'local'; day: number; ms: number }

const mac = matching(/^([0-9a-f]{2}-){5}[0-9a-f]{2}$/, 'a MAC like 02-f2-00-00-00-07')
const absolute = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

const when: Read<When> = (value, path, problems) => {
  const written = typeof value === 'string' ? value.trim() : ''
  if (absolute.test(written) && !Number.isNaN(Date.parse(written))) return { kind: 'absolute', ms: Date.parse(written) }
  const [, day, hour, minute, second] = /^(?:day (\d{1,4}) )?([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(written) ?? []
  if (hour !== undefined && Number(day ?? 1) >= 1)
    return { kind: 'local', day: Number(day ?? 1), ms: ((Number(hour) * 60 + Number(minute)) * 60 + Number(second ?? 0)) * 1000 }
  const ms = parseDuration(written)
  if (ms !== undefined && ms >= 0) return { kind: 'offset', ms }
  problems.push(
    `${path}: expected an offset like 2h30m, a local time like 03:10 or "day 2 03:10", or RFC 3339 with zone, got ${JSON.stringify(value)}`,
  )
  return { kind: 'offset', ms: 0 }
}

const instant: Read<number> = (value, path, problems) => {
  if (typeof value === 'string' && absolute.test(value) && !Number.isNaN(Date.parse(value))) return Date.parse(value)
  problems.push(`${path}: expected a time like 2026-01-05T00:00:00+01:00, got ${JSON.stringify(value)}`)
  return 0
}

const utcOffset: Read<number> = (value, path, problems) => {
  const [, sign, hours, minutes] = typeof value === 'string' ? (/^([+-])(0\d|1[0-4]):([0-5]\d)$/.exec(value) ?? []) : []
  if (hours === undefined) problems.push(`${path}: expected an offset like "+01:00", got ${JSON.stringify(value)}`)
  return (sign === '-' ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000
}

/** `"1.04.02"`, or a list of versions with their shares of the group, which are weights. */
const firmware: Read<{ version: string; share: number }[]> = (value, path, problems) =>
  typeof value === 'string'
    ? [{ version: value, share: 1 }]
    : list(object({ version: required(text), share: withDefault(share, 1) }), 1)(value, path, problems)

const groupFields = {
  name: required(matching(/^[a-z0-9][a-z0-9-]{0,39}$/, 'a name of a-z, 0-9 and -')),
  count: required(integer(1, 1_000_000)),
  model: required(oneOf(modelNames)),
  firmware: optional(firmware),
  class: withDefault(oneOf(deviceClasses), 'home'),
  /** By what its traffic goes; vehicle: it also drives about. */
  activity: withDefault(oneOf(activityKinds), 'home'),
  backup: withDefault(share, 0),
  night_off: withDefault(share, 0),
  counters_32_bit: withDefault(share, 0.3),
  no_clock: withDefault(share, 0),
} as const

/** All conditions given must hold; `share` or `count` then take some of those, by the seed. */
export const selectorFields = {
  all: optional(flag),
  device: optional(oneOrMore(mac)),
  site: optional(oneOrMore(text)),
  cell: optional(oneOrMore(matching(/^(\d{1,11}|busiest(-\d{1,3})?)$/, 'a cell id as a text, or busiest, busiest-2, ...'))),
  enb: optional(oneOrMore(integer(0, 2 ** 24))),
  model: optional(oneOrMore(oneOf(modelNames))),
  firmware: optional(oneOrMore(text)),
  group: optional(oneOrMore(text)),
  class: optional(oneOrMore(oneOf(deviceClasses))),
  backup: optional(flag),
  share: optional(share),
  count: optional(integer(1, 1_000_000)),
} as const
export type Selector = ObjectOf<typeof selectorFields>

const topicEvery = Object.fromEntries(
  Object.entries({ radio: 1, loadavg: 1, cpu: 1, memory: 1, interfaces: 1, probe: 1, temperature: 5, storage: 15, wan: 60, modem: 60 }).map(
    ([name, rounds]) => [name, withDefault(integer(0, 100_000), rounds)],
  ),
) as Record<TopicName, ReturnType<typeof withDefault<number>>>
export type TopicName = 'radio' | 'loadavg' | 'cpu' | 'memory' | 'interfaces' | 'probe' | 'temperature' | 'storage' | 'wan' | 'modem'

const orDefaults = <T>(read: Read<T>): { read: Read<T>; fallback: () => T } => ({ read, fallback: () => read({}, '', []) })

const fields = {
  name: required(text),
  description: optional(text),
  seed: withDefault(integer(0, 2 ** 32 - 1), 1),
  from: optional(instant),
  duration: required(duration(1_000)),
  utc_offset: withDefault(utcOffset, 3_600_000),
  network: orDefaults(
    object({
      masts: withDefault(integer(1, 2_500), 25),
      spacing_km: withDefault(number(0.2, 20), 1.8),
      latitude: withDefault(number(-80, 80), 49.4),
      longitude: withDefault(number(-180, 180), 11),
      plmn: withDefault(matching(/^\d{5,6}$/, '5 or 6 digits as a text'), '00101'),
    }),
  ),
  fleet: required(object({ sites: withDefault(integer(1, 100_000), 20), groups: required(listBy('name', object(groupFields), 1)) })),
  telemetry: orDefaults(
    object({
      interval: withDefault(duration(1_000), 60_000),
      /** Rounds of the interval between two messages of the kind; 0: never, but for changes. */
      every: orDefaults(object(topicEvery)),
    }),
  ),
  connection: orDefaults(
    object({
      keep_alive: withDefault(duration(1_000), 60_000),
      connect_within: withDefault(duration(), 60_000),
      /** Messages that a device keeps while it cannot send; beyond, the oldest are lost and leave a gap in seq. */
      buffer_messages_max: withDefault(integer(1, 1_000_000), 20_000),
      upload_per_second: withDefault(number(1, 10_000), 50),
    }),
  ),
  background: orDefaults(
    object({
      reboots_per_day: withDefault(number(0, 100), 0.01),
      link_losses_per_day: withDefault(number(0, 1_000), 0.3),
      new_sessions_per_day: withDefault(number(0, 1_000), 1),
      log_lines_per_hour: withDefault(number(0, 3_600), 1),
    }),
  ),
} as const

const faultFields = {
  id: required(matching(/^[a-z0-9][a-z0-9-]{0,63}$/, 'an id of a-z, 0-9 and -')),
  kind: required(oneOf(faultNames)),
  at: required(when),
  for: optional(duration(1)),
  to: optional(when),
  who: required(object(selectorFields)),
  with: withDefault<unknown>((value) => value, undefined),
} as const

export type PlantedFault = {
  id: string
  kind: FaultName
  path: string
  at: When
  forMs: number | undefined
  to: When | undefined
  who: Selector
  read: ReadFault
}
export type Scenario = ObjectOf<typeof fields> & { faults: PlantedFault[] }
export type ScenarioResult = { ok: true; value: Scenario } | { ok: false; problems: string[] }

export const parseScenario = (yaml: string): ScenarioResult => {
  const document = parseDocument(yaml, { strict: true, uniqueKeys: true })
  if (document.errors.length > 0) return { ok: false, problems: document.errors.map(({ message }) => message.split('\n')[0] ?? message) }
  let given: unknown
  try {
    given = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    return { ok: false, problems: [(error as Error).message] }
  }
  const problems: string[] = []
  const { faults: givenFaults, ...rest } = isObject(given) ? given : { faults: undefined }
  const base = object(fields)(isObject(given) ? rest : given, '', problems)
  const faults = givenFaults === undefined || givenFaults === null ? [] : listBy('id', readFault)(givenFaults, 'faults', problems)
  return problems.length > 0 ? { ok: false, problems } : { ok: true, value: { ...base, faults } }
}

const readFault: Read<PlantedFault> = (value, path, problems) => {
  const { id, kind, at, for: forMs, to, who, with: given } = object(faultFields)(value, path, problems)
  const declared = faultKinds[kind]
  const kindTold = isObject(value) && value['kind'] === kind
  const read = declared.read(given ?? {}, `${path}.with`, kindTold ? problems : [])
  if (!kindTold) return { id, kind, path, at, forMs, to, who, read } // Which rules hold is unknown.
  if (forMs !== undefined && to !== undefined) problems.push(`${path}.to: expected either for or to, got both`)
  if (declared.lasts === 'moment' && (forMs !== undefined || to !== undefined))
    problems.push(`${path}.for: a ${kind} is a moment and has no length`)
  if (declared.lasts === 'span' && declared.usuallyMs === undefined && forMs === undefined && to === undefined)
    problems.push(`${path}.for: missing; a ${kind} has no usual length, say for or to`)
  if (Object.values(who).every((condition) => condition === undefined))
    problems.push(`${path}.who: expected at least one condition, or all: true`)
  if (who.share !== undefined && who.count !== undefined) problems.push(`${path}.who: expected share or count, got both`)
  if (declared.target === 'cell' && who.cell === undefined && who.enb === undefined)
    problems.push(`${path}.who.cell: missing; a ${kind} needs cell or enb`)
  return { id, kind, path, at, forMs, to, who, read }
}
