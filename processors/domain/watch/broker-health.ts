/**
 * Since when devices can reach us by broker: those of one that is away are not judged by the others. A device belongs to the
 * broker that brings its messages, told from their client id; `''` is the embedded one. Time is that of ticks.
 * Before: `ingest-health.ts`.  After: `watch-device.ts`, and with each tick the fleet stage.
 */
import type { EventSource } from '../../../model/event.ts'
import type { DoorFault, OutsideBroker } from '../../../model/front-door.ts'
import { instancesMax } from '../front-door-watch.ts'

/** `broker`, `clientId`, `fault` of a bridge (`model/front-door.ts`). */
export type FrontDoorHealth = { startedAtMs: number; tickMs: number; healthyMs: number } & Partial<OutsideBroker>

export type BrokerHealth = {
  /** Null: its devices cannot reach us. */
  sinceMs: number | null
  /** The newest tick of one of its front doors. */
  heardMs: number
  clientId: string
  /** Since when it is away, on whose side, and of which shards the devices were told so; undefined: it is there. */
  away?: { sinceMs: number; fault: DoorFault; shard: number }
}

export type BrokersHealth = {
  instances: Record<string, FrontDoorHealth>
  sinceMs: number | null
  /** Undefined in states of earlier releases. */
  brokers?: Record<string, BrokerHealth>
  /** Brokers by the client id of their one bridge; '' where two have the same. Undefined: there is no bridge. */
  bridges?: Record<string, string>
}

/** The broker of which a device is: `atMs`, its newest message through it. */
export type DeviceDoor = { broker: string; atMs: number }

/** No front door of a broker is heard for so long: it was taken out, and whoever belonged to it is judged like all others. */
export const brokerForgottenMs = 24 * 3_600_000
/** Front doors of one broker may have two addresses and share its messages: a device stays with the first while that brings any. */
export const brokerKeptMs = 10 * 60_000

/** After each tick. `isHealthy`: of a front door that is heard. */
export const noteBrokers = (
  state: BrokersHealth,
  { instance, isStart, isGap }: { instance: string; isStart: boolean; isGap: boolean },
  isHealthy: (door: FrontDoorHealth) => boolean,
  nowMs: number,
): void => {
  const brokers = (state.brokers ??= {})
  const door = state.instances[instance]
  const own = door?.broker ?? ''
  const clientId = door?.clientId ?? ''
  if (own in brokers || Object.keys(brokers).length < instancesMax) brokers[own] ??= { sinceMs: null, heardMs: nowMs, clientId }
  for (const [name, broker] of Object.entries(brokers)) {
    const doors = Object.values(state.instances).filter((other) => (other.broker ?? '') === name)
    if (doors.length > 0) broker.heardMs = nowMs
    // A bridge that was given another address leaves nothing behind.
    const isReplaced = name !== own && doors.length === 0 && clientId !== '' && broker.clientId === clientId
    if (isReplaced || Math.abs(nowMs - broker.heardMs) > brokerForgottenMs) {
      Reflect.deleteProperty(brokers, name)
    } else if (doors.some(isHealthy)) {
      if (broker.sinceMs === null || isGap || (isStart && name === own)) broker.sinceMs = nowMs
      delete broker.away
    } else {
      broker.sinceMs = null
      broker.away ??= { sinceMs: nowMs, fault: 'our-bridge', shard: 0 }
      broker.away.fault = doors.some(({ fault }) => fault === 'broker') ? 'broker' : 'our-bridge'
    }
  }
  noteBridges(state)
}

const noteBridges = (state: BrokersHealth): void => {
  delete state.bridges
  for (const { broker = '', clientId = '' } of Object.values(state.instances)) {
    if (broker === '') continue
    const bridges = (state.bridges ??= {})
    bridges[clientId] = Object.hasOwn(bridges, clientId) && bridges[clientId] !== broker ? '' : broker
  }
}

export const healthySinceOf = ({ sinceMs, brokers }: BrokersHealth, door: DeviceDoor | undefined): number | null => {
  const own = brokers?.[door?.broker ?? '']
  return own === undefined ? sinceMs : own.sinceMs
}

/** A message came through a broker. Not told where all are embedded, or two bridges have one client id. */
export const noteDoor = (device: { door?: DeviceDoor }, health: BrokersHealth, { clientId }: EventSource, nowMs: number): void => {
  const { bridges, brokers } = health
  const { door } = device
  if (bridges === undefined && door === undefined) return
  const broker = bridges !== undefined && Object.hasOwn(bridges, clientId) ? (bridges[clientId] ?? '') : ''
  if (brokers?.[broker] === undefined) return
  if (door?.broker === broker) door.atMs = nowMs
  else if (door === undefined || !isKept(health, door, nowMs)) device.door = { broker, atMs: nowMs }
}

const isKept = ({ brokers }: BrokersHealth, { broker, atMs }: DeviceDoor, nowMs: number): boolean => {
  const sinceMs = brokers?.[broker]?.sinceMs ?? null
  return sinceMs !== null && Math.abs(nowMs - atMs) <= brokerKeptMs
}
