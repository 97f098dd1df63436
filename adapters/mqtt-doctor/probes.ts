/** What is done at the broker, one function for each property; each gives back what it saw, `judge-*.ts` say what that means. */
import type { IConnackPacket } from 'mqtt'
import type { Arrived, DoctorClient } from './doctor-client.ts'
import type { QueueFacts, RedeliveryFacts, RetainedFacts, SessionFacts, SharedFacts } from './judge-delivery.ts'
import type { Limits } from './judge-link.ts'
import type { Protocol, Visit } from './visit.ts'

/** Nothing more is expected when a broker has been silent for so long. */
export const quietMs = 2_000
const shareMessages = 200
const retainedFenceMs = 500
/** Some send again by a timer of their own, not when the connection comes back (Moquette: 5 s). */
const redeliveryQuietMs = 12_000

/** Does the doctor's own login hear what it says? Without this every other result would be about rights. */
export const probeRoundTrip = async (visit: Visit, protocol: Protocol): Promise<{ grantedQos: number; arrived: Arrived | null }> => {
  const client = await visit.connect({ name: 'echo', protocol })
  const grantedQos = await client.subscribe(visit.topic('echo'))
  if (grantedQos <= 2) {
    await client.publish(visit.topic('echo'), 'echo')
    await client.until(1, quietMs)
  }
  await client.drop()
  return { grantedQos, arrived: client.arrived[0] ?? null }
}

export const limitsOf = ({ properties }: IConnackPacket, askedSessionExpirySeconds: number): Limits => ({
  receiveMaximum: properties?.receiveMaximum ?? 65_535,
  packetBytesMax: properties?.maximumPacketSize ?? null,
  askedSessionExpirySeconds,
  sessionExpirySeconds: properties?.sessionExpiryInterval ?? askedSessionExpirySeconds,
  maximumQos: properties?.maximumQoS ?? 2,
  retainAvailable: isOn(properties?.retainAvailable),
  wildcardsAvailable: isOn(properties?.wildcardSubscriptionAvailable),
  sharedAvailable: isOn(properties?.sharedSubscriptionAvailable),
  serverKeepAliveSeconds: properties?.serverKeepAlive ?? null,
})

/** Not said means yes [MQTT-5 3.2.2.3]. */
const isOn = (said: unknown): boolean => said !== false && said !== 0

export const probeSession = async (visit: Visit, protocol: Protocol): Promise<SessionFacts> => {
  const name = 'session'
  const first = await visit.connect({ name, protocol, persistent: true })
  await first.subscribe(visit.topic(name))
  await first.end()
  const afterDisconnect = await visit.connect({ name, protocol, persistent: true })
  await afterDisconnect.drop()
  const afterDrop = await visit.connect({ name, protocol, persistent: true })
  await afterDrop.end()
  await visit.forget(name, protocol)
  return { keptAfterDisconnect: afterDisconnect.connack.sessionPresent, keptAfterDrop: afterDrop.connack.sessionPresent }
}

export const probeQueue = async (visit: Visit, protocol: Protocol, messages: number): Promise<QueueFacts> => {
  const name = 'queue'
  const topic = visit.topic(name)
  const away = await visit.connect({ name, protocol, persistent: true })
  await away.subscribe(topic)
  await away.end()
  const publisher = await visit.connect({ name: 'publisher', protocol })
  const acknowledged = await visit.publishAll(publisher, topic, numbered(messages))
  await publisher.end()
  const back = await visit.connect({ name, protocol, persistent: true })
  await back.until(messages, quietMs)
  await back.end()
  await visit.forget(name, protocol)
  return { published: messages, acknowledged, arrived: back.arrived.map(numberOf) }
}

export const probeRedelivery = async (visit: Visit, protocol: Protocol): Promise<RedeliveryFacts> => {
  const name = 'redelivery'
  const messages = 10
  const first = await visit.connect({ name, protocol, persistent: true, acknowledge: false })
  await first.subscribe(visit.topic(name))
  const publisher = await visit.connect({ name: 'publisher', protocol })
  await visit.publishAll(publisher, visit.topic(name), numbered(messages))
  await first.until(messages, quietMs)
  await first.drop()
  const again = await visit.connect({ name, protocol, persistent: true })
  await again.until(first.arrived.length, redeliveryQuietMs)
  await again.end()
  await publisher.end()
  await visit.forget(name, protocol)
  return {
    unacknowledged: first.arrived.map(numberOf),
    again: again.arrived.map((message) => ({ number: numberOf(message), dup: message.dup })),
  }
}

