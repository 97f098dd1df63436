/**
 * What the embedded broker keeps for its clients: retained messages, and persistent sessions with their subscriptions,
 * queued messages and received QoS 2 packet ids. Memory answers, LMDB (`<dataDir>/broker`) remembers; everything is read
 * back at start. It is an aedes persistence (it passes aedes' own suite), and the broker also calls it directly, so that
 * what a PUBACK promises is on disk before the PUBACK goes out.
 *
 * Promises: what writes resolves when synced. A write that fails (full disk) is taken back in memory too, so that both say
 * the same; where aedes would go on as if it had been written, `onWriteFailed` ends the connection, and the client comes again.
 * Bounded by `BrokerStoreLimits`; at a limit: a new retained topic is not retained, a queue drops the newest, the session
 * that was away longest makes room. All are counted in `stats()`.
 *
 * Each concept is a file: `broker-retained.ts`, `broker-sessions.ts`, `broker-subscriptions.ts`, `broker-queues.ts`,
 * `broker-packet-ids.ts`, `broker-wills.ts`; `broker-files.ts` is the only way to the disk.
 */
import { type BrokerFilesOptions, openBrokerFiles } from './broker-files.ts'
import { loadPacketIds } from './broker-packet-ids.ts'
import { loadQueues, type QueueLimits } from './broker-queues.ts'
import { loadRetained, type RetainedLimits } from './broker-retained.ts'
import { loadSessions, type SessionLimits } from './broker-sessions.ts'
import { createSubscriptions } from './broker-subscriptions.ts'
import { createWills } from './broker-wills.ts'

export type BrokerStoreLimits = RetainedLimits & SessionLimits & QueueLimits

export type BrokerPersistenceOptions = BrokerFilesOptions & {
  limits: BrokerStoreLimits
  nowMs?: () => number
  /** False for filters that the broker refused: they are not kept. */
  maySubscribe?: (clientId: string, filter: string) => boolean
  /** Given back as the one subscription of a resumed session that has none (`sessionMarker` of admission.ts). */
  sessionMarker?: string
  /** What was to be written of this client's session could not be; its connection must end. */
  onWriteFailed?: (clientId: string) => void
  /** Payloads of received QoS 2 messages, too: aedes' suite looks at them, the broker never does. */
  keepIncomingPayloads?: boolean
}

export type BrokerPersistence = ReturnType<typeof openBrokerPersistence>

export const openBrokerPersistence = (options: BrokerPersistenceOptions) => {
  const { limits, nowMs = Date.now, onWriteFailed = () => undefined } = options
  let broker = { id: '' }
  const files = openBrokerFiles(options)
  const sessions = loadSessions(files, limits, nowMs)
  const subscriptions = createSubscriptions({
    sessions,
    maySubscribe: options.maySubscribe ?? (() => true),
    sessionMarker: options.sessionMarker,
  })
  const queues = loadQueues({ files, sessions, limits, onWriteFailed })
  const packetIds = loadPacketIds({ files, sessions, keepPayloads: options.keepIncomingPayloads ?? false, onWriteFailed })
  const retained = loadRetained(files, limits)
  const wills = createWills(() => broker.id)

  return {
    ...sessions.calls,
    ...subscriptions.calls,
    ...queues.calls,
    ...packetIds.calls,
    ...retained.calls,
    ...wills.calls,
    refusal: files.refusal,

    /** By aedes, which wants an async function. */
    setup: async (own: { id: string }): Promise<void> => {
      broker = own
    },
    get broker() {
      return broker
    },

    stats: (): Record<string, number> => ({
      ...retained.counts(),
      ...sessions.counts(),
      ...subscriptions.counts(),
      ...queues.counts(),
      writesFailed: files.writesFailed(),
    }),

    destroy: files.close,
  }
}
