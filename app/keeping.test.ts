/** The rules of keeping on the engine's own tables: which rows go, which stay, what is noted and what is held. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { maskedShareMax, readExpiries, setExpiry } from '../adapters/clickhouse/keeping-statements.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Row } from '../model/ports.ts'
import { type KeepingRules, shippedKeeping } from '../model/keeping.ts'
import { parseKeeping } from '../model/keeping-form.ts'
import { createLogger } from '../runtime/logger.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { startKeeper } from './keeper.ts'
import { leapRowsMax, lengthenExpiries, runKeeping } from './keeping.ts'
import { planKeeping, subjectsPerStatementMax } from './keeping-plan.ts'

const dayMs = 86_400_000
/** The engine's expiry goes by its own clock. */
const nowMs = Math.floor(Date.now() / dayMs) * dayMs + dayMs / 2
const [acme, other, unknown] = ['00-00-00-00-00-0a', '00-00-00-00-00-0b', 'world/nowhere']

let own: Awaited<ReturnType<typeof startForTest>>
let offset = 0

const rulesOf = (value: unknown): KeepingRules => {
  const parsed = parseKeeping(value)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems))
  return parsed.value
}
const base = (subject: string, ageMs: number, observedMs = nowMs - ageMs) => ({
  tenant: 'default',
  subject,
  observed_at: observedMs,
  received_at: nowMs - ageMs,
  log_id: 'log',
  partition: 0,
  offset: ++offset,
})
const reading = (subject: string, ageMs: number, observedMs?: number): Row => ({
  ...base(subject, ageMs, observedMs),
  metric: 'm',
  attributes: '',
  value: 1,
  quality: 'ok',
})
const fact = (subject: string, name: string, ageMs: number, value: string): Row => ({ ...base(subject, ageMs), name, value, sealed: '' })
const insert = (table: string, rows: readonly Row[]) => own.warehouse.insert(table, rows, { dedupToken: `${table}-${++offset}` })
const run = (rules: KeepingRules, more: { dryRun?: boolean; confirmed?: boolean } = {}) =>
  runKeeping({
    warehouse: own.warehouse,
    rules,
    tenant: 'default',
    nowMs,
    dryRun: false,
    confirmed: false,
    mayGoOn: async () => undefined,
    ...more,
  })
const agesIn = async (table: string, subject: string, time = 'received_at'): Promise<number[]> => {
  const rows = await own.warehouse.query<{ ms: number }>(
    `SELECT toFloat64(toUnixTimestamp64Milli(toDateTime64(${time}, 3, 'UTC'))) AS ms FROM ${table} WHERE subject = {subject:String} ORDER BY ms`,
    { subject },
  )
  return rows.map(({ ms }) => nowMs - ms)
}
const notes = (table: string) =>
  own.warehouse.query<{ subject: string; days: number }>(
    `SELECT subject, (${nowMs} - toUnixTimestamp64Milli(max(since))) / ${dayMs} AS days FROM kept_from WHERE table_name = {table:String} GROUP BY subject ORDER BY subject`,
    { table },
  )

beforeAll(async () => {
  own = await startForTest()
  await migrate(own.warehouse, { alone: true })
  await lengthenExpiries(own.warehouse, shippedKeeping)
  const device = (device_id: string, customer: string): Row => ({
    tenant: 'default', device_id, name: '', site: '', region: '', latitude: null, longitude: null, time_zone: '', customer, class: 'router',
    expected_interval_seconds: null, plan: '', serial: '', aliases: [], retired: 0, received_at: nowMs, log_id: 'log', partition: 0, offset: ++offset,
  }) // biome-ignore format: one row
  await insert('devices', [device(acme, 'acme'), device(other, '')])
})
afterAll(() => own.stop())
beforeEach(async () => {
  for (const table of [
    'measurements',
    'measurements_15m',
    'measurements_1h',
    'measurements_1d',
    'facts',
    'presence',
    'log_lines',
    'kept_from',
    'keeping_runs',
  ])
    await own.warehouse.command(`TRUNCATE TABLE ${table}`)
  for (const [table, days] of [
    ['measurements', 90],
    ['log_lines', 90],
  ] as const)
    if ((await readExpiries(own.warehouse)).get(table) !== days) await setExpiry(own.warehouse, table, days)
})

