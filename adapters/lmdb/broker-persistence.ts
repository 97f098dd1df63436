/**
 * What the embedded broker keeps for its clients: retained messages, and persistent sessions with their subscriptions,
 * queued messages and received QoS 2 packet ids. Memory answers, LMDB (`<dataDir>/broker`) remembers; everything is read
 * back at start. It is an aedes persistence (it passes aedes' own suite), and the broker also calls it directly, so that
 * what a PUBACK promises is on disk before the PUBACK goes out.
 *
 * Promises: what writes resolves when synced. A write that fails (full disk) is taken back in memory too, so that both say
 * the same; where aedes would go on as if it had been written, `onWriteFailed` ends the connection, and the client comes again.
 * Wills live in memory only: those of a killed process are not sent, and presence falls to the ticks.
 * Bounded by `BrokerStoreLimits`; at a limit: a new retained topic is not retained, a queue drops the newest, the session
 * that was away longest makes room. All are counted in `stats()`.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { type Database, open, type RootDatabase } from 'lmdb'
import type { AppError } from '../../runtime/errors.ts'
import { createFilterIndex, filterMatches } from '../mqtt/topic-filter.ts'
import { reusableBytesOf } from './environment.ts'
import { createLowWater, type LowWater, type markParts } from './low-water.ts'
import { written } from './written.ts'

export type StoredPacket = {
  cmd: string
  brokerId?: string | undefined
  brokerCounter?: number | undefined
  topic: string
  payload: Buffer
  qos: number
  retain: boolean
  dup: boolean
  messageId?: number | undefined
  clientId?: string
  nl?: boolean
  properties?: Record<string, unknown>
  /** Epoch ms after which the message is worthless (MQTT 5 Message Expiry Interval). */
  messageExpiry?: number
}

export type StoredSubscription = {
  qos: number
  rh?: number | undefined
  rap?: boolean | undefined
  nl?: boolean | undefined
  subscriptionIdentifier?: number
}
export type FoundSubscription = StoredSubscription & { clientId: string; topic: string }

export type BrokerStoreLimits = {
  retainedMessagesMax: number
  retainedBytesMax: number
  sessionsMax: number
  sessionExpirySeconds: number
  queuedPerSessionMax: number
  queuedBytesMax: number
}

type SessionRecord = {
  clientId: string
  sessionId: string
  /** Connections so far. */
  connection: number
  /** Login that made the session; nobody else may take it over. */
  identity: string
  /** Null: as long as the limit allows. */
  keepSeconds: number | null
  connected: boolean
  lastSeenAtMs: number
  subscriptions: [string, StoredSubscription][]
}
type Session = Omit<SessionRecord, 'subscriptions'> & {
  key: string
  subscriptions: Map<string, StoredSubscription>
  queue: Queued[]
  nextSeq: number
  incoming: Map<number, StoredPacket>
  /** It was there before the connection that has it now. */
  resumed: boolean
}

export type Queued = { seq: number; packet: StoredPacket }
type ClientRef = { id: string }
type BrokerRef = { id: string }

export type OpenSession = {
  clientId: string
  identity: string
  /** False: an older session of this client is dropped first. */
  resume: boolean
  /** How long the session outlives its connection; 0: it ends with it, null: as long as the limit allows. */
  keepSeconds: number | null
}

export type BrokerPersistenceOptions = {
  path: string
  limits: BrokerStoreLimits
  nowMs?: () => number
  /** False for filters that the broker refused: they are not kept. */
  maySubscribe?: (clientId: string, filter: string) => boolean
  /** Given back as the one subscription of a resumed session that has none (`sessionMarker` of admission.ts). */
  sessionMarker?: string
  /** `DISK_FREE_BYTES_MIN`: below half of it nothing new is kept, below a quarter nothing is written. Default 0. */
  diskFreeBytesMin?: number
  diskFreeBytes?: (() => number) | undefined
  /** What was to be written of this client's session could not be; its connection must end. */
  onWriteFailed?: (clientId: string) => void
  /** Payloads of received QoS 2 messages, too: aedes' suite looks at them, the broker never does. */
  keepIncomingPayloads?: boolean
}

