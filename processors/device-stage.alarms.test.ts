/** Alarms of devices through the stage: rules over the log, ticks, persons' commands, rows and records. */
import { describe, expect, it } from 'vitest'
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { AlarmCommandBody, Body, DeviceEvent } from '../model/event.ts'
import type { Row } from '../model/ports.ts'
import { alarmCodec, arrivalMs, type Bench, createBench, deviceId, eventOf, only, rulesEvent, tickOf } from '../test/stage-fakes.ts'

const rules = rulesEvent()
const secondMs = 1_000
const minuteMs = 60_000
const resource = `dwr/311-a1/${deviceId}`
const at = (ms: number) => ({ receivedAtMs: arrivalMs + ms, observedAtMs: arrivalMs + ms })
const known: Body = {
  kind: 'Facts',
  items: [
    { name: 'device.product', value: 'dwr', sealed: null },
    { name: 'device.model', value: '311-a1', sealed: null },
  ],
}
let counted = 0
/** Each is a message of its own. */
const says = (ms: number, ...bodies: Body[]): DeviceEvent => eventOf({ ...at(ms), text: `{"n":${counted++}}`, bodies: [known, ...bodies] })
const uplink = (ms: number, up: 0 | 1): DeviceEvent =>
  says(ms, {
    kind: 'Measurements',
    items: [{ metric: 'network.wan.up', attributes: '', value: up, quality: 'ok', observedAtMs: null }],
  })
const logs = (ms: number, message: string): DeviceEvent =>
  says(ms, {
    kind: 'LogLines',
    source: 'log/dmesg',
    items: [{ observedAtMs: null, writtenAt: '', severity: 3, facility: 'kernel', program: null, message, cut: false }],
  })
const ticksUntil = (fromMs: number, toMs: number, changes: Parameters<typeof tickOf>[1] = {}): DeviceEvent[] => {
  const ticks: DeviceEvent[] = []
  for (let ms = fromMs; ms <= toMs; ms += 5 * secondMs) ticks.push(tickOf(arrivalMs + ms, changes))
  return ticks
}
const command = (ms: number, body: Partial<AlarmCommandBody> & Pick<AlarmCommandBody, 'stream' | 'name'>): DeviceEvent =>
  eventOf({
    ...at(ms),
    observedAtMs: null,
    source: { origin: 'api', topic: '', actor: 'ann' },
    payload: { encoding: 'none', bytes: new Uint8Array(0) },
    bodies: [
      {
        kind: 'AlarmCommand',
        expectedEpisode: 1,
        commandId: `cmd-${ms}`,
        text: null,
        to: null,
        ticket: null,
        untilMs: null,
        oneShot: false,
        force: false,
        ...body,
      },
    ],
  })

const ran = async (...events: DeviceEvent[]): Promise<Bench> => {
  const bench = createBench()
  bench.append(rules, ...events)
  await bench.run(7)
  expect(bench.counts['failed']).toBe(undefined)
  return bench
}
const recordsOf = async ({ log }: Bench): Promise<AlarmRecord[]> => {
  const records: AlarmRecord[] = []
  for await (const { value, key } of log.read('alarms', 0, 0, Number.MAX_SAFE_INTEGER)) {
    const decoded = alarmCodec.decode(value)
    if (!decoded.ok) throw new Error(decoded.reason)
    expect(key).toBe(decoded.value.subject)
    records.push(decoded.value)
  }
  return records
}
const kinds = (bench: Bench): string[] => bench.rowsOf('alarm_events').map((row) => `${String(row['type'])} ${String(row['kind'])}`)
const newestEpisodes = (bench: Bench): Row[] => {
  const newest = new Map<string, Row>()
  for (const row of bench.rowsOf('alarm_episodes')) newest.set(`${String(row['stream'])}:${String(row['episode'])}`, row)
  return [...newest.values()]
}

/** Up, down for ten minutes, up again; a message each minute. */
const outage = [
  tickOf(arrivalMs),
  ...Array.from({ length: 20 }, (_, minute) => uplink(minute * minuteMs + 1, minute >= 5 && minute < 15 ? 0 : 1)),
]