describe('the rules of keeping', () => {
  const rules = rulesOf({ rules: [{ customer: 'acme', keep: { measurements: 30 } }] })

  it('remove what is older than a rule says, of its devices only, to the exact millisecond', async () => {
    const ages = [31 * dayMs, 30 * dayMs + 1, 30 * dayMs, dayMs]
    await insert(
      'measurements',
      [acme, other, unknown].flatMap((subject) => ages.map((age) => reading(subject, age))),
    )
    expect(await run(rules, { dryRun: true })).toMatchObject([{ table: 'measurements', days: 30, due: 2, of: 4, outcome: 'would go' }])
    expect(await agesIn('measurements', acme)).toEqual(ages)
    expect(await run(rules)).toMatchObject([
      { table: 'measurements', days: 30, due: 2, of: 4, oldestMs: nowMs - 31 * dayMs, outcome: 'removed' },
    ])
    expect(await agesIn('measurements', acme)).toEqual([30 * dayMs, dayMs])
    expect(await agesIn('measurements', other)).toEqual(ages)
    expect(await agesIn('measurements', unknown)).toEqual(ages)
    expect(await notes('measurements')).toEqual([
      { subject: '*', days: 90 },
      { subject: acme, days: 30 },
    ])
    expect(await run(rules)).toEqual([])
  })

  it('apply to rows that are there when the rules change, and go by model where the device told one', async () => {
    await insert('facts', [fact(other, 'device.model', 50 * dayMs, '925-x'), fact(other, 'device.product', 50 * dayMs, 'dwr')])
    await insert('measurements', [reading(acme, 20 * dayMs), reading(other, 20 * dayMs)])
    expect(await run(rules)).toEqual([])
    expect(await run(rulesOf({ rules: [{ model: 'dwr/925-*', keep: { measurements: 10 } }] }))).toMatchObject([{ days: 10, due: 1, of: 1 }])
    expect(await agesIn('measurements', other)).toEqual([])
    expect(await agesIn('measurements', acme)).toHaveLength(1)
  })

  it('keep for longer what a rule says, and all others, also those that nobody knows, as the default says', async () => {
    const longer = rulesOf({ rules: [{ customer: 'acme', keep: { measurements: 200, logs: 'forever' } }] })
    await lengthenExpiries(own.warehouse, longer)
    expect((await readExpiries(own.warehouse)).get('measurements')).toBe(200)
    expect((await readExpiries(own.warehouse)).get('log_lines')).toBe(null)
    await insert(
      'measurements',
      [acme, other, unknown].flatMap((subject) => [reading(subject, 91 * dayMs), reading(subject, dayMs)]),
    )
    expect(await run(longer)).toMatchObject([{ days: 90, due: 2, of: 4, outcome: 'removed' }])
    expect(await agesIn('measurements', acme)).toHaveLength(2)
    expect(await agesIn('measurements', unknown)).toEqual([dayMs])
    expect((await notes('measurements')).map(({ subject, days }) => [subject, days])).toEqual([
      ['*', 200],
      [other, 90],
      [unknown, 90],
    ])
  })

  it('leave the newest of what is only written when it changes, since it still holds', async () => {
    await insert('facts', [
      fact(acme, 'firmware.version', 500 * dayMs, '1'),
      fact(acme, 'firmware.version', 450 * dayMs, '2'),
      fact(acme, 'firmware.version', 3 * dayMs, '3'),
    ])
    await insert('facts', [fact(acme, 'device.serial', 500 * dayMs, 'x')])
    await own.warehouse.command('OPTIMIZE TABLE facts FINAL')
    await run(shippedKeeping)
    const held = await own.warehouse.query<{ name: string; value: string }>('SELECT name, value FROM facts ORDER BY name, value')
    expect(held).toEqual([
      { name: 'device.serial', value: 'x' },
      { name: 'firmware.version', value: '2' },
      { name: 'firmware.version', value: '3' },
    ])
  })

  it('remove rollups by the time they are about, and never those whose rows are still there', async () => {
    const short = rulesOf({ rules: [{ customer: 'acme', keep: { measurements: 5, rollups15m: 10 } }] })
    await insert('measurements', [
      reading(acme, 20 * dayMs),
      reading(acme, 9 * dayMs),
      reading(acme, dayMs, nowMs - 3000 * dayMs),
      reading(other, 20 * dayMs),
    ])
    expect(await run(short)).toMatchObject([
      { table: 'measurements', due: 2 },
      { table: 'measurements_15m', due: 1, of: 3 },
    ])
    expect(await agesIn('measurements', acme)).toEqual([dayMs])
    expect(await agesIn('measurements_15m', acme, 'bucket')).toEqual([3000 * dayMs, 9 * dayMs])
    expect(await agesIn('measurements_1h', acme, 'bucket')).toHaveLength(3)
    expect(await agesIn('measurements_15m', other, 'bucket')).toHaveLength(1)
  })

  it('give the bytes back where a good share of a partition is gone', async () => {
    await insert(
      'measurements',
      Array.from({ length: 1000 }, (_, index) => reading(index < 1000 * maskedShareMax ? acme : other, 40 * dayMs + index)),
    )
    await run(rules)
    const [part] = await own.warehouse.query<{ held: number; masked: number }>(
      "SELECT toFloat64(sum(rows)) AS held, max(has_lightweight_delete) AS masked FROM system.parts WHERE table = 'measurements' AND active AND rows > 0",
    )
    expect(part).toEqual({ held: 800, masked: 0 })
  })
})