export const probeRetained = async (visit: Visit, protocol: Protocol): Promise<RetainedFacts> => {
  const topic = visit.topic('retained')
  const fence = visit.topic('retained-fence')
  const publisher = await visit.connect({ name: 'publisher', protocol })
  await visit.retain(publisher, topic, 'before')
  const listener = await visit.connect({ name: 'retained', protocol })
  await listener.subscribe(fence)
  await listener.subscribe(topic)
  await listener.until(1, quietMs)
  const copy = listener.arrived[0] ?? null
  await visit.retain(publisher, topic, 'live')
  await listener.until(2, quietMs)
  const live = listener.arrived.find(({ text }) => text === 'live') ?? null
  const known = listener.arrived.length
  await listener.subscribe(topic, { retainHandling: 1 })
  await publisher.publish(fence, 'fence')
  await listener.until(Number.MAX_SAFE_INTEGER, retainedFenceMs)
  const repeated = listener.arrived.slice(known).some((message) => message.topic === topic)
  await visit.retain(publisher, topic, '')
  const late = await visit.connect({ name: 'retained-late', protocol })
  await late.subscribe(topic)
  await late.until(1, retainedFenceMs)
  for (const client of [publisher, listener, late]) await client.end()
  return {
    copy: copy === null ? null : { retain: copy.retain },
    live: live === null ? null : { retain: live.retain },
    // MQTT 3.1.1 knows no Retain Handling: every subscription brings the copies.
    repeatedOnSubscribe: protocol === '5' ? repeated : null,
    cleared: late.arrived.length === 0,
  }
}

/** Two members with sessions of their own: both there; one away; one gone for good with messages in its hands. */
export const probeShared = async (visit: Visit, protocol: Protocol): Promise<SharedFacts> => {
  const topic = visit.topic('shared')
  const filter = `$share/${visit.root.replaceAll('/', '-')}/${topic}`
  const member = async (name: string, acknowledge = true): Promise<DoctorClient> => {
    const client = await visit.connect({ name, protocol, persistent: true, acknowledge })
    granted = await client.subscribe(filter)
    return client
  }
  let granted = 0
  const one = await member('shared-1')
  if (granted > 2) {
    await one.end()
    await visit.forget('shared-1', protocol)
    return { granted, both: null, away: null, gone: null }
  }
  const two = await member('shared-2')
  const publisher = await visit.connect({ name: 'publisher', protocol })
  const publish = (): Promise<number> => visit.publishAll(publisher, topic, numbered(shareMessages))

  await publish()
  await settle([one, two], shareMessages)
  const both = { published: shareMessages, arrived: [one.arrived.map(numberOf), two.arrived.map(numberOf)] }

  await two.end()
  const oneBefore = one.arrived.length
  await publish()
  await settle([one], oneBefore + shareMessages)
  const toOther = one.arrived.slice(oneBefore).map(numberOf)
  const back = await member('shared-2')
  await back.until(shareMessages - toOther.length, quietMs)
  const waited = back.arrived.map(numberOf)
  await back.end()

  // The one that stays is away meanwhile, so that the other has messages in its hands wherever one member gets all.
  await one.end()
  const leaving = await member('shared-2', false)
  await publish()
  await leaving.until(shareMessages, quietMs)
  const staying = await member('shared-1')
  await leaving.drop()
  await visit.forget('shared-2', protocol)
  await staying.until(shareMessages, quietMs)
  const gone = { published: shareMessages, held: leaving.arrived.length, arrived: new Set(staying.arrived.map(numberOf)).size }
  await publisher.end()
  await staying.end()
  await visit.forget('shared-1', protocol)
  return { granted, both, away: { published: shareMessages, toOther, waited }, gone }
}

/** Until the members together have `count`, or all are silent. */
const settle = async (members: readonly DoctorClient[], count: number): Promise<void> => {
  for (;;) {
    const before = total(members)
    if (before >= count) return
    await Promise.race(members.map((member) => member.until(member.arrived.length + 1, quietMs)))
    if (total(members) === before) return
  }
}

const total = (members: readonly DoctorClient[]): number => members.reduce((sum, { arrived }) => sum + arrived.length, 0)

/** A reading's usual size, so that limits in bytes count as they will. */
const numbered = (count: number): string[] => Array.from({ length: count }, (_, number) => `${number} `.padEnd(200, '.'))

const numberOf = ({ text }: Arrived): number => Number.parseInt(text, 10)