describe('alarms of the device stage', () => {
  it('an uplink that is down is one episode, with the rows of its events and itself', async () => {
    const bench = await ran(...outage)
    const [stream] = bench.rowsOf('alarm_events').map((row) => row['stream'])
    const common = {
      tenant: 'main',
      subject: deviceId,
      stream,
      resource,
      type: 'wan.down',
      qualifier: '',
      log_topic: 'device-events',
      log_id: bench.log.logId,
      partition: 0,
    }
    const downMs = arrivalMs + 5 * minuteMs + 1
    const raised = bench.rowsOf('alarm_events')[1]
    expect(bench.rowsOf('alarm_events').map(({ stream_version, kind, offset }) => [stream_version, kind, offset])).toEqual([
      [1, 'RaiseDelayStarted', 7],
      [2, 'AlarmRaised', 8],
      [3, 'ClearDelayStarted', 17],
      [4, 'AlarmCleared', 18],
    ])
    expect({ ...raised, detail: JSON.parse(String(raised?.['detail'])) as unknown }).toEqual({
      ...common,
      stream_version: 2,
      episode: 1,
      found_late: 0,
      kind: 'AlarmRaised',
      severity: 'major',
      at: downMs + minuteMs,
      observed_at: downMs + minuteMs,
      received_at: downMs + minuteMs,
      actor: '',
      command_id: '',
      rule_version: 1,
      offset: 8,
      detail: {
        sourceEventId: null,
        clamped: false,
        raisedAtMs: downMs + minuteMs,
        occurrences: 1,
        staleAt: null,
        evidence: {
          topic: 'device-events',
          partition: 0,
          firstOffset: 7,
          lastOffset: 7,
          values: [{ name: 'network.wan.up', value: 0, unit: '', observedAtMs: downMs }],
          raiseLevel: null,
          clearLevel: null,
        },
      },
    })
    const upMs = arrivalMs + 15 * minuteMs + 1
    expect(newestEpisodes(bench)).toEqual([
      {
        ...common,
        episode: 1,
        found_late: 0,
        stream_version: 4,
        raised_at: downMs + minuteMs,
        detected_at: downMs + minuteMs,
        cleared_at: upMs + minuteMs,
        severity: 'major',
        severity_max: 'major',
        first_raised_at: downMs + minuteMs,
        first_cleared_at: upMs + minuteMs,
        first_severity: 'major',
        retracted: 0,
        amendments: 0,
        amended_reason: '',
        condition: 'normal',
        clear_cause: 'condition',
        operator: 'none',
        operator_actor: '',
        acknowledged_at: null,
        closed_reason: '',
        assignee: '',
        ticket: '',
        comments: 0,
        shelf: 'none',
        shelved_until: null,
        suppressed_by: [],
        flapping: 0,
        situation: '',
        situation_role: '',
        unknown_ms: 0,
        occurrences: 1,
        escalations: 0,
        rule_version: 1,
        evidence: JSON.stringify((JSON.parse(String(raised?.['detail'])) as { evidence: unknown }).evidence),
        purged: 0,
        updated_at: upMs + minuteMs,
        received_at: upMs + minuteMs,
        offset: 18,
      },
    ])
  })

  it('keeps what was seen of an episode that is over, though the same is about to come again', async () => {
    const again = [uplink(25 * minuteMs, 0)]
    const [[before], [after]] = [newestEpisodes(await ran(...outage)), newestEpisodes(await ran(...outage, ...again))]
    expect(kinds(await ran(...outage, ...again)).at(-1)).toBe('wan.down RaiseDelayStarted')
    expect(after?.['evidence']).toBe(before?.['evidence'])
  })

  it('every row of an event is a record of the topic alarms too', async () => {
    const bench = await ran(...outage)
    const records = await recordsOf(bench)
    expect(records.map(({ stream, event, source }) => [stream, event.version, event.kind, source.offset])).toEqual(
      bench.rowsOf('alarm_events').map(({ stream, stream_version, kind, offset }) => [stream, stream_version, kind, offset]),
    )
  })

  it('repeats, stored copies and re-driven letters raise nothing', async () => {
    const down = (source: Partial<DeviceEvent['source']>, n: number) =>
      eventOf({ ...at(n * minuteMs), text: '{"same":1}', source, bodies: uplink(0, 0).bodies })
    const bench = await ran(
      ...Array.from({ length: 5 }, (_, minute) => down({ storedCopy: true }, minute)),
      ...Array.from({ length: 5 }, (_, minute) => down({ redriveOf: `0:${minute}` }, 5 + minute)),
    )
    expect(kinds(bench)).toEqual([])
    const again = outage.flatMap((event) => [event, event])
    expect(kinds(await ran(...again))).toEqual(kinds(await ran(...outage)))
  })

  it('ticks pass a delay when the device says nothing more, and an event-only alarm ends without a repeat', async () => {
    const hours = Array.from({ length: 24 * 12 + 3 }, (_, n) => says((n + 1) * 5 * minuteMs))
    const events = [logs(0, 'Out of memory: Killed process 411 (collectd) total-vm:8040kB'), ...hours]
    const withTicks = events.flatMap((event) => [event, tickOf(event.receivedAtMs + secondMs)])
    const bench = await ran(tickOf(arrivalMs - secondMs), ...withTicks)
    const own = bench.rowsOf('alarm_events').filter((row) => row['type'] === 'device.oom')
    expect(only(own, 'kind')).toEqual([{ kind: 'AlarmRaised' }, { kind: 'AlarmCleared' }])
    expect(Number(own[1]?.['at']) - arrivalMs).toBeGreaterThanOrEqual(24 * 60 * minuteMs)
    expect(Number(own[1]?.['at']) - arrivalMs).toBeLessThanOrEqual(24 * 60 * minuteMs + 5 * minuteMs + 10 * secondMs)

    const silent = await ran(tickOf(arrivalMs), uplink(1, 0), ...ticksUntil(5 * secondMs, 2 * minuteMs))
    expect(only(silent.rowsOf('alarm_events'), 'kind', 'at', 'observed_at')).toEqual([
      { kind: 'RaiseDelayStarted', at: arrivalMs + 1, observed_at: arrivalMs + 1 },
      { kind: 'AlarmRaised', at: arrivalMs + minuteMs + 5 * secondMs, observed_at: arrivalMs + minuteMs + 1 },
    ])
  })

  it('what explains an alarm holds it down while it stands, and frees it when it clears', async () => {
    const uplinkEachMinute = Array.from({ length: 11 }, (_, n) => uplink((n + 1) * minuteMs, 0))
    const bench = await ran(
      tickOf(arrivalMs),
      logs(0, 'usb 1-1.2: USB disconnect, device number 5'),
      ...uplinkEachMinute.slice(0, 5),
      logs(5 * minuteMs + 10 * secondMs, 'usb 1-1.2: new high-speed USB device number 6 using ehci-platform'),
      ...uplinkEachMinute.slice(5),
    )
    expect(kinds(bench)).toEqual([
      'modem.lost RaiseDelayStarted',
      'wan.down RaiseDelayStarted',
      'modem.lost AlarmRaised',
      'wan.down Suppressed',
      'wan.down AlarmRaised',
      'modem.lost AlarmCleared',
      'wan.down Unsuppressed',
    ])
    const rows = bench.rowsOf('alarm_episodes').filter((row) => row['type'] === 'wan.down')
    const modem = String(bench.rowsOf('alarm_episodes').find((row) => row['type'] === 'modem.lost')?.['stream'])
    expect(only(rows, 'suppressed_by', 'condition')).toEqual([
      { suppressed_by: [`${modem}:1`], condition: 'active' },
      { suppressed_by: [], condition: 'active' },
    ])
  })
})