describe('a rule that would take most of what it concerns at once', () => {
  const typo = rulesOf({ default: { measurements: 3 } })
  const old = (count: number, ageMs: number) => Array.from({ length: count }, (_, index) => reading(acme, ageMs + index))

  it('is held, and the expiry of the table with it, until an operator says so', async () => {
    await insert('measurements', [...old(leapRowsMax + 1, 11 * dayMs), ...old(leapRowsMax, dayMs)])
    expect(await run(typo)).toMatchObject([{ days: 3, due: leapRowsMax + 1, of: 2 * leapRowsMax + 1, outcome: 'held' }])
    expect(await agesIn('measurements', acme)).toHaveLength(2 * leapRowsMax + 1)
    expect((await readExpiries(own.warehouse)).get('measurements')).toBe(90)
    expect(await run(typo, { dryRun: true })).toMatchObject([{ outcome: 'held' }])
    expect(await run(typo, { dryRun: true, confirmed: true })).toMatchObject([{ outcome: 'would go' }])
    expect(await run(typo, { confirmed: true })).toMatchObject([{ outcome: 'removed' }])
    expect(await agesIn('measurements', acme)).toHaveLength(leapRowsMax)
    expect((await readExpiries(own.warehouse)).get('measurements')).toBe(3)
  })

  it.each([
    ['half of the rows', [...old(leapRowsMax + 1, 11 * dayMs), ...old(leapRowsMax + 1, dayMs)]],
    ['few rows', old(leapRowsMax, 11 * dayMs)],
    ['a week of rows, as after a stop', [...old(leapRowsMax + 1, 10 * dayMs - leapRowsMax - 1), ...old(1, dayMs)]],
  ])('is not: %s', async (_what, rows) => {
    await insert('measurements', rows)
    expect(await run(typo)).toMatchObject([{ outcome: 'removed' }])
  })
})

