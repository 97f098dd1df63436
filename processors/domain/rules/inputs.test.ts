import { expect, it } from 'vitest'
import type { Body, DeviceEvent } from '../../../model/event.ts'
import { eventOf } from '../../../test/stage-fakes.ts'
import { type Derived, inputsOf } from './inputs.ts'

const atMs = Date.UTC(2026, 0, 5, 12)
const eventWith = (bodies: Body[], source: Partial<DeviceEvent['source']> = {}): DeviceEvent => {
  const event = eventOf({ receivedAtMs: atMs, bodies })
  return { ...event, source: { ...event.source, ...source } }
}
const derived: Derived = { observedAtMs: atMs - 1_000, boot: null, steps: [], presence: null, skews: [] }
const reading: Body = {
  kind: 'Measurements',
  items: [
    { metric: 'hw.temperature', attributes: '', value: 40, quality: 'ok', observedAtMs: null },
    { metric: 'hw.temperature', attributes: '', value: 41, quality: 'ok', observedAtMs: atMs - 60_000 },
    { metric: 'hw.temperature', attributes: '', value: null, quality: 'missing', observedAtMs: null },
  ],
}

it('readings lie at their own time where they have one; a missing one says nothing', () => {
  expect(inputsOf(eventWith([reading]), derived)).toEqual([
    { kind: 'heard' },
    { kind: 'measurement', metric: 'hw.temperature', attributes: '', value: 40, atMs: atMs - 1_000 },
    { kind: 'measurement', metric: 'hw.temperature', attributes: '', value: 41, atMs: atMs - 60_000 },
  ])
})

it('a will is no sign of life; what it changed is told', () => {
  const will: Body = { kind: 'Presence', state: 'offline', sessionId: 's', reason: null }
  expect(inputsOf(eventWith([will]), { ...derived, presence: { state: 'offline', sessionId: 's' } })).toEqual([
    { kind: 'presence', state: 'offline', sessionId: 's' },
  ])
})

it('stored copies and re-driven letters are no samples of now', () => {
  expect(inputsOf(eventWith([reading], { storedCopy: true }), derived)).toEqual([])
  expect(inputsOf(eventWith([reading], { redriveOf: '0:1' }), derived)).toEqual([])
})

it('log lines come with their class, counters with steps that count, boots with their reason', () => {
  const line = {
    observedAtMs: null,
    writtenAt: '',
    severity: 4,
    facility: null,
    program: 'kernel',
    message: 'invoked oom-killer',
    cut: false,
  }
  const step = { metric: 'system.network.io', attributes: '', delta: 5, seconds: 60, atMs }
  const told = { kind: 'Boot', bootId: 'b', reason: 'power', uptimeBeforeSeconds: null, taskId: null } as const
  expect(
    inputsOf(eventWith([{ kind: 'LogLines', source: 'log/dmesg', items: [line] }]), {
      ...derived,
      boot: { evidence: 'told', bootId: 'b', observedAtMs: atMs, told },
      steps: [
        { ...step, flag: 'ok' },
        { ...step, flag: 'suspect' },
        { ...step, delta: null, flag: 'first' },
      ],
      skews: [{ skewMs: -70_000, atMs }],
    }),
  ).toEqual([
    { kind: 'heard', aside: true },
    { kind: 'boot', bootId: 'b', told: true, reason: 'power', taskId: null, atMs, beganAtMs: atMs },
    { kind: 'log', class: 'oom', message: 'invoked oom-killer', program: 'kernel', line: 0, atMs: atMs - 1_000 },
    { kind: 'counter', metric: 'system.network.io', attributes: '', delta: 5, seconds: 60, atMs },
    { kind: 'clock', skewMs: -70_000, atMs },
  ])
})

it('lines with what every message says beside them are aside; with a reading they are not', () => {
  const lines: Body = { kind: 'LogLines', source: 'syslog', items: [] }
  const facts: Body = { kind: 'Facts', items: [{ name: 'device.model', value: 'gw-40', sealed: null }] }
  const uptime: Body = {
    kind: 'Measurements',
    items: [{ metric: 'system.uptime', attributes: '', value: 7, quality: 'ok', observedAtMs: null }],
  }
  expect(inputsOf(eventWith([lines, uptime, facts]), derived)[0]).toEqual({ kind: 'heard', aside: true })
  expect(inputsOf(eventWith([lines, uptime, reading]), derived)[0]).toEqual({ kind: 'heard' })
  expect(inputsOf(eventWith([uptime, facts]), derived)[0]).toEqual({ kind: 'heard' })
})
