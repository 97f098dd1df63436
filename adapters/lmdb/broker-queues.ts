/**
 * Messages that wait for a session's client: queued while it is away, and sent but not acknowledged yet. At a limit the
 * newest is dropped and counted.
 */
import { Readable } from 'node:stream'
import type { BrokerFiles } from './broker-files.ts'
import { type ClientRef, copyOf, sizeOf, type StoredPacket } from './broker-packets.ts'
import type { Queued, Session, Sessions } from './broker-sessions.ts'

export type QueueLimits = { queuedPerSessionMax: number; queuedBytesMax: number }
type Subscriber = { clientId: string; qos?: number }

export type QueuesOptions = {
  files: BrokerFiles
  sessions: Sessions
  limits: QueueLimits
  /** What was to be written of this client's queue could not be; its connection must end. */
  onWriteFailed: (clientId: string) => void
}

export const loadQueues = ({ files, sessions, limits, onWriteFailed }: QueuesOptions) => {
  let queuedBytes = 0
  let queueDropped = 0

  const byKey = new Map([...sessions.all()].map((session) => [session.key, session]))
  for (const { key, value } of files.queue.getRange()) {
    const session = byKey.get(key[0])
    if (!session) continue
    session.queue.push({ seq: key[1], packet: value })
    session.nextSeq = key[1] + 1
    queuedBytes += sizeOf(value)
  }

  const bytesOf = ({ queue }: Session): number => queue.reduce((sum, { packet }) => sum + sizeOf(packet), 0)
  sessions.attach({
    forget: (session) => {
      queuedBytes -= bytesOf(session)
    },
    putBack: (session) => {
      queuedBytes += bytesOf(session)
    },
    removals: ({ key, queue }) => queue.map(({ seq }) => files.queue.remove([key, seq])),
  })

  const takeOut = (session: Session, entry: Queued): boolean => {
    const at = session.queue.indexOf(entry)
    if (at < 0) return false
    session.queue.splice(at, 1)
    queuedBytes -= sizeOf(entry.packet)
    return true
  }

  /** Puts the message into the queue of each session, once per session, at the lesser of both QoS. */
  const enqueue = (subscribers: readonly Subscriber[], packet: StoredPacket): { queued: Queued[]; synced: Promise<void> } => {
    const entries: { session: Session; entry: Queued }[] = []
    const done = new Set<string>()
    for (const { clientId, qos } of subscribers) {
      if (done.has(clientId)) continue
      done.add(clientId)
      const session = sessions.getOrMake(clientId)
      if (session.queue.length >= limits.queuedPerSessionMax || queuedBytes + sizeOf(packet) > limits.queuedBytesMax) {
        queueDropped++
        continue
      }
      const entry: Queued = { seq: session.nextSeq++, packet: copyOf(packet, Math.min(packet.qos, qos ?? packet.qos)) }
      if (entry.packet.brokerId === undefined) Object.assign(entry.packet, { brokerId: 'queued', brokerCounter: entry.seq + 1 })
      session.queue.push(entry)
      queuedBytes += sizeOf(packet)
      entries.push({ session, entry })
    }
    const queued = entries.map(({ entry }) => entry)
    if (entries.length === 0) return { queued, synced: Promise.resolve() }
    const puts = () => entries.map(({ session, entry }) => files.queue.put([session.key, entry.seq], entry.packet))
    const synced = files.write('progress', puts).catch((error: unknown) => {
      for (const { session, entry } of entries) takeOut(session, entry)
      throw error
    })
    return { queued, synced }
  }

  const replace = (queued: Queued, packet: StoredPacket): void => {
    queuedBytes += sizeOf(packet) - sizeOf(queued.packet)
    queued.packet = packet
  }

  return {
    counts: () => ({ queuedBytes, queueDropped }),
    calls: {
      enqueue,

      outgoingEnqueue: (subscriber: Subscriber, packet: StoredPacket): Promise<void> => enqueue([subscriber], packet).synced,

      /** Resolves when synced. */
      outgoingEnqueueCombi: (subscribers: readonly Subscriber[], packet: StoredPacket): Promise<void> =>
        enqueue(subscribers, packet).synced,

      /** The log did not take the message, so it comes again. */
      takeBack: (subscribers: readonly { clientId: string }[], queued: readonly Queued[]): void => {
        for (const { clientId } of subscribers) {
          const session = sessions.get(clientId)
          if (!session) continue
          const gone = queued.filter((entry) => takeOut(session, entry))
          if (gone.length === 0) continue
          const removals = () => gone.map(({ seq }) => files.queue.remove([session.key, seq]))
          files.write('anything', removals).catch(() => undefined) // After a restart it may be delivered twice.
        }
      },

      /** Notes the packet id that a queued message was sent with, or that it is now a PUBREL. */
      outgoingUpdate: async (client: ClientRef, packet: StoredPacket): Promise<void> => {
        const session = sessions.get(client.id)
        for (const queued of session?.queue ?? []) {
          const known = queued.packet
          if (known.brokerId === packet.brokerId && known.brokerCounter !== packet.brokerCounter) continue
          if (known.brokerId === packet.brokerId) known.messageId = packet.messageId
          else if (known.messageId === packet.messageId) replace(queued, packet)
          else continue
          // Not awaited: memory decides, and deliveries keep their order.
          if (session) {
            const { key } = session
            files.write('anything', () => [files.queue.put([key, queued.seq], queued.packet)]).catch(() => onWriteFailed(client.id))
          }
          return
        }
        throw new Error('no such packet')
      },

      /** Removes what the client has acknowledged. A message that has no packet id yet is found by its broker number. */
      outgoingClearMessageId: async (client: ClientRef, packet: Partial<StoredPacket>): Promise<StoredPacket | undefined> => {
        const session = sessions.get(client.id)
        if (!session) return undefined
        const byNumber = packet.messageId === undefined && packet.brokerId !== undefined
        const at = session.queue.findIndex(({ packet: known }) =>
          byNumber
            ? known.brokerId === packet.brokerId && known.brokerCounter === packet.brokerCounter
            : known.messageId === packet.messageId,
        )
        const [removed] = at < 0 ? [] : session.queue.splice(at, 1)
        if (!removed) return undefined
        queuedBytes -= sizeOf(removed.packet)
        try {
          await files.write('anything', () => [files.queue.remove([session.key, removed.seq])])
        } catch {
          const later = session.queue.findIndex(({ seq }) => seq > removed.seq)
          session.queue.splice(later < 0 ? session.queue.length : later, 0, removed)
          queuedBytes += sizeOf(removed.packet)
          onWriteFailed(client.id)
        }
        return removed.packet
      },

      outgoingStream: (client: ClientRef): Readable => Readable.from((sessions.get(client.id)?.queue ?? []).map(({ packet }) => packet)),
    },
  }
}
