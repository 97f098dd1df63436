/**
 * Packet ids of QoS 2 messages between PUBREC and PUBREL: with one of them a repeated PUBLISH is the same message
 * [MQTT-4.3.3-2], also after a restart. A clean session's ids live in memory and end with its connection.
 */
import type { BrokerFiles } from './broker-files.ts'
import { type ClientRef, copyOf, type StoredPacket } from './broker-packets.ts'
import type { Sessions } from './broker-sessions.ts'

export type PacketIdsOptions = {
  files: BrokerFiles
  sessions: Sessions
  /** Payloads, too: aedes' suite looks at them, the broker never does. */
  keepPayloads: boolean
  onWriteFailed: (clientId: string) => void
}

export const loadPacketIds = ({ files, sessions, keepPayloads, onWriteFailed }: PacketIdsOptions) => {
  const ofCleanSessions = new Map<string, Map<number, StoredPacket>>()

  const byKey = new Map([...sessions.all()].map((session) => [session.key, session]))
  for (const { key, value } of files.incoming.getRange()) {
    const session = byKey.get(key[0])
    if (session) (session.incoming ??= new Map()).set(key[1], value)
  }
  sessions.attach({
    forget: () => undefined, // They go with the session.
    putBack: () => undefined,
    removals: ({ key, incoming }) => [...(incoming?.keys() ?? [])].map((id) => files.incoming.remove([key, id])),
  })

  const idsOf = (clientId: string): Map<number, StoredPacket> | undefined => {
    const session = sessions.get(clientId)
    return session ? (session.incoming ?? undefined) : ofCleanSessions.get(clientId)
  }
  const known = (client: ClientRef, { messageId = 0 }: { messageId?: number | undefined }): StoredPacket => {
    const found = idsOf(client.id)?.get(messageId)
    if (!found) throw new Error('no such packet')
    return found
  }

  return {
    calls: {
      /** True between the first PUBREC and the PUBREL of this packet id. Synchronous: asked before a message is handed over. */
      hasIncoming: (clientId: string, messageId: number): boolean => idsOf(clientId)?.has(messageId) === true,

      incomingCount: (clientId: string): number => idsOf(clientId)?.size ?? 0,

      /** A clean session's ids end with its connection. */
      forgetCleanIncoming: (clientId: string): void => {
        ofCleanSessions.delete(clientId)
      },

      incomingStorePacket: async (client: ClientRef, packet: StoredPacket): Promise<void> => {
        const messageId = packet.messageId ?? 0
        const kept = { ...copyOf(packet, packet.qos), messageId }
        if (!keepPayloads) kept.payload = Buffer.alloc(0)
        const session = sessions.get(client.id)
        if (session) {
          ;(session.incoming ??= new Map()).set(messageId, kept)
          await files.write('anything', () => [files.incoming.put([session.key, messageId], kept)])
          return
        }
        const ids = ofCleanSessions.get(client.id) ?? new Map<number, StoredPacket>()
        ids.set(messageId, kept)
        ofCleanSessions.set(client.id, ids)
      },

      incomingGetPacket: async (client: ClientRef, packet: { messageId?: number }): Promise<StoredPacket> => known(client, packet),

      incomingDelPacket: async (client: ClientRef, packet: { messageId?: number | undefined }): Promise<void> => {
        const { messageId = 0 } = packet
        const removed = known(client, packet)
        idsOf(client.id)?.delete(messageId)
        const session = sessions.get(client.id)
        if (!session) return
        try {
          await files.write('anything', () => [files.incoming.remove([session.key, messageId])])
        } catch {
          // An id that stayed in the file alone would swallow the next message that has it, after a restart.
          ;(session.incoming ??= new Map()).set(messageId, removed)
          onWriteFailed(client.id)
        }
      },
    },
  }
}
