/** Outside brokers through both stages: what is told of one that is away, or that loses its devices, and of the devices behind it. */
import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../model/event.ts'
import { frontDoorFacts, type DoorFault } from '../model/front-door.ts'
import {
  createFleetBench,
  deviceOf,
  type FleetBench,
  inOrder,
  minuteMs,
  online,
  radio,
  secondMs,
  ticks,
  will,
} from '../test/fleet-fakes.ts'
import { rulesEvent } from '../test/stage-fakes.ts'

const [one, other] = ['mqtts://one.example:8883', 'mqtts://other.example:8883']
const fleet = Array.from({ length: 40 }, (_, n) => n)

const doorTicks = (broker: string, fromMs: number, toMs: number, fault: DoorFault | null = null): DeviceEvent[] =>
  ticks(fromMs, toMs, { instance: `door of ${broker}`, brokerConnected: fault === null }).map((tick) => ({
    ...tick,
    bodies: [...tick.bodies, frontDoorFacts({ broker, clientId: `recorder of ${broker}`, fault: fault ?? 'broker' })],
  }))
const through = (broker: string, events: readonly DeviceEvent[]): DeviceEvent[] =>
  events.map((event) => ({ ...event, source: { ...event.source, clientId: `recorder of ${broker}` } }))
/** Each says something every minute, from a cell of its own network half. */
const talk = (devices: readonly number[], fromMs: number, toMs: number): DeviceEvent[] => {
  const events: DeviceEvent[] = []
  for (let ms = fromMs; ms <= toMs; ms += minuteMs)
    for (const n of devices) events.push(radio(n, ms + n * 10, 0x100 * (1 + n) + 1, 1 + (n % 20)))
  return events
}
/** With networks of two operators, half of the devices each. */
const ofTwoOperators = (events: readonly DeviceEvent[]): DeviceEvent[] =>
  events.map((event) => ({
    ...event,
    bodies: event.bodies.map((body) =>
      body.kind === 'Radio' ? { ...body, plmn: Number.parseInt(event.subject.id.slice(-2), 16) % 2 === 0 ? '00101' : '00102' } : body,
    ),
  }))

const told = (bench: FleetBench): string[] =>
  bench
    .rowsOf('alarm_events')
    .filter(({ kind }) => kind === 'AlarmRaised' || kind === 'SeverityChanged' || kind === 'AlarmCleared')
    .map(({ resource, type, qualifier, kind }) => [resource, type, qualifier, kind].filter((word) => word !== '').join(' '))
const causesOf = (bench: FleetBench): string[] => [
  ...new Set(bench.rowsOf('presence').map(({ state, reason, cause }) => [state, reason, cause].join(' ').trim())),
]
const detailOf = (bench: FleetBench, type: string): string =>
  JSON.stringify(bench.rowsOf('alarm_events').find((row) => row['type'] === type && row['kind'] === 'AlarmRaised'))

describe('the only broker, when it is away', () => {
  const away = (fault: DoorFault) =>
    inOrder(
      doorTicks(one, 0, 20 * minuteMs),
      through(one, [...fleet.map((n) => online(n, n * 10)), ...talk(fleet, minuteMs, 19 * minuteMs)]),
      doorTicks(one, 20 * minuteMs + 5 * secondMs, 40 * minuteMs, fault),
      doorTicks(one, 40 * minuteMs + 5 * secondMs, 60 * minuteMs),
      through(one, talk(fleet, 41 * minuteMs, 60 * minuteMs)),
    )

  it('is one alarm of the platform, none of a device; devices are unknown with that cause, and online with their next message', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...away('broker'))
    expect([bench.refused, bench.limits, bench.counts['failed']]).toEqual([[], [], undefined])
    expect(told(bench)).toEqual([
      'platform/ingest platform.ingest-lag AlarmRaised',
      'platform/ingest platform.ingest-lag SeverityChanged',
      'platform/ingest platform.ingest-lag AlarmCleared',
    ])
    expect(detailOf(bench, 'platform.ingest-lag')).toMatch(
      /no front door has its broker \(mqtts:\/\/one\.example:8883\).*"presence\.cause.{1,30}broker/,
    )
    expect(causesOf(bench)).toEqual(['online', 'unknown front-door-away broker', 'online spoke'])
    expect(bench.rowsOf('presence').filter(({ state }) => state === 'unknown')).toHaveLength(fleet.length)
  })

  it('has our bridge as cause when the broker answers and lets us not in', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...away('our-bridge'))
    expect(causesOf(bench)).toEqual(['online', 'unknown front-door-away our-bridge', 'online spoke'])
  })
})

