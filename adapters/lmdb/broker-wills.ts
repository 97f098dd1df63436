/** Wills of those that are connected, in memory only: a killed process sends none, and presence falls to the ticks. */
import { Readable } from 'node:stream'
import type { ClientRef } from './broker-packets.ts'

type Will = Record<string, unknown>

export const createWills = (brokerId: () => string) => {
  const wills = new Map<string, Will>()
  return {
    calls: {
      putWill: async (client: ClientRef, will: Will): Promise<void> => {
        will['brokerId'] = brokerId()
        will['clientId'] = client.id
        wills.set(client.id, will)
      },

      getWill: async (client: ClientRef): Promise<Will | undefined> => wills.get(client.id),

      delWill: async (client: ClientRef): Promise<Will | undefined> => {
        const will = wills.get(client.id)
        wills.delete(client.id)
        return will
      },

      /** Of brokers that are not among these. */
      streamWill: (brokers: Record<string, unknown> = {}): Readable =>
        Readable.from([...wills.values()].filter((will) => !brokers[String(will['brokerId'])])),
    },
  }
}