const packetOverheadBytes = 200

export class BrokerPersistence {
  readonly #limits: BrokerStoreLimits
  readonly #nowMs: () => number
  readonly #maySubscribe: (clientId: string, filter: string) => boolean
  readonly #sessionMarker: string | undefined
  readonly #keepIncomingPayloads: boolean
  readonly #onWriteFailed: (clientId: string) => void
  readonly #lowWater: LowWater
  readonly #root: RootDatabase
  readonly #sessionDb: Database<SessionRecord, string>
  readonly #queueDb: Database<StoredPacket, [string, number]>
  readonly #incomingDb: Database<StoredPacket, [string, number]>
  readonly #retainedDb: Database<StoredPacket, string>
  readonly #sessions = new Map<string, Session>()
  readonly #retained = new Map<string, StoredPacket>()
  readonly #wills = new Map<string, Record<string, unknown>>()
  readonly #filters = createFilterIndex<FoundSubscription>()
  readonly #counts = { retainedRefused: 0, queueDropped: 0, sessionsDropped: 0, sessionsExpired: 0, writesFailed: 0 }
  #retainedBytes = 0
  #queuedBytes = 0
  #broker: BrokerRef = { id: '' }
  #closed = false

  constructor(options: BrokerPersistenceOptions) {
    const { path, limits, nowMs = Date.now, maySubscribe = () => true, keepIncomingPayloads = false } = options
    this.#limits = limits
    this.#nowMs = nowMs
    this.#maySubscribe = maySubscribe
    this.#sessionMarker = options.sessionMarker
    this.#keepIncomingPayloads = keepIncomingPayloads
    this.#onWriteFailed = options.onWriteFailed ?? (() => undefined)
    // `overlappingSync: false`: with it, waiting for a sync that fails never ends.
    this.#root = open({ path, maxDbs: 4, encoding: 'msgpack', overlappingSync: false })
    this.#sessionDb = this.#root.openDB({ name: 'sessions' })
    this.#queueDb = this.#root.openDB({ name: 'queue' })
    this.#incomingDb = this.#root.openDB({ name: 'incoming' })
    this.#retainedDb = this.#root.openDB({ name: 'retained' })
    const databases = [this.#sessionDb, this.#queueDb, this.#incomingDb, this.#retainedDb]
    this.#lowWater = createLowWater({
      path,
      diskFreeBytesMin: options.diskFreeBytesMin ?? 0,
      diskFreeBytes: options.diskFreeBytes,
      reusableBytes: () => reusableBytesOf(this.#root, databases),
    })
    this.#load()
  }

  /** Why nothing may be kept now; `accept`: the log's own mark, where the log is asked first. */
  refusal(what: 'accept' | 'progress'): AppError | undefined {
    return this.#lowWater.refusal(what)
  }

  get broker(): BrokerRef {
    return this.#broker
  }

  async setup(broker: BrokerRef): Promise<void> {
    this.#broker = broker
  }

  stats(): Record<string, number> {
    return {
      retainedMessages: this.#retained.size,
      retainedBytes: this.#retainedBytes,
      sessions: this.#sessions.size,
      persistentSubscriptions: this.#filters.size(),
      queuedBytes: this.#queuedBytes,
      ...this.#counts,
    }
  }

  // ------------------------------------------------------------------------------------------------------- sessions

  /** Who made the session of this client; undefined when there is none. */
  identityOf(clientId: string): string | undefined {
    return this.#sessions.get(clientId)?.identity
  }