describe('the daily run', () => {
  const daily = (rules: KeepingRules, lagRecords: () => number | null = () => 0) => {
    const metrics = createMetrics()
    const options = {
      warehouse: own.warehouse,
      rules,
      tenant: 'default',
      clock: { nowMs: () => nowMs },
      logger: createLogger('silent'),
      metrics,
      lagRecords,
      askEveryMs: 5,
    }
    return { metrics, start: () => startKeeper(options) }
  }
  const until = async (check: () => Promise<boolean>): Promise<void> => {
    for (const endMs = performance.now() + 20_000; !(await check()); ) {
      if (performance.now() > endMs) throw new Error('not within 20 s')
      await delay(5)
    }
  }
  const runs = async () =>
    Number((await own.warehouse.query<{ n: number }>("SELECT toFloat64(count()) AS n FROM keeping_runs WHERE table_name = ''"))[0]?.n)

  it('comes once a day, at once under other rules, and is counted', async () => {
    await insert('measurements', [reading(acme, 40 * dayMs), reading(acme, dayMs)])
    const rules = rulesOf({ rules: [{ customer: 'acme', keep: { measurements: 30 } }] })
    const { metrics, start } = daily(rules)
    const stop = start()
    await until(async () => (await metrics.keepingLastRun.get()).values[0]?.value === nowMs / 1000)
    await stop()
    expect(await runs()).toBe(1)
    expect((await metrics.keepingRows.get()).values).toMatchObject([{ labels: { table: 'measurements' }, value: 1 }])
    const again = daily(rules).start()
    const others = daily(rulesOf({ default: { logs: 60 } })).start()
    await until(async () => (await runs()) === 2)
    await again()
    await others()
    expect(await runs()).toBe(2)
  })

  it('waits while rows wait to be written, and can be stopped meanwhile', async () => {
    await insert('measurements', [reading(acme, 40 * dayMs)])
    let asked = 0
    const stop = daily(rulesOf({ rules: [{ customer: 'acme', keep: { measurements: 30 } }] }), () => (asked++, 1_000_000)).start()
    await until(async () => asked > 0)
    await stop()
    expect(await runs()).toBe(0)
  })
})

describe('statements', () => {
  it(`name at most ${subjectsPerStatementMax} subjects, and hold each subject once`, () => {
    const count = 2 * subjectsPerStatementMax + 1
    const subjects = Array.from({ length: count }, (_, index) => ({
      subject: `s${index}`,
      class: 'a',
      product: '',
      model: '',
      customer: '',
    }))
    const [few, rest] = planKeeping(rulesOf({ rules: [{ class: 'a', keep: { logs: 10 } }] }), subjects, nowMs).filter(
      ({ group }) => group === 'logs',
    )
    expect([few?.scopes.length, rest?.scopes.length]).toEqual([3, 3])
    for (const scope of [...(few?.scopes ?? []), ...(rest?.scopes ?? [])])
      expect((scope.match(/'s/g) ?? []).length).toBeLessThanOrEqual(subjectsPerStatementMax + 2)
    const rows = `(SELECT arrayJoin(['', 'all', 's0', 's7', 's${count - 1}', 'z', '\\'']) AS subject)`
    const hits = (scopes: readonly string[]) =>
      own.warehouse.query<{ subject: string; n: number }>(
        `SELECT subject, toFloat64(${scopes.map((scope) => `toUInt8(${scope})`).join(' + ')}) AS n FROM ${rows} ORDER BY subject`,
      )
    return Promise.all([
      expect(hits(few?.scopes ?? [])).resolves.toEqual(
        [
          ['', 0],
          ["'", 0],
          ['all', 0],
          ['s0', 1],
          [`s${count - 1}`, 1],
          ['s7', 1],
          ['z', 0],
        ].map(([subject, n]) => ({ subject, n })),
      ),
      expect(hits(rest?.scopes ?? [])).resolves.toEqual(
        [
          ['', 1],
          ["'", 1],
          ['all', 1],
          ['s0', 0],
          [`s${count - 1}`, 0],
          ['s7', 0],
          ['z', 1],
        ].map(([subject, n]) => ({ subject, n })),
      ),
    ])
  })
})
