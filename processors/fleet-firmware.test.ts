/** Rules of a firmware through both stages: messages of devices in, what cannot be read among them; alarms of their firmware out. */
import { describe, expect, it } from 'vitest'
import type { Body, DeviceEvent } from '../model/event.ts'
import { createFleetBench, deviceOf, type FleetBench, inOrder, minuteMs, secondMs, ticks } from '../test/fleet-fakes.ts'
import { arrivalMs, eventOf, rulesEvent } from '../test/stage-fakes.ts'

let counted = 0
const says = (n: number, ms: number, bodies: Body[]): DeviceEvent =>
  eventOf({ device: deviceOf(n), receivedAtMs: arrivalMs + ms, text: `{"n":${counted++}}`, bodies })
const runs = (n: number, ms: number, version: string): DeviceEvent =>
  says(n, ms, [
    {
      kind: 'Facts',
      items: [
        { name: 'device.product', value: 'dwr', sealed: null },
        { name: 'device.model', value: '311-a1', sealed: null },
        { name: 'firmware.version', value: version, sealed: null },
      ],
    },
  ])
const unreadable = (n: number, ms: number): DeviceEvent => says(n, ms, [{ kind: 'Quarantined', reason: 'JSON_INVALID', deadLetter: '0:0' }])
const told = (bench: FleetBench, type: string): string[] =>
  bench
    .rowsOf('alarm_events')
    .filter((row) => row['type'] === type)
    .map((row) => `${String(row['resource'])} ${String(row['kind'])} ${(Number(row['at']) - arrivalMs) / minuteMs}`)

describe('messages that cannot be read', () => {
  const devices = Array.from({ length: 10 }, (_, n) => n)
  /** Ten a minute of each of two firmwares. */
  const talk = (fromMinute: number, minutes: number): DeviceEvent[] =>
    Array.from({ length: minutes }, (_, minute) =>
      devices.flatMap((n) => [
        runs(n, (fromMinute + minute) * minuteMs + n * secondMs, '1.2'),
        runs(n + 10, (fromMinute + minute) * minuteMs + n * secondMs, '1.3'),
      ]),
    ).flat()

  it('are an alarm of their firmware when the window is over, and none of the other one; it ends with them', async () => {
    const bench = createFleetBench()
    const bad = devices.map((n) => unreadable(n + 10, 7 * minuteMs + n * secondMs))
    await bench.run(rulesEvent(), ...inOrder(ticks(0, 31 * minuteMs), talk(0, 31), bad))
    expect([bench.refused, bench.limits]).toEqual([[], []])
    expect(told(bench, 'platform.dead-letters')).toEqual([
      'group/firmware/dwr/311-a1/1.3 AlarmRaised 15',
      'group/firmware/dwr/311-a1/1.3 Correlated 15',
      'group/firmware/dwr/311-a1/1.3 AlarmCleared 30',
    ])
    const raised = bench.rowsOf('alarm_events').find((row) => row['type'] === 'platform.dead-letters')
    expect(String(raised?.['detail'])).toContain('10 of 160 messages of firmware dwr/311-a1/1.3 in 15 min (6.3 %) could not be read')
  })
})

describe('a line that a firmware never wrote', () => {
  const writes = (n: number, ms: number, message: string, severity = 3): DeviceEvent =>
    says(n, ms, [
      {
        kind: 'LogLines',
        source: 'dmesg',
        items: [{ observedAtMs: null, writtenAt: '', severity, facility: null, program: null, message, cut: false }],
      },
    ])
  const devices = [0, 1, 2]
  const week = 7 * 24 * 60 * minuteMs
  const known = devices.flatMap((n) => [runs(n, 1_000 + n, '1.2'), writes(n, 2_000 + n, 'usb 1-1: reset 7')])
  const later = ticks(week + minuteMs, week + 10 * minuteMs)

  it('is an alarm of its third device after the week that only teaches; what it wrote before is none', async () => {
    const bench = createFleetBench()
    await bench.run(
      rulesEvent(),
      ...inOrder(
        ticks(0, minuteMs),
        known,
        later,
        devices.map((n) => writes(n, week + 2 * minuteMs + n, 'usb 1-2: reset 8')),
        devices.map((n) => writes(n, week + 3 * minuteMs + n, `ath10k 0000:01:00.${n}: firmware crashed`)),
        devices.map((n) => writes(n, week + 4 * minuteMs + n, 'station is now associated', 6)),
      ),
    )
    expect([bench.refused, bench.limits]).toEqual([[], []])
    expect(told(bench, 'fw.new-fingerprint').map((text) => text.split(' ').slice(0, 2).join(' '))).toEqual([
      'group/firmware/dwr/311-a1/1.2 AlarmRaised',
      'group/firmware/dwr/311-a1/1.2 Correlated',
    ])
    const raised = bench.rowsOf('alarm_events').find((row) => row['type'] === 'fw.new-fingerprint')
    expect(String(raised?.['detail'])).toContain('3 devices of firmware dwr/311-a1/1.2 write what it had never written')
    expect(String(raised?.['detail'])).toContain('firmware crashed')
  })
})
