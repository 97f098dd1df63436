/**
 * One visit of the doctor at a broker: names below `fleet-recorder/doctor/<random>`, connections, and the cleaning up of all
 * that was left: connections, persistent sessions, retained copies.
 *
 * The topics have the form of task requests for a device that does not exist. A recorder that listens at the same broker takes
 * none of them in, and the recorder's own login may write and read them under the shipped ACL.
 */
import type { IClientOptions } from 'mqtt'
import { type BrokerAddress, clientOptions } from '../mqtt-bridge/client-options.ts'
import { type DoctorClient, openDoctorClient } from './doctor-client.ts'

export type Protocol = '3.1.1' | '5'

/** How the broker is reached; which session and version is each connection's own affair. */
export type Reach = Omit<BrokerAddress, 'clientId' | 'protocol' | 'persistent'>

export type ConnectOptions = {
  /** Part of the client id: the same name is the same session. */
  name: string
  protocol: Protocol
  /** A session that outlives its connection. */
  persistent?: boolean
  /** False: QoS 1 messages are left unacknowledged. */
  acknowledge?: boolean
  /** MQTT 5; default an hour, so that what a killed doctor leaves ends by itself. */
  sessionExpirySeconds?: number
  /** Another login than the doctor's own. */
  reach?: Reach
}

export type Visit = {
  root: string
  topic: (name: string) => string
  connect: (options: ConnectOptions) => Promise<DoctorClient>
  /** Publishes all, a few at a time; returns how many were acknowledged. */
  publishAll: (client: DoctorClient, topic: string, texts: readonly string[]) => Promise<number>
  retain: (client: DoctorClient, topic: string, text: string) => Promise<void>
  /** Ends a session: connects with a clean one in its place and leaves. */
  forget: (name: string, protocol: Protocol) => Promise<void>
  /** Repeats safely. Resolves with what could not be cleaned. */
  clean: () => Promise<string[]>
}

/** As the bridge asks. */
const receiveMaximum = 4_000
const hourSeconds = 3_600
/** More is not on its way at once; brokers allow fewer (HiveMQ: 10), which their CONNACK tells. */
const inFlightMax = 100

export const createVisit = (reach: Reach, id: string): Visit => {
  const root = `fleet-recorder/doctor/${id}`
  const open = new Set<DoctorClient>()
  const sessions = new Map<string, { name: string; protocol: Protocol }>()
  const retained = new Map<string, Protocol>()

  const connect = async (options: ConnectOptions): Promise<DoctorClient> => {
    const { name, protocol, persistent = false, acknowledge = true, sessionExpirySeconds = hourSeconds } = options
    const { url, ...login } = options.reach ?? reach
    const base = clientOptions({ ...login, url, clientId: `fleet-recorder-doctor-${id}-${name}`, protocol, persistent }, receiveMaximum)
    const asked: IClientOptions =
      protocol === '5'
        ? { ...base, properties: { ...base.properties, sessionExpiryInterval: persistent ? sessionExpirySeconds : 0 } }
        : base
    const client = await openDoctorClient(url, asked, acknowledge)
    open.add(client)
    if (persistent) sessions.set(name, { name, protocol })
    return client
  }

  const forget = async (name: string, protocol: Protocol): Promise<void> => {
    const client = await connect({ name, protocol })
    await client.end()
    open.delete(client)
    sessions.delete(name)
  }

  const clearRetained = async (): Promise<void> => {
    const [protocol] = retained.values()
    if (protocol === undefined) return
    const client = await connect({ name: 'cleaner', protocol })
    for (const topic of [...retained.keys()]) {
      if ((await client.publish(topic, '', true)) === 'acknowledged') retained.delete(topic)
    }
    await client.end()
  }

  return {
    root,
    topic: (name) => `${root}/tasks/${name}/request`,
    connect,
    publishAll: async (client, topic, texts) => {
      const window = Math.min(inFlightMax, client.connack.properties?.receiveMaximum ?? inFlightMax)
      let next = 0
      let acknowledged = 0
      const lane = async (): Promise<void> => {
        for (let text = texts[next++]; text !== undefined; text = texts[next++]) {
          if ((await client.publish(topic, text)) === 'acknowledged') acknowledged++
        }
      }
      await Promise.all(Array.from({ length: window }, lane))
      return acknowledged
    },
    retain: async (client, topic, text) => {
      retained.set(topic, client.protocol)
      await client.publish(topic, text, true)
    },
    forget,
    clean: async () => {
      const left: string[] = []
      const step = async (what: string, work: () => Promise<unknown>): Promise<void> => {
        try {
          await work()
        } catch (error) {
          left.push(`${what}: ${(error as Error).message}`)
        }
      }
      await step('retained copies', clearRetained)
      for (const topic of retained.keys()) left.push(`the retained copy ${topic}`)
      for (const client of open) await step('a connection', client.drop)
      open.clear()
      for (const { name, protocol } of [...sessions.values()]) await step(`the session ${name}`, () => forget(name, protocol))
      return left
    },
  }
}
