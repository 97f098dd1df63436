/**
 * Who gets in, and what is known of each connection: login, rights, persistent session and its connection number. Also what
 * a client may subscribe to. aedes asks through `hooks`; `acceptance.ts` asks `connectionOf` for every message.
 */
import type { Aedes } from 'aedes'
import type { BrokerPersistence } from '../lmdb/broker-persistence.ts'
import { AckWriter } from './ack-writer.ts'
import { type SeamClient, slim } from './aedes-seam.ts'
import { ArrivalOrder } from './arrival-order.ts'
import type { FrameGuard } from './frame-guard.ts'
import type { BrokerLimits } from './limits.ts'
import type { Arrival } from './listeners.ts'
import type { Logins, Principal } from './login.ts'

/** What a login may do; made once per connection by `ingest/domain/access.ts`. */
export type Rights = { mayPublish: (topic: string) => boolean; mayReceive: (topic: string) => boolean }

export type Connection = {
  client: SeamClient
  arrival: Arrival
  guard: FrameGuard
  order: ArrivalOrder
  acks: AckWriter
  /** Login name; '' without one. */
  identity: string
  rights: Rights
  sessionId: string | null
  connection: number
  /** QoS 2 packet ids that are being handed over; null as long as there was none. */
  handingOver: Map<number, Promise<unknown>> | null
  /** Subscriptions that it was granted and has not given up; a few. */
  filters: string[]
  deniedFilters: Set<string> | null
  /** Connections before it in a row that were alive when the next one took the client id. */
  takeovers: number
  /** A message has told them. */
  areTakeoversTold: boolean
}

export type Admission = {
  hooks: Pick<Aedes, 'preConnect' | 'authenticate' | 'authorizeSubscribe'>
  arrived: (client: unknown, arrival: Arrival, install: (client: SeamClient) => FrameGuard) => void
  connectionOf: (client: unknown) => Connection | undefined
  /** Its client has another connection by now. */
  isTakenOver: (client: SeamClient) => boolean
  maySubscribe: (clientId: string, filter: string) => boolean
  /** Connections that have logged in. */
  connected: () => number
  unsubscribed: (filters: readonly string[], client: unknown) => void
  /** Ends the connection that this client has now. */
  disconnect: (clientId: string) => void
  closeAll: () => void
  settled: () => Promise<unknown>
}

export type AdmissionDeps = {
  limits: BrokerLimits
  logins: Logins
  rightsOf: (principal: Principal | null) => Rights
  store: BrokerPersistence
  refuse: (reason: string) => void
  /** Runs before a client is admitted that may have been here before. */
  beforeAdmission: (clientId: string) => void
}

/** CONNACK codes of MQTT 3; aedes translates them for MQTT 5. */
const returnCodes = { identifierRejected: 2, serverUnavailable: 3, badCredentials: 4, notAuthorized: 5 } as const
const noRights: Rights = { mayPublish: () => false, mayReceive: () => false }
/**
 * aedes tells Session Present by the subscriptions that it restores. A session without any, as a pure publisher has, would be
 * denied, and the client would throw away what it has not been acknowledged [MQTT-3.2.2-2]. So the store gives aedes this
 * one, which `authorizeSubscribe` then leaves out.
 */
export const sessionMarker = '$session'
const sessionNeverExpires = 0xffff_ffff

