/**
 * The state at any moment, as known at any moment, is a fold of the log up to there; what differs between two states makes one
 * of the other. Random lives of devices through the real stage into the real engine, asked over the API.
 * More of them: ANY_MOMENT_RUNS=200 npx vitest run --project unit test/any-moment
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import type { DeviceEvent } from '../../model/event.ts'
import { applyDiff, type ComparedState, seriesKey, withoutAges } from '../../query-api/domain/state-diff.ts'
import { testDeps, testToken } from '../../query-api/fakes.ts'
import { createServer } from '../../query-api/server.ts'
import { createBench } from '../stage-fakes.ts'
import { type Change, changesIn, foldUpTo } from './fold.ts'
import { life, lifeOf } from './random-devices.ts'

const runs = Number(process.env['ANY_MOMENT_RUNS'] ?? 2)
const devicesPerRun = 6
const dayMs = 86_400_000
/** Rows leave by age of arrival: recent enough, and all of it past. */
const fromMs = Math.floor(Date.now() / dayMs) * dayMs - 40 * dayMs
const iso = (ms: number): string => new Date(ms).toISOString()

type Series = { metric: string; attributes: Record<string, string> }
type State = {
  presence: { state: string; since: string | null; reason: string | null; sessionId: string | null }
  boot: { bootId: string; observedAt: string; evidence: string; reason: string | null; uptimeBeforeSeconds: number | null } | null
  radio: Record<string, unknown> | null
  measurements: (Series & {
    value: number | null
    quality: string
    observedAt: string
    lastKnown: { value: number; observedAt: string } | null
  })[]
  counters: (Series & { value: number; observedAt: string })[]
  facts: { name: string; value: string | null; masked: boolean; observedAt: string }[]
  alarms: { id: string; severity: string; unknown: boolean; operator: string }[]
}

let stop: () => Promise<void>
let app: Awaited<ReturnType<typeof createServer>>
/** What the engine said of the last query that failed; the answer of the API keeps it to itself. */
let refusal: unknown
let warehouse: Awaited<ReturnType<typeof startForTest>>['warehouse']
beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  warehouse = engine.warehouse
  await migrate(warehouse)
  const query: typeof warehouse.query = (sql, params) =>
    warehouse.query(sql, params).catch((error: unknown) => {
      refusal = error
      throw error
    }) as never
  app = await createServer(testDeps({ warehouse: { ...warehouse, query }, tenant: 'main', clock: { nowMs: () => Date.now() } }), [])
  stop = async () => {
    await app.close()
    await engine.stop()
  }
}, 60_000)
afterAll(() => stop(), 60_000)