describe('absence', () => {
  /** A message a minute for ten minutes, then silence; ticks all the time. */
  const alive = Array.from({ length: 10 }, (_, n) => [says(n * minuteMs), ...ticksUntil(n * minuteMs + 1, (n + 1) * minuteMs - 1)]).flat()
  const lastMs = 9 * minuteMs

  it('a device that falls silent is offline after its deadline, graver after half an hour, back with its next message', async () => {
    const bench = await ran(
      ...alive,
      ...ticksUntil(10 * minuteMs, 50 * minuteMs),
      says(50 * minuteMs + 1),
      ...ticksUntil(50 * minuteMs + 5 * secondMs, 52 * minuteMs),
    )
    const own = bench.rowsOf('alarm_events').filter((row) => row['type'] === 'presence.offline')
    expect(only(own, 'kind', 'severity')).toEqual([
      { kind: 'AlarmRaised', severity: 'warning' },
      { kind: 'SeverityChanged', severity: 'major' },
      { kind: 'ClearDelayStarted', severity: 'major' },
      { kind: 'AlarmCleared', severity: 'major' },
    ])
    expect(own[0]).toMatchObject({ observed_at: arrivalMs + lastMs + 5 * minuteMs })
    const lateMs = Number(own[0]?.['at']) - (arrivalMs + lastMs + 5 * minuteMs)
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThanOrEqual(10 * secondMs)
  })

  it('a restart of the recorder raises nothing: absence gets a deadline of grace after it', async () => {
    const stoppedMs = 3 * 60 * minuteMs
    const back = { instanceStartedAtMs: arrivalMs + stoppedMs }
    const bench = await ran(
      ...alive,
      ...ticksUntil(stoppedMs, stoppedMs + 4 * minuteMs + 50 * secondMs, back),
      says(stoppedMs + 4 * minuteMs + 55 * secondMs),
      ...ticksUntil(stoppedMs + 5 * minuteMs, stoppedMs + 9 * minuteMs, back),
    )
    expect(kinds(bench)).toEqual([])
  })

  it('while no front door reaches its broker nobody is judged absent; who stays away is told after the grace', async () => {
    const bench = await ran(
      ...alive,
      ...ticksUntil(10 * minuteMs, 60 * minuteMs, { brokerConnected: false }),
      ...ticksUntil(60 * minuteMs + 5 * secondMs, 66 * minuteMs),
    )
    const own = bench.rowsOf('alarm_events')
    expect(only(own, 'type', 'kind')).toEqual([{ type: 'presence.offline', kind: 'AlarmRaised' }])
    expect(own[0]).toMatchObject({ observed_at: arrivalMs + 65 * minuteMs + 5 * secondMs })
  })

  it('a device that is retired ends its alarms and is judged no more', async () => {
    const retired: DeviceEvent = eventOf({
      ...at(40 * minuteMs),
      source: { origin: 'api', topic: '' },
      bodies: [{ kind: 'InventoryChanged', entity: 'device', id: deviceId, retired: true, fields: { class: 'critical' } }],
    })
    const bench = await ran(
      ...alive,
      ...ticksUntil(10 * minuteMs, 30 * minuteMs),
      retired,
      uplink(41 * minuteMs, 0),
      ...ticksUntil(41 * minuteMs, 90 * minuteMs),
    )
    expect(only(bench.rowsOf('alarm_events'), 'kind')).toEqual([{ kind: 'AlarmRaised' }, { kind: 'AlarmCleared' }])
    expect(newestEpisodes(bench)[0]).toMatchObject({ clear_cause: 'resourceRetired' })
  })

  it('a tick looks at no device that is not due, and in time at all', async () => {
    const bench = createBench()
    bench.append(rules, tickOf(arrivalMs))
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < 300; n++) {
        const device = `00-11-22-33-${String(Math.floor(n / 100)).padStart(2, '0')}-${String(n % 100).padStart(2, '0')}`
        bench.append(eventOf({ ...at(round * 10 * secondMs + n), device, text: String(counted++), bodies: [known] }))
      }
    }
    bench.append(...ticksUntil(60 * secondMs, 70 * secondMs))
    await bench.run(50)
    const reads: string[] = []
    const store = {
      ...bench.store,
      get: (...[topic, partition, key]: Parameters<typeof bench.store.get>) => {
        if (key.startsWith('watched:')) reads.push(key)
        return bench.store.get(topic, partition, key)
      },
    }
    bench.append(...ticksUntil(75 * secondMs, 4 * minuteMs))
    await bench.run(50, { store })
    expect(reads).toEqual([])
    bench.append(...ticksUntil(4 * minuteMs + 5 * secondMs, 6 * minuteMs))
    await bench.run(50, { store })
    expect(new Set(reads).size).toBe(300)
  })
})