export const createAdmission = ({ limits, logins, rightsOf, store, refuse, beforeAdmission }: AdmissionDeps): Admission => {
  const connections = new WeakMap<object, Connection>()
  const owners = new Map<string, Connection>() // Client id -> the connection that has it now.
  const open = new Set<Connection>()
  const halfOpen = new Set<object>() // Clients that have not said CONNECT, the oldest first.
  const writing = new Set<Promise<unknown>>()
  let rightsOfNobody: Rights | undefined // The same for all that have no login.
  const connectionOf = (client: unknown): Connection | undefined => connections.get(client as object)
  const track = (write: Promise<unknown>): void => {
    const tracked = write.catch(() => refuse('sessionNotWritten')).finally(() => writing.delete(tracked))
    writing.add(tracked)
  }

  const admit = async (connection: Connection, name: string | undefined, password: Buffer | undefined): Promise<Refusal | null> => {
    const { client } = connection
    const clientId = client.id
    if (Buffer.byteLength(clientId) > limits.clientIdBytesMax) return { code: 'identifierRejected', reason: 'clientIdTooLong' }
    if (client._will && !isPublishable(client._will.topic, limits)) return { code: 'notAuthorized', reason: 'willTopic' }
    const login = await logins.check(connection.arrival, name, password)
    if (!login.ok) {
      const code =
        login.refusal === 'loginBusy' ? 'serverUnavailable' : login.refusal === 'loginMissing' ? 'notAuthorized' : 'badCredentials'
      return { code, reason: login.refusal }
    }
    if (client.closed) return { code: 'serverUnavailable', reason: 'closedMeanwhile' }
    const identity = login.principal?.name ?? ''
    const owner = owners.get(clientId)
    const holder = owner?.identity ?? store.identityOf(clientId)
    if (holder !== undefined && holder !== identity) return { code: 'notAuthorized', reason: 'clientIdOfAnother' }
    beforeAdmission(clientId)
    connection.identity = identity
    connection.rights = login.principal === null ? (rightsOfNobody ??= rightsOf(null)) : rightsOf(login.principal)
    owners.set(clientId, connection) // Claimed before anything is awaited.
    if (owner !== undefined && open.has(owner)) Object.assign(connection, { takeovers: owner.takeovers + 1, areTakeoversTold: false })
    open.add(connection)
    const session = await store.openSession({ clientId, identity, resume: !client._cleanStart, keepSeconds: keepSecondsOf(client) })
    if (session.sessionId === null) store.forgetCleanIncoming(clientId)
    // MQTT 5 may go on with a session and end it afterwards (expiry 0); aedes would take it for a clean one and drop its queue.
    else client.clean = false
    Object.assign(connection, session)
    return null
  }

  const closeLongestSilent = (): void => {
    for (const client of halfOpen) {
      halfOpen.delete(client)
      refuse('halfOpen')
      connectionOf(client)?.client.conn.destroy()
      return
    }
  }

  const closed = (connection: Connection): void => {
    if (!open.delete(connection)) return
    const { client } = connection
    if (owners.get(client.id) !== connection) return // Taken over by a newer connection of the same client.
    owners.delete(client.id)
    store.forgetCleanIncoming(client.id)
    track(store.closeSession(client.id, keepSecondsOf(client)))
  }

  return {
    connectionOf,
    connected: () => open.size,
    unsubscribed: (filters, client) => {
      const connection = connectionOf(client)
      if (connection) connection.filters = connection.filters.filter((filter) => !filters.includes(filter))
    },
    disconnect: (clientId) => owners.get(clientId)?.client.conn.destroy(),
    closeAll: () => {
      for (const connection of [...open]) closed(connection)
    },
    settled: () => Promise.all(writing),
    isTakenOver: (client) => {
      const owner = owners.get(client.id)
      return owner !== undefined && owner.client !== client
    },
    maySubscribe: (clientId, filter) => owners.get(clientId)?.deniedFilters?.has(filter) !== true,

    arrived: (arrivedClient, arrival, install) => {
      const client = arrivedClient as SeamClient
      const connection: Connection = {
        client,
        arrival,
        guard: install(client),
        order: new ArrivalOrder(() => client.conn.destroy()),
        acks: new AckWriter(client, limits.outgoingBytesMax),
        identity: '',
        rights: noRights,
        sessionId: null,
        connection: 0,
        handingOver: null,
        filters: [],
        deniedFilters: null,
        takeovers: 0,
        areTakeoversTold: true,
      }
      connections.set(client, connection)
      halfOpen.add(client)
      if (halfOpen.size > limits.halfOpenMax) closeLongestSilent()
      letWritesRun(client, limits.outgoingBytesMax)
      slim(client)
      client.conn.once('close', () => {
        halfOpen.delete(client)
        connection.guard.closed()
        closed(connection)
      })
    },

    hooks: {
      /** A client that asks for no keep-alive, or a very long one, is held to ours: a dead connection must be seen. */
      preConnect: (client, packet, callback) => {
        halfOpen.delete(client)
        if ((packet.protocolVersion ?? 4) < 5 && (!packet.keepalive || packet.keepalive > limits.keepAliveSecondsMax)) {
          packet.keepalive = limits.keepAliveSecondsMax
        }
        callback(null, true)
      },

      authenticate: (client, name, password, callback) => {
        const connection = connectionOf(client)
        if (!connection) return
        admit(connection, name, password).then(
          (refusal) => {
            if (refusal === null) {
              callback(null, true)
              return
            }
            refuse(refusal.reason)
            callback(Object.assign(new Error(refusal.reason), { returnCode: returnCodes[refusal.code] }), false)
          },
          () => {
            // No CONNACK: after one that refuses, some clients (MQTT.js) never come again, and the disk will have space.
            refuse('sessionNotWritten')
            client.conn.destroy()
          },
        )
      },

      authorizeSubscribe: (client, subscription, callback) => {
        const connection = connectionOf(client)
        const { topic } = subscription
        if (topic === sessionMarker) {
          callback(null, null)
          return
        }
        const tooMany = connection?.filters.includes(topic) === false && connection.filters.length >= limits.subscriptionsMax
        // `$SYS` is ours; `$share` in MQTT 3 would be a plain filter that matches nothing.
        if (!connection || tooMany || topic.startsWith('$') || Buffer.byteLength(topic) > limits.topicBytesMax) {
          refuse(tooMany ? 'subscriptionsMax' : 'subscriptionForbidden')
          if (connection) {
            connection.deniedFilters ??= new Set()
            connection.deniedFilters.add(topic)
            if (connection.deniedFilters.size > limits.subscriptionsMax) client.conn.destroy()
          }
          callback(null, null)
          return
        }
        connection.deniedFilters?.delete(topic)
        if (!connection.filters.includes(topic)) connection.filters.push(topic)
        callback(null, subscription)
      },
    },
  }
}

type Refusal = { code: keyof typeof returnCodes; reason: string }

/** How long the session outlives the connection; null: as long as the limit allows. aedes follows a DISCONNECT's wish. */
const keepSecondsOf = ({ sessionExpiryInterval }: SeamClient): number | null =>
  sessionExpiryInterval >= sessionNeverExpires ? null : sessionExpiryInterval

export const isPublishable = (topic: string, limits: BrokerLimits): boolean =>
  topic !== '' &&
  !topic.includes('+') &&
  !topic.includes('#') &&
  topic.length <= limits.topicBytesMax &&
  (topic.length * 3 <= limits.topicBytesMax || Buffer.byteLength(topic) <= limits.topicBytesMax)

/** aedes waits for `drain` whenever a write fills the buffer; it may fill up to our own limit, where `acceptance.ts` drops. */
const letWritesRun = ({ conn }: SeamClient, bytes: number): void => {
  const state = (conn as unknown as { _writableState?: { highWaterMark: number } })._writableState
  if (state) state.highWaterMark = bytes
}