const get = async <T>(path: string): Promise<T> => {
  const answer = await app.inject({ url: `/api/v1/${path}`, headers: { host: 'localhost', authorization: `Bearer ${testToken}` } })
  if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.body}, ${String(refusal)}`)
  return answer.json<T>()
}

/** Through the stage of a log of its own, in batches. */
const record = async (events: readonly DeviceEvent[]): Promise<void> => {
  const bench = createBench()
  bench.append(...events)
  await bench.run(60, { warehouse, seenIdsMax: 100_000 })
}

const attributesKey = ({ metric, attributes }: Series): string =>
  `${metric} ${Object.keys(attributes).length === 0 ? '' : JSON.stringify(attributes)}`
const ms = (text: string): number => Date.parse(text)

/** The answer in the words of the fold. */
const said = (state: State) => ({
  measurements: Object.fromEntries(
    state.measurements.map((row) => [
      attributesKey(row),
      {
        value: row.value,
        quality: row.quality,
        atMs: ms(row.observedAt),
        lastKnown: row.lastKnown === null ? null : { value: row.lastKnown.value, atMs: ms(row.lastKnown.observedAt) },
      },
    ]),
  ),
  counters: Object.fromEntries(state.counters.map((row) => [attributesKey(row), { value: row.value, atMs: ms(row.observedAt) }])),
  facts: Object.fromEntries(state.facts.map(({ name, value, masked }) => [name, { value, masked }])),
  radio: state.radio === null ? null : radioSaid(state.radio),
  presence: {
    state: state.presence.state,
    sinceMs: state.presence.since === null ? null : ms(state.presence.since),
    reason: state.presence.reason,
    sessionId: state.presence.sessionId,
  },
  boot:
    state.boot === null
      ? null
      : {
          bootId: state.boot.bootId,
          atMs: ms(state.boot.observedAt),
          evidence: state.boot.evidence,
          reason: state.boot.reason,
          uptimeBeforeSeconds: state.boot.uptimeBeforeSeconds,
        },
})
const radioSaid = ({ observedAt, cell, band, rsrpDbm, carriers }: Record<string, unknown>) => ({
  atMs: ms(observedAt as string),
  cell: (cell as { id: number } | null)?.id ?? null,
  band,
  rsrpDbm,
  carriers,
})
const folded = (log: readonly DeviceEvent[], atMs: number, knownMs?: number) => {
  const { radio, boots: _boots, ...rest } = foldUpTo(log, atMs, knownMs)
  if (radio === null) return { ...rest, radio }
  const { cellId: cell, band, rsrpDbm, carriers } = radio.told
  return { ...rest, radio: { atMs: radio.atMs, cell, band, rsrpDbm, carriers } }
}

/** A moment somewhere in the device's life, some of them exactly where something happened. */
const moment = fc.record({ share: fc.double({ min: -0.02, max: 1.05, noNaN: true }), onEvent: fc.option(fc.nat(), { nil: null }) })
type Moment = { share: number; onEvent: number | null }
const msOf = ({ share, onEvent }: Moment, log: readonly DeviceEvent[]): number => {
  const event = onEvent === null ? undefined : log[onEvent % Math.max(1, log.length)]
  if (event !== undefined) return onEvent !== null && onEvent % 2 === 0 ? event.receivedAtMs : (event.observedAtMs ?? event.receivedAtMs)
  const lastMs = log.at(-1)?.receivedAtMs ?? fromMs
  return Math.round(fromMs + share * (lastMs - fromMs))
}
const within = (atMs: number): number => Math.max(fromMs - dayMs, atMs)

const compared = ({ presence, boot, radio, measurements, counters, facts, alarms }: State): ComparedState =>
  withoutAges({ presence, boot, radio: radio as { observedAt: string } | null, measurements, counters, facts, alarms })
/** A diff names the unit beside its sides, and how much a counter grew. */
const comparable = (state: ComparedState) => ({
  ...state,
  measurements: byKey(state.measurements, seriesKey),
  counters: byKey(state.counters, seriesKey),
  facts: byKey(state.facts, ({ name }) => name),
  alarms: byKey(state.alarms, ({ id }) => id),
})
const byKey = <T extends object>(items: readonly T[], keyOf: (item: T) => string) =>
  items.map((item) => ({ ...item, unit: undefined })).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))

type Entry = { observedAt: string; receivedAt: string; kind: string; text: string; data: Record<string, unknown> }
type Page = { items: Entry[]; nextCursor: string | null }

const changeSaid = ({ kind, observedAt, data }: Entry): Change => ({
  kind,
  atMs: ms(observedAt),
  from: data['from'] ?? null,
  to: kind === 'boot' ? data['bootId'] : data['to'],
})
const inOrder = (changes: readonly Change[]): string[] => changes.map((change) => JSON.stringify(change)).sort()

/** The whole of it, told by a fold; and the same over pages, whatever their length and direction. */
const checkTimeline = async ({ device, log, pageLimit, descending, knownMs }: Drawn & { knownMs: number }): Promise<void> => {
  const asked = `devices/${device}/timeline?from=${iso(fromMs - dayMs)}&to=${iso(fromMs + 39 * dayMs)}&order=${descending ? 'desc' : 'asc'}`
  const folded = 'kind=fact,firmware,boot,presence,cell,band&limit=1000'
  expect(inOrder((await get<Page>(`${asked}&${folded}`)).items.map(changeSaid)), device).toEqual(inOrder(changesIn(log)))
  const then = (await get<Page>(`${asked}&${folded}&knownAt=${iso(knownMs)}`)).items
  expect(inOrder(then.map(changeSaid)), `${device} as known at ${iso(knownMs)}`).toEqual(inOrder(changesIn(log, knownMs)))
  const { items: whole } = await get<Page>(`${asked}&limit=1000`)
  const times = whole.map(({ observedAt }) => ms(observedAt))
  expect(times).toEqual([...times].sort((a, b) => (descending ? b - a : a - b)))
  const paged: Entry[] = []
  for (let cursor = ''; ; ) {
    const { items, nextCursor } = await get<Page>(`${asked}&limit=${String(Math.max(pageLimit, Math.ceil(whole.length / 3)))}${cursor}`)
    paged.push(...items)
    if (nextCursor === null) break
    cursor = `&cursor=${nextCursor}`
  }
  expect(paged).toEqual(whole)
}

type Drawn = { device: string; log: DeviceEvent[]; at: Moment; earlier: Moment; known: Moment; pageLimit: number; descending: boolean }

const check = async (drawn: Drawn): Promise<void> => {
  const { device, log, at, earlier, known } = drawn
  const atMs = within(msOf(at, log))
  const knownMs = within(msOf(known, log))
  const state = await get<State>(`devices/${device}/state?at=${iso(atMs)}`)
  expect(said(state), `${device} at ${iso(atMs)}`).toEqual(folded(log, atMs))
  for (const { name, observedAt, value } of state.facts) expect(folded(log, ms(observedAt)).facts[name]?.value ?? null, name).toBe(value)
  const knownThen = await get<State>(`devices/${device}/state?at=${iso(atMs)}&knownAt=${iso(knownMs)}`)
  expect(said(knownThen), `${device} at ${iso(atMs)} as known at ${iso(knownMs)}`).toEqual(folded(log, atMs, knownMs))
  if (drawn.pageLimit % 3 === 0) await checkTimeline({ ...drawn, knownMs })
  const [fromMs, toMs] = [within(msOf(earlier, log)), atMs].sort((a, b) => a - b) as [number, number]
  if (fromMs === toMs) return
  const before = await get<State>(`devices/${device}/state?at=${iso(fromMs)}`)
  const after = fromMs === atMs ? await get<State>(`devices/${device}/state?at=${iso(toMs)}`) : state
  const diff = await get<Parameters<typeof applyDiff>[1]>(`devices/${device}/diff?from=${iso(fromMs)}&to=${iso(toMs)}&toldAgain=true`)
  expect(comparable(applyDiff(compared(before), diff)), `${device} from ${iso(fromMs)} to ${iso(toMs)}`).toEqual(
    comparable(compared(after)),
  )
}

let run = 0
const property = fc.asyncProperty(
  fc.array(
    fc.record({ life, at: moment, earlier: moment, known: moment, pageLimit: fc.integer({ min: 1, max: 30 }), descending: fc.boolean() }),
    { minLength: devicesPerRun, maxLength: devicesPerRun },
  ),
  async (drawn) => {
    run++
    const lives = drawn.map((draw, index) => {
      const device = `00-00-00-${[run >> 8, run & 255, index].map((byte) => byte.toString(16).padStart(2, '0')).join('-')}`
      return { ...draw, device, log: lifeOf(device, draw.life, fromMs) }
    })
    await record(lives.flatMap(({ log }) => log).sort((a, b) => a.receivedAtMs - b.receivedAtMs))
    await Promise.all(lives.filter(({ log }) => log.length > 0).map(check))
  },
)

describe('any moment', () => {
  it('is a fold of the log up to it, as known then or now; a difference makes one state of the other', {
    timeout: 60_000 + runs * 60_000,
  }, async () => {
    const seed = process.env['ANY_MOMENT_SEED']
    const result = await fc.check(property, { numRuns: runs, ...(seed === undefined ? {} : { seed: Number(seed) }), endOnFailure: true })
    if (result.failed)
      throw new Error(`ANY_MOMENT_SEED=${String(result.seed)}, run ${String(result.numRuns)}`, { cause: result.errorInstance })
  })
})
