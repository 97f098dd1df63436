/**
 * The alarms as they were known at a moment are a fold of their events up to it. Random lives of alarms through the device's
 * alarms, as the stage keeps them, into the real engine: for each moment the list must be the rows that the stage had written
 * by then, before it wrote newer ones over them.
 * More of them: ANY_MOMENT_RUNS=50 npx vitest run --project unit test/any-moment/alarms
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import type { Row } from '../../model/ports.ts'
import { type AlarmSink, writeTold } from '../../processors/domain/watch/alarm-rows.ts'
import { initialAlarms, openAlarms } from '../../processors/domain/watch/device-alarms.ts'
import { createRuleBook } from '../../processors/domain/rules/compile.ts'
import { idOfRow } from '../../query-api/domain/alarm-id.ts'
import { type AlarmFilter, type AlarmRow, everyAlarm, fits } from '../../query-api/domain/alarm-row.ts'
import { countAlarmsThen, listAlarmsThen, oneAlarmThen } from '../../query-api/queries/alarms-then.ts'
import { type AlarmListQuery, countAlarms, listAlarms } from '../../query-api/queries/alarms.ts'
import type { Scope } from '../../query-api/queries/scope.ts'
import { type GeneratedLife, lifeArbitrary } from '../alarm-fakes.ts'
import { profileOf, shippedRules } from '../rule-kit.ts'

const runs = Number(process.env['ANY_MOMENT_RUNS'] ?? 3)
const streamsPerRun = 12
const rules = createRuleBook(shippedRules()).forDevice(profileOf())
const types = ['radio.rsrp-poor', 'presence.offline', 'wan.down', 'device.crash']

let engine: Awaited<ReturnType<typeof startForTest>>
beforeAll(async () => {
  engine = await startForTest({ listen: null })
  await migrate(engine.warehouse)
  // The lives lie in the spring of 2026.
  await engine.warehouse.command('SYSTEM STOP TTL MERGES')
}, 60_000)
afterAll(() => engine.stop(), 30_000)

type Written = { scope: Scope; events: Row[]; episodes: Row[] }

/** Each life is one alarm of a device of its own; what it wrote stands in the tables. */
const lived = async (tenant: string, lives: readonly GeneratedLife[]): Promise<Written> => {
  const rows: AlarmSink['rows'] = { alarm_events: [], alarm_episodes: [] }
  for (const [index, { policy, moments }] of lives.entries()) {
    const subject = `02-f2-00-00-00-${index.toString(16).padStart(2, '0')}`
    const key = { type: types[index % types.length] ?? '', qualifier: '' }
    const alarms = initialAlarms(`dwr/311-a1/${subject}`)
    // A command that comes again comes at the stage's time.
    let atMs = 0
    for (const [offset, { command: planned }] of moments.entries()) {
      atMs = Math.max(atMs, planned.atMs)
      const command = { ...planned, atMs }
      const sink: AlarmSink = {
        tenant,
        subject,
        place: { logId: 'log', partition: 0, offset },
        topic: 'device-events',
        receivedAtMs: atMs,
        rows,
        records: [],
        audienceOf: () => ({ class: 'home', notifies: false, model: '', site: '' }),
      }
      const turn = {
        tenant,
        rules,
        typeOf: () => policy.type,
        nowMs: atMs,
        onTold: writeTold.bind(null, sink),
        onLimit: () => undefined,
      }
      const open = openAlarms(alarms, turn)
      open.observe(key, command, policy)
      open.close()
    }
  }
  for (const table of ['alarm_events', 'alarm_episodes'] as const)
    await engine.warehouse.insert(table, rows[table], { dedupToken: `${tenant} ${table}` })
  return { scope: { warehouse: engine.warehouse, tenant }, events: rows.alarm_events, episodes: rows.alarm_episodes }
}

const number = (row: Row, name: string): number => Number(row[name])
const keyOf = (row: Row): string =>
  idOfRow({ stream: String(row['stream']), episode: number(row, 'episode'), found_late: number(row, 'found_late') === 1 ? 1 : 0 })

/** The table as it was at a moment: of each episode the newest row that had been written; in a tenant of its own. */
const tableAt = async ({ scope, events, episodes }: Written, knownMs: number): Promise<{ scope: Scope; left: Set<string> }> => {
  const told = new Map<string, Row[]>()
  for (const event of events) if (number(event, 'at') <= knownMs) told.set(keyOf(event), [...(told.get(keyOf(event)) ?? []), event])
  const newest = new Map<string, Row>()
  for (const row of episodes) if (number(row, 'updated_at') <= knownMs) newest.set(keyOf(row), row)
  const tenant = `${scope.tenant} at ${String(knownMs)}`
  const left = new Set<string>()
  const rows: Row[] = []
  for (const [id, row] of newest) {
    const own = told.get(id) ?? []
    // The stage remembers the last few episodes of a stream: of older ones it writes events and no row.
    if (own.at(-1)?.['stream_version'] !== row['stream_version']) left.add(id)
    else rows.push({ ...row, tenant })
  }
  await engine.warehouse.insert('alarm_episodes', rows, { dedupToken: tenant })
  return { scope: { ...scope, tenant }, left }
}