describe('one of two brokers', () => {
  const behind = (broker: string): number[] => fleet.filter((n) => (n < 20 ? one : other) === broker)
  /** The second front door of a fleet is one that was started anew. */
  const joined = ['platform/ingest platform.ingest-lag AlarmRaised', 'platform/ingest platform.ingest-lag AlarmCleared']
  const start = [
    ...through(one, [...behind(one).map((n) => online(n, 5_000 + n * 10)), ...talk(behind(one), minuteMs, 19 * minuteMs)]),
    ...through(other, [...behind(other).map((n) => online(n, 5_000 + n * 10)), ...talk(behind(other), minuteMs, 59 * minuteMs)]),
  ]

  it('that is away is an alarm of its own; its devices wait, those of the other are judged', async () => {
    const bench = createFleetBench()
    await bench.run(
      rulesEvent(),
      ...inOrder(
        doorTicks(other, 0, 60 * minuteMs),
        doorTicks(one, 1, 20 * minuteMs),
        doorTicks(one, 20 * minuteMs + 5 * secondMs, 40 * minuteMs, 'broker'),
        doorTicks(one, 40 * minuteMs + 5 * secondMs, 60 * minuteMs),
        start.filter((event) => event.subject.id !== deviceOf(30)),
        through(other, [online(30, 5_300), ...talk([30], minuteMs, 19 * minuteMs), will(30, 22 * minuteMs)]),
        through(one, talk(behind(one), 41 * minuteMs, 60 * minuteMs)),
      ),
    )
    expect(told(bench)).toEqual([
      ...joined,
      `platform/ingest platform.ingest-lag ${one} AlarmRaised`,
      'dwr/311-a1/00-00-00-00-00-1e presence.offline AlarmRaised',
      `platform/ingest platform.ingest-lag ${one} SeverityChanged`,
      `platform/ingest platform.ingest-lag ${one} AlarmCleared`,
      'dwr/311-a1/00-00-00-00-00-1e presence.offline SeverityChanged',
    ])
    const unknown = bench.rowsOf('presence').filter(({ state }) => state === 'unknown')
    expect(unknown.map(({ subject }) => subject).sort()).toEqual(behind(one).map(deviceOf).sort())
  })

  it('of which the front door is not heard any more is away, by our bridge', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(doorTicks(other, 0, 60 * minuteMs), doorTicks(one, 1, 20 * minuteMs), start))
    expect(told(bench)).toEqual([
      ...joined,
      `platform/ingest platform.ingest-lag ${one} AlarmRaised`,
      `platform/ingest platform.ingest-lag ${one} SeverityChanged`,
    ])
    expect(causesOf(bench)).toEqual(['online', 'unknown front-door-away our-bridge'])
  })

  it('that loses its devices is a group with the cause broker', async () => {
    const bench = createFleetBench()
    await bench.run(
      rulesEvent(),
      ...inOrder(
        doorTicks(other, 0, 40 * minuteMs),
        doorTicks(one, 1, 40 * minuteMs),
        ofTwoOperators(start),
        through(
          one,
          behind(one).map((n) => will(n, 20 * minuteMs + n * 100)),
        ),
      ),
    )
    expect(told(bench).filter((text) => text.startsWith('group/'))).toEqual([`group/broker/${one} presence.group-outage AlarmRaised`])
    expect(causesOf(bench)).toEqual(['online', 'offline will', 'offline will broker'])
  })
})

describe('the only broker, when it loses its devices while we are connected', () => {
  const lost = [
    ...doorTicks(one, 0, 40 * minuteMs),
    ...through(one, [
      ...fleet.map((n) => online(n, n * 10)),
      ...talk(fleet, minuteMs, 19 * minuteMs),
      ...fleet.map((n) => will(n, 20 * minuteMs + n * 100)),
    ]),
  ]

  it('is a group with the cause broker', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(ofTwoOperators(lost)))
    expect(told(bench).filter((text) => text.startsWith('group/'))).toEqual([`group/broker/${one} presence.group-outage AlarmRaised`])
    expect(causesOf(bench)).toEqual(['online', 'offline will', 'offline will broker'])
  })

  it('has the cause unknown when all of them are on one network too', async () => {
    const bench = createFleetBench()
    await bench.run(rulesEvent(), ...inOrder(lost))
    expect(told(bench).filter((text) => text.startsWith('group/'))).toEqual([`group/broker/${one} presence.group-outage AlarmRaised`])
    expect(causesOf(bench)).toEqual(['online', 'offline will', 'offline will unknown'])
    expect(detailOf(bench, 'presence.group-outage')).toContain('they share operator 00101 too, so which of these failed is not told')
  })
})
