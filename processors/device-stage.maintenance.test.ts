/** Maintenance windows through the stage: who is held down, from when to when, what is told of it, and what is not lost by it. */
import { describe, expect, it } from 'vitest'
import type { AlarmCommandBody, Body, DeviceEvent } from '../model/event.ts'
import type { FleetSignal } from '../model/fleet-signal.ts'
import { arrivalMs, type Bench, createBench, eventOf, fleetCodec, only, rulesEvent, tickOf, windowEvent } from '../test/stage-fakes.ts'

const secondMs = 1_000
const minuteMs = 60_000
const at = (ms: number) => ({ receivedAtMs: arrivalMs + ms, observedAtMs: arrivalMs + ms })
let counted = 0
const says = (ms: number, ...bodies: Body[]): DeviceEvent => eventOf({ ...at(ms), text: `{"n":${String(counted++)}}`, bodies })
const uplink = (ms: number, up: 0 | 1): DeviceEvent =>
  says(ms, { kind: 'Measurements', items: [{ metric: 'network.wan.up', attributes: '', value: up, quality: 'ok', observedAtMs: null }] })
const window = windowEvent
const ticks = (fromMs: number, toMs: number): DeviceEvent[] => {
  const made: DeviceEvent[] = []
  for (let ms = fromMs; ms <= toMs; ms += 5 * secondMs) made.push(tickOf(arrivalMs + ms))
  return made
}
/** One message a minute and a tick each 5 s, in the order of their times. */
const life = (minutes: number, downFrom: number, downTo: number, ...more: DeviceEvent[]): DeviceEvent[] =>
  [
    ...ticks(0, minutes * minuteMs),
    ...Array.from({ length: minutes }, (_, minute) => uplink(minute * minuteMs + 1, minute >= downFrom && minute < downTo ? 0 : 1)),
    ...more,
  ].sort((one, other) => one.receivedAtMs - other.receivedAtMs)

const ran = async (events: readonly DeviceEvent[], everyRecords = 7): Promise<Bench> => {
  const bench = createBench()
  bench.append(rulesEvent(), ...events)
  await bench.run(everyRecords)
  expect(bench.counts['failed']).toBe(undefined)
  return bench
}
const told = (bench: Bench) =>
  bench
    .rowsOf('alarm_events')
    .flatMap(({ type, kind, at: atMs }) =>
      type === 'wan.down' && kind !== 'EvidenceUpdated' ? [[String(kind), (Number(atMs) - arrivalMs) / minuteMs]] : [],
    )
const signalsOf = async ({ log }: Bench): Promise<FleetSignal[]> => {
  const signals: FleetSignal[] = []
  for await (const { value } of log.read('fleet-signals', 0, 0, Number.MAX_SAFE_INTEGER)) {
    const decoded = fleetCodec.decode(value)
    if (decoded.ok) signals.push(decoded.value)
  }
  return signals
}
const minute = (ms: number): number => ms + 1 / minuteMs

