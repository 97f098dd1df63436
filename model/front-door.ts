/**
 * What a front door says of itself beside its Tick, as facts: which outside broker brings its devices, under which client id their
 * messages come in, and on which side the fault is while it does not have the broker. An embedded broker says nothing.
 * Before: `ingest/ticks.ts`.  After: `processors/domain/watch/broker-health.ts`.
 */
import type { Body, FactItem } from './event.ts'

/**
 * `broker`: no connection comes about: the broker or the network to it. `our-bridge`: it answers and refuses our login or our
 * filters, or our log takes nothing; also a front door that is itself not heard.
 */
export type DoorFault = 'broker' | 'our-bridge'

export type OutsideBroker = {
  /** Its address without a login: instances with the same one share it. */
  broker: string
  /** Of our session there: `source.clientId` of all that comes through it. */
  clientId: string
  /** Asked for while there is no connection. */
  fault: DoorFault
}

const names = { broker: 'front_door.broker', clientId: 'front_door.client_id', fault: 'front_door.fault' } as const

export const frontDoorFacts = ({ broker, clientId, fault }: OutsideBroker): Body => {
  const fact = (name: string, value: string): FactItem => ({ name, value, sealed: null })
  return { kind: 'Facts', items: [fact(names.broker, broker), fact(names.clientId, clientId), fact(names.fault, fault)] }
}

/** Of the bodies of a tick; null: the broker is embedded, or the front door is of an earlier release. */
export const outsideBrokerOf = (bodies: readonly Body[]): OutsideBroker | null => {
  for (const body of bodies) {
    if (body.kind !== 'Facts') continue
    const told = new Map(body.items.map(({ name, value }) => [name, value ?? '']))
    const broker = told.get(names.broker) ?? ''
    if (broker === '') continue
    return { broker, clientId: told.get(names.clientId) ?? '', fault: told.get(names.fault) === 'broker' ? 'broker' : 'our-bridge' }
  }
  return null
}
