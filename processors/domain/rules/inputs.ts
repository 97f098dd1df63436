/**
 * What one new event of a device says to the rules, in the order in which it is to be evaluated. The projections know what the
 * event itself does not show: steps of counters, a boot, an accepted change of presence, an estimate of the clock's skew.
 */
import type { Body, Carrier, DeviceEvent } from '../../../model/event.ts'
import type { BootNotice } from '../boot-tracker.ts'
import { classOf } from '../log-classes.ts'
import { placeItem } from '../placed-time.ts'
import type { RuleInput } from './evaluate.ts'

export type Derived = {
  /** Of `placeTime`. */
  observedAtMs: number
  boot: BootNotice['boot']
  /** Steps that the counters of this event made, with their flag. */
  steps: readonly { metric: string; attributes: string; delta: number | null; seconds: number | null; flag: string; atMs: number }[]
  /** Null: the event told no presence, or the projection did not accept it. */
  presence: { state: 'online' | 'offline' | 'unknown'; sessionId: string | null } | null
  /** Estimates that this event finished. */
  skews: readonly { skewMs: number; atMs: number }[]
}

const countingFlags: ReadonlySet<string> = new Set(['ok', 'reset', 'wrap'])

const heardAside: RuleInput = { kind: 'heard', aside: true }
/** Log lines, with what every message says beside: the device's uptime, its product and model, the persons' data in the lines. */
const isAside = (bodies: readonly Body[]): boolean => bodies.some(({ kind }) => kind === 'LogLines') && bodies.every(isLinesOrBeside)

const isLinesOrBeside = (body: Body): boolean =>
  body.kind === 'LogLines' || body.kind === 'Facts' || (body.kind === 'Measurements' && body.items.every(isUptime))

const isUptime = ({ metric }: { metric: string }): boolean => metric === 'system.uptime'

/** Nothing for stored copies and re-driven letters: they are no samples of now. */
export const inputsOf = (event: DeviceEvent, derived: Derived): RuleInput[] => {
  const { source, bodies } = event
  if (source.storedCopy || source.redriveOf !== null) return []
  const inputs: RuleInput[] = []
  const isWill = bodies.some((body) => body.kind === 'Presence' && body.state === 'offline')
  if (!isWill) inputs.push(isAside(bodies) ? heardAside : { kind: 'heard' })
  if (derived.presence !== null) inputs.push({ kind: 'presence', ...derived.presence })
  if (derived.boot !== null) {
    const { told, bootId, observedAtMs } = derived.boot
    inputs.push({
      kind: 'boot',
      bootId,
      told: told !== null,
      reason: told?.reason ?? null,
      taskId: told?.taskId ?? null,
      atMs: observedAtMs,
      beganAtMs: told === null || event.uptimeSeconds === null ? observedAtMs : observedAtMs - event.uptimeSeconds * 1_000,
    })
  }
  for (const body of bodies) addBody(inputs, event, body, derived.observedAtMs)
  for (const { metric, attributes, delta, seconds, flag, atMs } of derived.steps)
    if (delta !== null && seconds !== null && countingFlags.has(flag))
      inputs.push({ kind: 'counter', metric, attributes, delta, seconds, atMs })
  for (const { skewMs, atMs } of derived.skews) inputs.push({ kind: 'clock', skewMs, atMs })
  return inputs
}

const addBody = (inputs: RuleInput[], { receivedAtMs }: DeviceEvent, body: Body, observedAtMs: number): void => {
  switch (body.kind) {
    case 'Measurements':
      for (const { metric, attributes, value, observedAtMs: ownMs } of body.items)
        if (value !== null)
          inputs.push({ kind: 'measurement', metric, attributes, value, atMs: placeItem(ownMs, observedAtMs, receivedAtMs) })
      return
    case 'Radio': {
      const { rat, cellId, rsrpDbm, rsrqDb, sinrDb, rssiDbm, cqi, carriers } = body
      const reading = { rat, cellId, rsrpDbm, rsrqDb, sinrDb, rssiDbm, cqi, activeCarriers: carriers.filter(isActive).length }
      inputs.push({ kind: 'radio', reading, atMs: observedAtMs })
      return
    }
    case 'Facts':
      inputs.push({ kind: 'facts', items: body.items, atMs: observedAtMs })
      return
    case 'LogLines':
      for (const [line, { message, program, observedAtMs: ownMs }] of body.items.entries())
        inputs.push({ kind: 'log', class: classOf(message), message, program, line, atMs: placeItem(ownMs, observedAtMs, receivedAtMs) })
      return
    default:
  }
}

const isActive = ({ active }: Carrier): boolean => active !== false
