/**
 * What somebody who is no recorder may do: a device login, or nobody at all. A witness with the doctor's own login tells what
 * really passed, since a 3.1.1 broker acknowledges a PUBLISH that it throws away, and some grant subscriptions that bring nothing.
 *
 * Its messages have no payload: a recorder that listens makes dead letters of them and learns nothing wrong of any device.
 */
import { AppError } from '../../runtime/errors.ts'
import type { DoctorClient } from './doctor-client.ts'
import type { PermissionFacts } from './judge-permissions.ts'
import type { Protocol, Reach, Visit } from './visit.ts'

export type PermissionOptions = {
  protocol: Protocol
  /** Part of client ids. */
  name: string
  reach: Reach
  /** A topic of another device, which the stranger must not write. */
  otherTopic: string
  /** A topic of its own; null when it has no name of its own. */
  ownTopic: string | null
}

const silenceMs = 500

export const probePermissions = async (visit: Visit, options: PermissionOptions): Promise<PermissionFacts> => {
  const { protocol, name, reach, otherTopic, ownTopic } = options
  const connect = (): Promise<DoctorClient> => visit.connect({ name, protocol, reach })
  let stranger: DoctorClient
  try {
    stranger = await connect()
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return {
      refusedLogin: error.message,
      speaksAsOther: false,
      speaksAsItself: null,
      writesRequests: false,
      hearsOthers: false,
      grantedEverything: 128,
    }
  }
  await stranger.drop()

  const witness = await visit.connect({ name: 'witness', protocol })
  const fence = visit.topic('fence')
  const requestTopic = visit.topic(`permission-probe-${name}`)
  for (const topic of [otherTopic, requestTopic, fence, ...(ownTopic === null ? [] : [ownTopic])]) await witness.subscribe(topic)
  for (const topic of [otherTopic, requestTopic, ...(ownTopic === null ? [] : [ownTopic])]) {
    const one = await connect() // A refusal may cost the connection.
    await one.publish(topic, '')
    await one.drop()
  }
  // What was published before the fence has passed it by now, or a moment later where brokers work in parallel.
  await witness.publish(fence, 'fence')
  await witness.until(Number.MAX_SAFE_INTEGER, silenceMs)
  const passed = new Set(witness.arrived.map(({ topic }) => topic))
  const { hears, granted } = await listenToAll(visit, witness, await connect())
  await witness.drop()
  return {
    refusedLogin: null,
    speaksAsOther: passed.has(otherTopic),
    speaksAsItself: ownTopic === null ? null : passed.has(ownTopic),
    writesRequests: passed.has(requestTopic),
    hearsOthers: hears,
    grantedEverything: granted,
  }
}

/** QoS 0 and without retained copies where that can be said; over at the first message. */
const listenToAll = async (visit: Visit, sender: DoctorClient, stranger: DoctorClient): Promise<{ hears: boolean; granted: number }> => {
  try {
    const granted = await stranger.subscribe('#', { qos: 0, retainHandling: 2 })
    await sender.publish(visit.topic('for-another'), 'not for strangers')
    await stranger.until(1, silenceMs)
    return { hears: stranger.arrived.length > 0, granted }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { hears: false, granted: 128 } // It closed the connection in the place of an answer.
  } finally {
    await stranger.drop()
  }
}