describe('a maintenance window', () => {
  it('holds down what comes within it, from its beginning on, and lets go what still stands at its end', async () => {
    const bench = await ran(life(50, 15, 60, window(0)))
    expect(told(bench)).toEqual([
      ['Suppressed', minute(15)],
      ['RaiseDelayStarted', minute(15)],
      ['AlarmRaised', minute(16)],
      ['Unsuppressed', 40],
    ])
    const [held] = bench.rowsOf('alarm_events').filter(({ kind }) => kind === 'Suppressed')
    expect(JSON.parse(String(held?.['detail']))).toMatchObject({
      suppressor: { kind: 'maintenance', by: 'w1', untilMs: arrivalMs + 40 * minuteMs },
      reason: 'new mast',
    })
  })

  it('holds down what stood before it, with the tick of its beginning', async () => {
    const bench = await ran(life(50, 3, 45, window(2 * minuteMs)))
    expect(told(bench)).toEqual([
      ['RaiseDelayStarted', minute(3)],
      ['AlarmRaised', minute(4)],
      ['Suppressed', 10],
      ['Unsuppressed', 40],
      ['ClearDelayStarted', minute(45)],
      ['AlarmCleared', minute(46)],
    ])
  })

  it('that is made while an alarm stands and begins at once, holds it down at once', async () => {
    const bench = await ran(life(20, 3, 30, window(12 * minuteMs + 2, { fromMs: arrivalMs + 12 * minuteMs })))
    expect(told(bench).slice(2)).toEqual([['Suppressed', minute(12)]])
  })

  it('that is withdrawn, shortened or put off is so at once', async () => {
    const withdrawn = await ran(life(30, 15, 60, window(0), window(20 * minuteMs + 2, { version: 2, withdrawn: true })))
    expect(told(withdrawn).slice(3)).toEqual([['Unsuppressed', minute(20)]])
    const changed = await ran(life(60, 15, 60, window(0), window(20 * minuteMs + 2, { version: 2, toMs: arrivalMs + 55 * minuteMs })))
    expect(told(changed).slice(3)).toEqual([
      ['Suppressed', minute(20)],
      ['Unsuppressed', 55],
    ])
  })

  it('of other devices changes nothing', async () => {
    const bench = await ran(life(50, 15, 60, window(0, { selector: '{"site":["depot"]}' })))
    expect(told(bench).map(([kind]) => kind)).toEqual(['RaiseDelayStarted', 'AlarmRaised'])
  })

  it('is not told twice, and one row tells each change', async () => {
    const bench = await ran(life(12, 60, 60, window(0), window(1), window(2, { version: 2, reason: 'more' })))
    expect(only(bench.rowsOf('maintenance_windows'), 'window_id', 'version', 'actor', 'reason', 'withdrawn', 'received_at')).toEqual([
      { window_id: 'w1', version: 1, actor: 'ann', reason: 'new mast', withdrawn: 0, received_at: arrivalMs },
      { window_id: 'w1', version: 2, actor: 'ann', reason: 'more', withdrawn: 0, received_at: arrivalMs + 2 },
    ])
    expect(bench.counts['maintenance']).toBe(3)
  })

  it('does not depend on where batches end', async () => {
    const events = life(50, 15, 60, window(0), window(20 * minuteMs + 2, { version: 2, toMs: arrivalMs + 45 * minuteMs }))
    const [whole, cut] = [await ran(events, 100_000), await ran(events, 1)]
    expect(told(cut)).toEqual(told(whole))
    expect(told(cut)).toContainEqual(['Unsuppressed', 45])
  })

  it('of other devices does not depend on where batches end either, also when the clock of who asked was ahead', async () => {
    const ahead = window(4 * minuteMs + 2, { selector: '{"site":["depot"]}' })
    const asked = { ...ahead, receivedAtMs: ahead.receivedAtMs + 30 * minuteMs }
    const events = life(30, 5, 8)
    const at4 = events.findIndex(({ receivedAtMs }) => receivedAtMs > ahead.receivedAtMs)
    const both = [...events.slice(0, at4), asked, ...events.slice(at4)]
    const [without, whole, cut] = [await ran(events), await ran(both, 100_000), await ran(both, 1)]
    expect(told(without)).not.toEqual([])
    expect(told(whole)).toEqual(told(without))
    expect(told(cut)).toEqual(told(without))
    expect(whole.rowsOf('presence').filter(({ state }) => state === 'offline')).toEqual([])
  })

  it('hands over to another one without a moment in between', async () => {
    const other = { id: 'w2', fromMs: arrivalMs + 19 * minuteMs, toMs: arrivalMs + 45 * minuteMs }
    const bench = await ran(life(30, 15, 60, window(0), window(1, other), window(19 * minuteMs + 2, { version: 2, withdrawn: true })))
    const holds = bench.rowsOf('alarm_events').flatMap(({ kind, detail }) => {
      const { suppressor, by } = JSON.parse(String(detail)) as { suppressor?: { by: string }; by?: string }
      return String(kind).endsWith('uppressed') ? [`${String(kind)} ${suppressor?.by ?? by ?? ''}`] : []
    })
    expect(holds).toEqual(['Suppressed w1', 'Suppressed w2', 'Unsuppressed w1'])
  })

  it('makes a silence within it planned; whoever is not back at its end is missed from then on', async () => {
    const spoke = Array.from({ length: 12 }, (_, n) =>
      says(n * minuteMs + 1, { kind: 'Facts', items: [{ name: 'a', value: 'b', sealed: null }] }),
    )
    const bench = await ran([...ticks(0, 60 * minuteMs), ...spoke, window(0)].sort((one, other) => one.receivedAtMs - other.receivedAtMs))
    const causes = bench
      .rowsOf('presence')
      .map(({ cause, received_at: atMs }) => [cause, Math.floor((Number(atMs) - arrivalMs) / minuteMs)])
    expect(causes.filter(([cause]) => cause !== '')).toEqual([
      ['planned', 16],
      ['device', 40],
    ])
    const absences = (await signalsOf(bench)).flatMap(({ atMs, body }) =>
      body.kind === 'device' && body.absence !== null ? [[body.absence.planned, Math.floor((atMs - arrivalMs) / minuteMs)]] : [],
    )
    expect(absences).toEqual([
      [true, 16],
      [false, 40],
    ])
  })

  it('lets a person act on what it holds down', async () => {
    const events = life(30, 15, 60, window(0))
    const before = await ran(events)
    const stream = String(before.rowsOf('alarm_events').find(({ type }) => type === 'wan.down')?.['stream'])
    const acknowledge: AlarmCommandBody = {
      kind: 'AlarmCommand',
      stream,
      name: 'Acknowledge',
      expectedEpisode: 1,
      commandId: 'a',
      text: null,
      to: null,
      ticket: null,
      untilMs: null,
      oneShot: false,
      force: false,
    }
    const own = eventOf({
      ...at(25 * minuteMs),
      observedAtMs: null,
      source: { origin: 'api', topic: '', actor: 'ann' },
      bodies: [acknowledge],
    })
    const bench = await ran([...events, own].sort((one, other) => one.receivedAtMs - other.receivedAtMs))
    expect(told(bench).slice(3)).toEqual([['Acknowledged', 25]])
  })
})
