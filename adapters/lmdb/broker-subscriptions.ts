/** Subscriptions of persistent sessions: which filters a client has, and whose QoS 1 and 2 filters match a topic. */
import { Readable } from 'node:stream'
import { createFilterIndex } from '../mqtt/topic-filter.ts'
import type { StoredSubscription } from './broker-files.ts'
import type { ClientRef } from './broker-packets.ts'
import type { Sessions } from './broker-sessions.ts'

export type FoundSubscription = StoredSubscription & { clientId: string; topic: string }

export type SubscriptionsOptions = {
  sessions: Sessions
  /** False for filters that the broker refused: they are not kept. */
  maySubscribe: (clientId: string, filter: string) => boolean
  /** Given back as the one subscription of a resumed session that has none (`sessionMarker` of admission.ts). */
  sessionMarker: string | undefined
}

export const createSubscriptions = ({ sessions, maySubscribe, sessionMarker }: SubscriptionsOptions) => {
  const filters = createFilterIndex<FoundSubscription>()

  const index = (clientId: string, topic: string, { qos, rh, rap, nl }: StoredSubscription): void => {
    if (qos > 0) filters.set(topic, clientId, { clientId, topic, qos, rh, rap, nl })
    else filters.remove(topic, clientId)
  }
  const putBack = ({ clientId, subscriptions }: { clientId: string; subscriptions: Map<string, StoredSubscription> }): void => {
    for (const [topic, subscription] of subscriptions) index(clientId, topic, subscription)
  }
  for (const session of sessions.all()) putBack(session)
  sessions.attach({
    forget: ({ clientId, subscriptions }) => {
      for (const filter of subscriptions.keys()) filters.remove(filter, clientId)
    },
    putBack,
    removals: () => [], // They stand in the session's own record.
  })

  /** Persistent subscriptions of QoS 1 and 2 that match. Synchronous: hot path. */
  const matching = (topic: string): FoundSubscription[] => filters.match(topic)

  const removeSubscriptions = async (client: ClientRef, topics: readonly string[]): Promise<void> => {
    const session = sessions.get(client.id)
    if (!session) return
    for (const topic of topics) {
      session.subscriptions.delete(topic)
      filters.remove(topic, client.id)
    }
    await sessions.save(session)
  }

  return {
    counts: () => ({ persistentSubscriptions: filters.size() }),
    calls: {
      matching,

      addSubscriptions: async (client: ClientRef, added: readonly (StoredSubscription & { topic: string })[]): Promise<void> => {
        await Promise.resolve() // The broker says of each filter whether it is refused before the first await of ours goes on.
        const session = sessions.getOrMake(client.id)
        for (const { topic, qos, rh, rap, nl, subscriptionIdentifier } of added) {
          if (!maySubscribe(client.id, topic)) continue
          const stored = { qos, rh, rap, nl, ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }) }
          session.subscriptions.set(topic, stored)
          index(client.id, topic, stored)
        }
        await sessions.save(session)
      },

      removeSubscriptions,

      cleanSubscriptions: async (client: ClientRef): Promise<void> => {
        const session = sessions.get(client.id)
        if (session) await removeSubscriptions(client, [...session.subscriptions.keys()])
      },

      subscriptionsByClient: async (client: ClientRef): Promise<(StoredSubscription & { topic: string })[]> => {
        const session = sessions.get(client.id)
        if (!session) return []
        if (session.subscriptions.size === 0 && session.resumed && sessionMarker !== undefined) return [{ topic: sessionMarker, qos: 0 }]
        return [...session.subscriptions].map(([topic, stored]) => ({ topic, ...stored }))
      },

      subscriptionsByTopic: async (topic: string): Promise<FoundSubscription[]> => matching(topic),

      countOffline: async (): Promise<{ subsCount: number; clientsCount: number }> => {
        let clientsCount = 0
        for (const session of sessions.all()) if (session.subscriptions.size > 0) clientsCount++
        return { subsCount: filters.size(), clientsCount }
      },

      getClientList: (filter: string): Readable =>
        Readable.from([...sessions.all()].filter((s) => s.subscriptions.has(filter)).map((s) => s.clientId)),
    },
  }
}