  /** Counts the connection of a persistent session, making the session when there is none. Resolves when synced. */
  async openSession({ clientId, identity, resume, keepSeconds }: OpenSession): Promise<{ sessionId: string | null; connection: number }> {
    let session = this.#sessions.get(clientId)
    if (session && (!resume || this.#isExpired(session))) {
      await this.dropSession(clientId)
      session = undefined
    }
    if (!session && keepSeconds === 0) return { sessionId: null, connection: 0 }
    const resumed = session !== undefined
    session ??= this.#newSession(clientId, identity)
    session.resumed = resumed
    session.identity = identity
    session.connection++
    session.connected = true
    session.keepSeconds = keepSeconds
    const opened = { sessionId: session.sessionId, connection: session.connection }
    try {
      await this.#saveSession(session)
    } catch (error) {
      if (!resumed && this.#sessions.get(clientId) === session) this.#sessions.delete(clientId)
      throw error
    }
    return opened
  }

  /** The connection is gone; the session stays for its time. */
  async closeSession(clientId: string, keepSeconds: number | null): Promise<void> {
    const session = this.#sessions.get(clientId)
    if (!session || this.#closed) return
    if (keepSeconds === 0) {
      await this.dropSession(clientId)
      return
    }
    session.connected = false
    session.keepSeconds = keepSeconds
    session.lastSeenAtMs = this.#nowMs()
    await this.#saveSession(session)
  }

  async dropSession(clientId: string): Promise<void> {
    const session = this.#sessions.get(clientId)
    if (!session) return
    this.#sessions.delete(clientId)
    for (const filter of session.subscriptions.keys()) this.#filters.remove(filter, clientId)
    for (const { packet } of session.queue) this.#queuedBytes -= sizeOf(packet)
    try {
      await this.#write('anything', () => [
        this.#sessionDb.remove(session.key),
        ...session.queue.map(({ seq }) => this.#queueDb.remove([session.key, seq])),
        ...[...session.incoming.keys()].map((id) => this.#incomingDb.remove([session.key, id])),
      ])
    } catch (error) {
      this.#putBack(session)
      throw error
    }
  }

  /** Its files are still there: a new session of this client must not begin upon them. */
  #putBack(session: Session): void {
    if (this.#sessions.has(session.clientId)) return
    this.#sessions.set(session.clientId, session)
    for (const [filter, subscription] of session.subscriptions) this.#index(session.clientId, filter, subscription)
    for (const { packet } of session.queue) this.#queuedBytes += sizeOf(packet)
  }

  /** Drops sessions whose client has been away too long. Called now and then. */
  async sweep(): Promise<void> {
    for (const session of [...this.#sessions.values()]) {
      if (!this.#isExpired(session)) continue
      this.#counts.sessionsExpired++
      await this.dropSession(session.clientId)
    }
  }

  #isExpired({ connected, keepSeconds, lastSeenAtMs }: Session): boolean {
    const keptSeconds = Math.min(keepSeconds ?? Number.POSITIVE_INFINITY, this.#limits.sessionExpirySeconds)
    return !connected && this.#nowMs() - lastSeenAtMs >= keptSeconds * 1_000
  }

  #newSession(clientId: string, identity: string): Session {
    if (this.#sessions.size >= this.#limits.sessionsMax) this.#makeRoom()
    const session: Session = {
      clientId,
      key: keyOf(clientId),
      sessionId: randomBytes(12).toString('hex'),
      connection: 0,
      identity,
      keepSeconds: null,
      connected: false,
      lastSeenAtMs: this.#nowMs(),
      subscriptions: new Map(),
      queue: [],
      nextSeq: 0,
      incoming: new Map(),
      resumed: false,
    }
    this.#sessions.set(clientId, session)
    return session
  }

  /** The session that was away longest goes; when all are connected, the limit on connections holds instead. */
  #makeRoom(): void {
    let oldest: Session | undefined
    for (const session of this.#sessions.values()) {
      if (!session.connected && (!oldest || session.lastSeenAtMs < oldest.lastSeenAtMs)) oldest = session
    }
    if (!oldest) return
    this.#counts.sessionsDropped++
    this.dropSession(oldest.clientId).catch(() => undefined) // Counted in `writesFailed`; it stays one more.
  }

  async #saveSession(session: Session): Promise<void> {
    const { clientId, sessionId, connection, identity, keepSeconds, connected, lastSeenAtMs } = session
    const subscriptions = [...session.subscriptions]
    const record = { clientId, sessionId, connection, identity, keepSeconds, connected, lastSeenAtMs, subscriptions }
    await this.#write('anything', () => [this.#sessionDb.put(session.key, record)])
  }

  // -------------------------------------------------------------------------------------------------- subscriptions

  async addSubscriptions(client: ClientRef, subscriptions: readonly (StoredSubscription & { topic: string })[]): Promise<void> {
    await Promise.resolve() // The broker says of each filter whether it is refused before the first await of ours goes on.
    const session = this.#sessions.get(client.id) ?? this.#newSession(client.id, '')
    for (const { topic, qos, rh, rap, nl, subscriptionIdentifier } of subscriptions) {
      if (!this.#maySubscribe(client.id, topic)) continue
      const stored = { qos, rh, rap, nl, ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }) }
      session.subscriptions.set(topic, stored)
      this.#index(client.id, topic, stored)
    }
    await this.#saveSession(session)
  }

  #index(clientId: string, topic: string, { qos, rh, rap, nl }: StoredSubscription): void {
    if (qos > 0) this.#filters.set(topic, clientId, { clientId, topic, qos, rh, rap, nl })
    else this.#filters.remove(topic, clientId)
  }

  async removeSubscriptions(client: ClientRef, filters: readonly string[]): Promise<void> {
    const session = this.#sessions.get(client.id)
    if (!session) return
    for (const filter of filters) {
      session.subscriptions.delete(filter)
      this.#filters.remove(filter, client.id)
    }
    await this.#saveSession(session)
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    const session = this.#sessions.get(client.id)
    if (session) await this.removeSubscriptions(client, [...session.subscriptions.keys()])
  }

  async subscriptionsByClient(client: ClientRef): Promise<(StoredSubscription & { topic: string })[]> {
    const session = this.#sessions.get(client.id)
    if (!session) return []
    if (session.subscriptions.size === 0 && session.resumed && this.#sessionMarker !== undefined)
      return [{ topic: this.#sessionMarker, qos: 0 }]
    return [...session.subscriptions].map(([topic, stored]) => ({ topic, ...stored }))
  }

  /** Persistent subscriptions of QoS 1 and 2 that match. Synchronous: hot path. */
  matching(topic: string): FoundSubscription[] {
    return this.#filters.match(topic)
  }

  async subscriptionsByTopic(topic: string): Promise<FoundSubscription[]> {
    return this.matching(topic)
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    let clientsCount = 0
    for (const session of this.#sessions.values()) if (session.subscriptions.size > 0) clientsCount++
    return { subsCount: this.#filters.size(), clientsCount }
  }

  getClientList(filter: string): Readable {
    return Readable.from([...this.#sessions.values()].filter((s) => s.subscriptions.has(filter)).map((s) => s.clientId))
  }

  // ------------------------------------------------------------------------------------------------------- retained

  async storeRetained(packet: StoredPacket): Promise<void> {
    const { topic } = packet
    const before = this.#retained.get(topic)
    if (packet.payload.length === 0) {
      if (!before) return
      this.#setRetained(topic, undefined)
      await this.#write('anything', () => [this.#retainedDb.remove(keyOf(topic))]).catch((error: unknown) => {
        if (!this.#retained.has(topic)) this.#setRetained(topic, before)
        throw error
      })
      return
    }
    const kept = { ...packet }
    const bytes = this.#retainedBytes + sizeOf(kept) - (before ? sizeOf(before) : 0)
    if ((!before && this.#retained.size >= this.#limits.retainedMessagesMax) || bytes > this.#limits.retainedBytesMax) {
      this.#counts.retainedRefused++
      return
    }
    this.#setRetained(topic, kept)
    await this.#write('progress', () => [this.#retainedDb.put(keyOf(topic), kept)]).catch((error: unknown) => {
      if (this.#retained.get(topic) === kept) this.#setRetained(topic, before)
      throw error
    })
  }

  #setRetained(topic: string, packet: StoredPacket | undefined): void {
    const before = this.#retained.get(topic)
    if (before) this.#retainedBytes -= sizeOf(before)
    if (packet === undefined) {
      this.#retained.delete(topic)
      return
    }
    this.#retained.set(topic, packet)
    this.#retainedBytes += sizeOf(packet)
  }

  createRetainedStream(pattern: string): Readable {
    return this.createRetainedStreamCombi([pattern])
  }

  createRetainedStreamCombi(patterns: readonly string[]): Readable {
    const found: StoredPacket[] = []
    for (const pattern of patterns) {
      if (!/[+#]/.test(pattern)) {
        const packet = this.#retained.get(pattern)
        if (packet) found.push(packet)
        continue
      }
      for (const [topic, packet] of this.#retained) if (filterMatches(pattern, topic)) found.push(packet)
    }
    return Readable.from(found)
  }

  // ------------------------------------------------------------------------------------------------ queued messages

  async outgoingEnqueue(subscription: { clientId: string }, packet: StoredPacket): Promise<void> {
    await this.outgoingEnqueueCombi([subscription], packet)
  }

  /** Resolves when synced. */
  async outgoingEnqueueCombi(subscriptions: readonly { clientId: string; qos?: number }[], packet: StoredPacket): Promise<void> {
    await this.enqueue(subscriptions, packet).synced
  }

  /** Puts the message into the queue of each session, once per session, at the lesser of both QoS. */
  enqueue(subscriptions: readonly { clientId: string; qos?: number }[], packet: StoredPacket): { queued: Queued[]; synced: Promise<void> } {
    const queued: Queued[] = []
    const entries: { session: Session; entry: Queued }[] = []
    const done = new Set<string>()
    for (const { clientId, qos } of subscriptions) {
      if (done.has(clientId)) continue
      done.add(clientId)
      const session = this.#sessions.get(clientId) ?? this.#newSession(clientId, '')
      if (session.queue.length >= this.#limits.queuedPerSessionMax || this.#queuedBytes + sizeOf(packet) > this.#limits.queuedBytesMax) {
        this.#counts.queueDropped++
        continue
      }
      const entry: Queued = { seq: session.nextSeq++, packet: copyOf(packet, Math.min(packet.qos, qos ?? packet.qos)) }
      if (entry.packet.brokerId === undefined) Object.assign(entry.packet, { brokerId: 'queued', brokerCounter: entry.seq + 1 })
      session.queue.push(entry)
      this.#queuedBytes += sizeOf(packet)
      queued.push(entry)
      entries.push({ session, entry })
    }
    if (entries.length === 0) return { queued, synced: Promise.resolve() }
    const puts = () => entries.map(({ session, entry }) => this.#queueDb.put([session.key, entry.seq], entry.packet))
    const synced = this.#write('progress', puts).catch((error: unknown) => {
      for (const { session, entry } of entries) this.#takeOut(session, entry)
      throw error
    })
    return { queued, synced }
  }

  /** The log did not take the message, so it comes again. */
  takeBack(subscriptions: readonly { clientId: string }[], queued: readonly Queued[]): void {
    for (const { clientId } of subscriptions) {
      const session = this.#sessions.get(clientId)
      if (!session) continue
      const gone = queued.filter((entry) => this.#takeOut(session, entry))
      if (gone.length === 0) continue
      const removals = () => gone.map(({ seq }) => this.#queueDb.remove([session.key, seq]))
      this.#write('anything', removals).catch(() => undefined) // After a restart it may be delivered twice.
    }
  }

  #takeOut(session: Session, entry: Queued): boolean {
    const at = session.queue.indexOf(entry)
    if (at < 0) return false
    session.queue.splice(at, 1)
    this.#queuedBytes -= sizeOf(entry.packet)
    return true
  }

  /** Notes the packet id that a queued message was sent with, or that it is now a PUBREL. */
  async outgoingUpdate(client: ClientRef, packet: StoredPacket): Promise<void> {
    const session = this.#sessions.get(client.id)
    for (const queued of session?.queue ?? []) {
      const known = queued.packet
      if (known.brokerId === packet.brokerId && known.brokerCounter !== packet.brokerCounter) continue
      if (known.brokerId === packet.brokerId) known.messageId = packet.messageId
      else if (known.messageId === packet.messageId) this.#replace(queued, packet)
      else continue
      // Not awaited: memory decides, and deliveries keep their order.
      if (session) {
        const { key } = session
        this.#write('anything', () => [this.#queueDb.put([key, queued.seq], queued.packet)]).catch(() => this.#onWriteFailed(client.id))
      }
      return
    }
    throw new Error('no such packet')
  }

  #replace(queued: { packet: StoredPacket }, packet: StoredPacket): void {
    this.#queuedBytes += sizeOf(packet) - sizeOf(queued.packet)
    queued.packet = packet
  }

  /** Removes what the client has acknowledged. A message that has no packet id yet is found by its broker number. */
  async outgoingClearMessageId(client: ClientRef, packet: Partial<StoredPacket>): Promise<StoredPacket | undefined> {
    const session = this.#sessions.get(client.id)
    if (!session) return undefined
    const byNumber = packet.messageId === undefined && packet.brokerId !== undefined
    const at = session.queue.findIndex(({ packet: known }) =>
      byNumber ? known.brokerId === packet.brokerId && known.brokerCounter === packet.brokerCounter : known.messageId === packet.messageId,
    )
    const [removed] = at < 0 ? [] : session.queue.splice(at, 1)
    if (!removed) return undefined
    this.#queuedBytes -= sizeOf(removed.packet)
    try {
      await this.#write('anything', () => [this.#queueDb.remove([session.key, removed.seq])])
    } catch {
      const later = session.queue.findIndex(({ seq }) => seq > removed.seq)
      session.queue.splice(later < 0 ? session.queue.length : later, 0, removed)
      this.#queuedBytes += sizeOf(removed.packet)
      this.#onWriteFailed(client.id)
    }
    return removed.packet
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from((this.#sessions.get(client.id)?.queue ?? []).map(({ packet }) => packet))
  }

  // -------------------------------------------------------------------------------------- QoS 2 messages from clients

  readonly #cleanIncoming = new Map<string, Map<number, StoredPacket>>()

  #incomingOf(clientId: string): Map<number, StoredPacket> | undefined {
    return this.#sessions.get(clientId)?.incoming ?? this.#cleanIncoming.get(clientId)
  }

  /** True between the first PUBREC and the PUBREL of this packet id. Synchronous: asked before a message is handed over. */
  hasIncoming(clientId: string, messageId: number): boolean {
    return this.#incomingOf(clientId)?.has(messageId) === true
  }

  incomingCount(clientId: string): number {
    return this.#incomingOf(clientId)?.size ?? 0
  }

  /** A clean session's ids end with its connection. */
  forgetCleanIncoming(clientId: string): void {
    this.#cleanIncoming.delete(clientId)
  }

  async incomingStorePacket(client: ClientRef, packet: StoredPacket): Promise<void> {
    const messageId = packet.messageId ?? 0
    const kept = { ...copyOf(packet, packet.qos), messageId }
    if (!this.#keepIncomingPayloads) kept.payload = Buffer.alloc(0)
    const session = this.#sessions.get(client.id)
    if (session) {
      session.incoming.set(messageId, kept)
      await this.#write('anything', () => [this.#incomingDb.put([session.key, messageId], kept)])
      return
    }
    const ids = this.#cleanIncoming.get(client.id) ?? new Map<number, StoredPacket>()
    ids.set(messageId, kept)
    this.#cleanIncoming.set(client.id, ids)
  }

  async incomingGetPacket(client: ClientRef, packet: { messageId?: number }): Promise<StoredPacket> {
    const found = this.#incomingOf(client.id)?.get(packet.messageId ?? 0)
    if (!found) throw new Error('no such packet')
    return found
  }

  async incomingDelPacket(client: ClientRef, packet: { messageId?: number | undefined }): Promise<void> {
    const messageId = packet.messageId ?? 0
    const known = this.#incomingOf(client.id)?.get(messageId)
    if (!known) throw new Error('no such packet')
    this.#incomingOf(client.id)?.delete(messageId)
    const session = this.#sessions.get(client.id)
    if (!session) return
    try {
      await this.#write('anything', () => [this.#incomingDb.remove([session.key, messageId])])
    } catch {
      // An id that stayed in the file alone would swallow the next message that has it, after a restart.
      session.incoming.set(messageId, known)
      this.#onWriteFailed(client.id)
    }
  }

  // ---------------------------------------------------------------------------------------------------------- wills

  async putWill(client: ClientRef, will: Record<string, unknown>): Promise<void> {
    will['brokerId'] = this.#broker.id
    will['clientId'] = client.id
    this.#wills.set(client.id, will)
  }

  async getWill(client: ClientRef): Promise<Record<string, unknown> | undefined> {
    return this.#wills.get(client.id)
  }

  async delWill(client: ClientRef): Promise<Record<string, unknown> | undefined> {
    const will = this.#wills.get(client.id)
    this.#wills.delete(client.id)
    return will
  }

  streamWill(brokers: Record<string, unknown> = {}): Readable {
    return Readable.from([...this.#wills.values()].filter((will) => !brokers[String(will['brokerId'])]))
  }

  async destroy(): Promise<void> {
    if (this.#closed) throw new Error('destroyed called twice!')
    this.#closed = true
    await Promise.allSettled(this.#writing)
    await this.#root.close()
  }

  // ---------------------------------------------------------------------------------------------------------- files

  readonly #writing = new Set<Promise<unknown>>()

  /** The only way to the files. The writes are made before it returns; it resolves when they are synced. */
  async #write(what: keyof typeof markParts, writes: () => Promise<boolean>[]): Promise<void> {
    if (this.#closed) throw new Error('the store is closed')
    let writing: Promise<unknown> | undefined
    try {
      this.#lowWater.check(what)
      writing = Promise.all(writes().map((write) => written(this.#root, write)))
      this.#writing.add(writing)
      await writing
    } catch (error) {
      this.#counts.writesFailed++
      throw error
    } finally {
      if (writing) this.#writing.delete(writing)
    }
  }

  /** Sessions that were connected when the process ended count as seen now. */
  #load(): void {
    const byKey = new Map<string, Session>()
    const nowMs = this.#nowMs()
    for (const { key, value } of this.#sessionDb.getRange()) {
      const { subscriptions, ...record } = value
      const session: Session = {
        ...record,
        key,
        connected: false,
        lastSeenAtMs: record.connected ? nowMs : record.lastSeenAtMs,
        subscriptions: new Map(subscriptions),
        queue: [],
        nextSeq: 0,
        incoming: new Map(),
        resumed: false,
      }
      byKey.set(key, session)
      this.#sessions.set(session.clientId, session)
      for (const [topic, subscription] of session.subscriptions) this.#index(session.clientId, topic, subscription)
    }
    for (const { key, value } of this.#queueDb.getRange()) {
      const session = byKey.get(key[0])
      if (!session) continue
      session.queue.push({ seq: key[1], packet: value })
      session.nextSeq = key[1] + 1
      this.#queuedBytes += sizeOf(value)
    }
    for (const { key, value } of this.#incomingDb.getRange()) byKey.get(key[0])?.incoming.set(key[1], value)
    for (const { value } of this.#retainedDb.getRange()) {
      this.#retained.set(value.topic, value)
      this.#retainedBytes += sizeOf(value)
    }
  }
}

/** Topics and client ids may be longer than an LMDB key and hold any character. */
const keyOf = (text: string): string => createHash('md5').update(text).digest('hex')

/** A PUBREL that stands in a queue has neither topic nor payload. */
const sizeOf = ({ topic, payload }: Partial<StoredPacket>): number => packetOverheadBytes + (topic?.length ?? 0) + (payload?.length ?? 0)

/** A packet as aedes keeps it: without its packet id, which belongs to one connection. */
const copyOf = (packet: StoredPacket, qos: number): StoredPacket => ({
  ...(packet.clientId === undefined ? {} : { clientId: packet.clientId }),
  ...(packet.nl === undefined ? {} : { nl: packet.nl }),
  ...(packet.properties === undefined ? {} : { properties: packet.properties }),
  ...(packet.messageExpiry === undefined ? {} : { messageExpiry: packet.messageExpiry }),
  cmd: packet.cmd,
  brokerId: packet.brokerId,
  brokerCounter: packet.brokerCounter ?? 0,
  topic: packet.topic,
  payload: packet.payload,
  qos,
  retain: packet.retain || false,
  dup: packet.dup || false,
  ...(qos > 0 ? { messageId: undefined } : {}),
})
