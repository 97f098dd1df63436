/**
 * Time passes by the log: every 5 s each ingest instance appends a Tick to every partition, so that a silent fleet still has
 * a clock and a replay gives the same answer. Missed ticks are not made up (design: section 5).
 */
import type { DeviceEvent } from '../model/event.ts'
import { frontDoorFacts } from '../model/front-door.ts'
import type { Clock, DeviceLink, EventCodec, EventLog, Ids } from '../model/ports.ts'
import { ownSource } from '../model/own-source.ts'

export const tickEveryMs = 5_000

export type TickDeps = {
  log: EventLog
  codec: EventCodec
  ids: Ids
  clock: Clock
  tenant: string
  instance: string
  health: DeviceLink['health']
}

/** Appends one tick now and then every 5 s; `onError` hears of a failed append (the next tick tries anew). Returns stop. */
export const startTicks = async (deps: TickDeps, onError: (error: unknown) => void): Promise<() => Promise<void>> => {
  const instanceStartedAtMs = deps.clock.nowMs()
  let counter = 0
  let appending: Promise<void> | undefined
  const tick = async (): Promise<void> => {
    const value = deps.codec.encode(tickEvent(deps, counter++, instanceStartedAtMs))
    const partitions = deps.log.partitionCount('device-events')
    const records = Array.from({ length: partitions }, (_, partition) => ({ partition, key: 'all', value }))
    await deps.log.append('device-events', records).then(() => undefined, onError)
  }
  await tick()
  const timer = setInterval(() => {
    // Skipped while the log does not answer: missed ticks are not made up.
    appending ??= tick().finally(() => {
      appending = undefined
    })
  }, tickEveryMs)
  return async () => {
    clearInterval(timer)
    await appending
  }
}

const tickEvent = (deps: TickDeps, counter: number, instanceStartedAtMs: number): DeviceEvent => {
  const { connected, lastMessageAtMs, outside } = deps.health()
  return {
    eventId: deps.ids.eventId(),
    tenant: deps.tenant,
    subject: { kind: 'fleet', id: 'all' },
    observedAtMs: null,
    receivedAtMs: deps.clock.nowMs(),
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: ownSource('recorder', null),
    bodies: [
      { kind: 'Tick', instance: deps.instance, counter, instanceStartedAtMs, brokerConnected: connected, lastMessageAtMs },
      ...(outside === undefined ? [] : [frontDoorFacts(outside)]),
    ],
    payload: { encoding: 'none', bytes: new Uint8Array(0) },
  }
}