const filterArbitrary: fc.Arbitrary<AlarmFilter> = fc
  .record({
    state: fc.constantFrom('active', 'active', 'cleared', 'all'),
    severities: fc.constantFrom(null, null, ['critical', 'major'], ['minor']),
    situation: fc.constantFrom(null, null, null, ['a']),
    operator: fc.constantFrom(null, null, 'none', 'ack', 'closed'),
    acknowledged: fc.constantFrom(null, null, null, true, false),
    shelved: fc.constantFrom(null, null, null, true, false),
    suppressed: fc.constantFrom(null, null, null, true, false),
    maintenance: fc.constantFrom(null, null, null, true, false),
    foundLate: fc.constantFrom(null, null, false, true),
    type: fc.constantFrom(null, null, ...types),
  } as const)
  .map((some) => ({ ...everyAlarm, ...some }))

const listQuery = (filter: AlarmFilter, more: Partial<AlarmListQuery> = {}): AlarmListQuery => ({
  ...filter,
  sort: 'raisedAt',
  descending: true,
  limit: 1_000,
  after: null,
  ...more,
})
const without = (rows: readonly AlarmRow[], left: ReadonlySet<string>): AlarmRow[] => rows.filter((row) => !left.has(idOfRow(row)))

let tenants = 0
const eachMoment = (claim: (written: Written, knownMs: number, filter: AlarmFilter) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(
      fc.array(lifeArbitrary({}, 120), { minLength: streamsPerRun, maxLength: streamsPerRun }),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom(-1, 0, 1)), { minLength: 4, maxLength: 4 }),
      fc.array(filterArbitrary, { minLength: 4, maxLength: 4 }),
      async (lives, picks, filters) => {
        const written = await lived(`t${String(tenants++)}`, lives)
        for (const [index, [pick, beside]] of picks.entries()) {
          const event = written.events[pick % Math.max(1, written.events.length)]
          const filter = filters[index]
          // On, right before and right after what happened.
          if (event !== undefined && filter !== undefined) await claim(written, number(event, 'at') + beside, filter)
        }
      },
    ),
    // A run is a second of the engine: the first failure is told as it is.
    { numRuns: runs, endOnFailure: true },
  )

it('the alarms as known at a moment are the table as it was then: list, counts, and each alone', async () => {
  let compared = 0
  await eachMoment(async (written, knownMs, filter) => {
    const { scope } = written
    const { scope: then, left } = await tableAt(written, knownMs)
    for (const asked of [everyAlarm, filter]) {
      const expected = without(await listAlarms(then, listQuery(asked)), left)
      compared += expected.length
      expect(without(await listAlarmsThen(scope, listQuery(asked), { knownMs, atMs: null }), left)).toEqual(expected)
      if (left.size > 0) continue
      const sorted = <T extends { severity: string }>(rows: T[]): T[] => rows.sort((a, b) => (a.severity < b.severity ? -1 : 1))
      expect(sorted(await countAlarmsThen(scope, asked, { knownMs, atMs: null }))).toEqual(sorted(await countAlarms(then, asked)))
    }
    const [one] = without(await listAlarms(then, listQuery(everyAlarm)), left)
    if (one === undefined) return
    const { stream, episode, found_late } = one
    expect(await oneAlarmThen(scope, { stream, episode, foundLate: found_late === 1 }, { knownMs, atMs: null })).toEqual(one)
    expect(
      await oneAlarmThen(scope, { stream, episode, foundLate: found_late === 1 }, { knownMs: one.detected_ms - 1, atMs: null }),
    ).toBeUndefined()
  })
  expect(compared).toBeGreaterThan(50)
}, 120_000)

it('in pages each is told once, in the order of the whole list', async () => {
  await eachMoment(async ({ scope }, knownMs, filter) => {
    const moment = { knownMs, atMs: null }
    for (const order of [
      { sort: 'raisedAt', descending: false },
      { sort: 'severity', descending: true },
    ] as const) {
      const whole = await listAlarmsThen(scope, listQuery(filter, order), moment)
      const told: AlarmRow[] = []
      let page: AlarmRow[]
      do {
        const last = told.at(-1)
        const after = last === undefined ? null : [last.rank, last.raised_ms, last.stream, last.found_late, last.episode]
        page = await listAlarmsThen(scope, listQuery(filter, { ...order, after, limit: 2 }), moment)
        told.push(...page.slice(0, 2))
      } while (page.length > 2)
      expect(told).toEqual(whole)
    }
  })
}, 120_000)

it('at a moment of the devices stand those that had begun and were not over, as is known now', async () => {
  await eachMoment(async (written, atMs, filter) => {
    const { scope } = written
    const { scope: last, left } = await tableAt(written, Number.MAX_SAFE_INTEGER)
    const stood = (await listAlarms(last, listQuery(everyAlarm))).filter(
      (row) => row.retracted === 0 && row.raised_ms <= atMs && (row.cleared_ms === null || row.cleared_ms > atMs),
    )
    const moment = { knownMs: null, atMs }
    const then = without(await listAlarmsThen(scope, listQuery({ ...everyAlarm, state: 'active' }), moment), left)
    expect(then.map(idOfRow)).toEqual(stood.map(idOfRow))
    const asked: AlarmFilter = { ...filter, state: 'active', type: null, foundLate: null }
    expect(without(await listAlarmsThen(scope, listQuery(asked), moment), left)).toEqual(then.filter((row) => fits(row, asked)))
  })
}, 120_000)