describe("persons' commands", () => {
  const standing = outage.slice(0, 12)
  const streamOf = async (): Promise<string> => String((await ran(...standing)).rowsOf('alarm_events')[0]?.['stream'])

  it('change the episode, and a repeat of one does nothing', async () => {
    const stream = await streamOf()
    const ack = command(12 * minuteMs, { stream, name: 'Acknowledge' })
    const comment = command(12 * minuteMs + 1, { stream, name: 'Comment', text: 'on it' })
    const bench = await ran(...standing, ack, ack, comment, command(13 * minuteMs, { stream, name: 'Assign', to: 'bob', ticket: 'T-1' }))
    expect(only(bench.rowsOf('alarm_events').slice(2), 'kind', 'actor', 'command_id', 'at')).toEqual([
      { kind: 'Acknowledged', actor: 'ann', command_id: `cmd-${12 * minuteMs}`, at: arrivalMs + 12 * minuteMs },
      { kind: 'Commented', actor: 'ann', command_id: `cmd-${12 * minuteMs + 1}`, at: arrivalMs + 12 * minuteMs + 1 },
      { kind: 'Assigned', actor: 'ann', command_id: `cmd-${13 * minuteMs}`, at: arrivalMs + 13 * minuteMs },
    ])
    expect(newestEpisodes(bench)[0]).toMatchObject({
      operator: 'ack',
      operator_actor: 'ann',
      acknowledged_at: arrivalMs + 12 * minuteMs,
      comments: 1,
      assignee: 'bob',
      ticket: 'T-1',
      condition: 'active',
    })
    expect(only(bench.rowsOf('messages').slice(-4), 'outcome')).toEqual(Array.from({ length: 4 }, () => ({ outcome: 'command' })))
    expect(bench.rowsOf('ledger').reduce((sum, row) => sum + Number(row['received']), 0)).toBe(11)
  })

  it('are refused with the reason when the episode is another one, the stream unknown, or the command new to us', async () => {
    const stream = await streamOf()
    const bench = await ran(
      ...standing,
      command(12 * minuteMs, { stream, name: 'Acknowledge', expectedEpisode: 2 }),
      command(12 * minuteMs + 1, { stream: 'alarm-main-0', name: 'Acknowledge' }),
      command(12 * minuteMs + 2, { stream, name: 'Sing' }),
    )
    const refused = bench.rowsOf('alarm_events').slice(2)
    expect(
      refused.map(({ kind, stream_version, episode, actor, detail }) => [
        kind,
        stream_version,
        episode,
        actor,
        JSON.parse(String(detail)) as unknown,
      ]),
    ).toEqual([
      ['Refused', 2, 2, 'ann', { command: 'Acknowledge', code: 'EPISODE_STALE', detail: 'Expected episode 1, got 2' }],
      [
        'Refused',
        0,
        1,
        'ann',
        { command: 'Acknowledge', code: 'EPISODE_UNKNOWN', detail: `Expected a stream of alarms of ${deviceId}, got alarm-main-0` },
      ],
      [
        'Refused',
        2,
        1,
        'ann',
        { command: 'Sing', code: 'COMMAND_UNKNOWN', detail: 'Expected a command that this release knows, got Sing' },
      ],
    ])
    expect(await recordsOf(bench)).toHaveLength(2)
  })

  it('a timed shelf ends with the tick at its end', async () => {
    const stream = await streamOf()
    const bench = await ran(
      ...standing,
      command(12 * minuteMs, { stream, name: 'Shelve', untilMs: arrivalMs + 15 * minuteMs, text: 'planned works' }),
      ...ticksUntil(12 * minuteMs + 1, 16 * minuteMs),
    )
    const own = bench.rowsOf('alarm_episodes').slice(-2)
    expect(only(own, 'shelf', 'shelved_until')).toEqual([
      { shelf: 'timed', shelved_until: arrivalMs + 15 * minuteMs },
      { shelf: 'none', shelved_until: null },
    ])
    expect(Number(own[1]?.['updated_at']) - arrivalMs - 15 * minuteMs).toBeLessThanOrEqual(10 * secondMs)
  })
})
