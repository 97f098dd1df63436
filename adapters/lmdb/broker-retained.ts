/**
 * Retained messages: the last one of each topic, in memory and in the files. A device that comes back says `online` again: a
 * message equal to the one that is kept is not written again, so that a fleet coming back costs the disk nothing here.
 */
import { Readable } from 'node:stream'
import { createTopicIndex } from '../mqtt/topic-index.ts'
import type { BrokerFiles } from './broker-files.ts'
import { keyOf, sizeOf, type StoredPacket } from './broker-packets.ts'

export type RetainedLimits = { retainedMessagesMax: number; retainedBytesMax: number }

export const loadRetained = (files: BrokerFiles, limits: RetainedLimits) => {
  const messages = createTopicIndex<StoredPacket>()
  /** Being written: an equal message is kept only when this one is. */
  const writing = new Map<string, Promise<void>>()
  let bytes = 0
  let retainedRefused = 0

  const set = (topic: string, packet: StoredPacket | undefined): void => {
    const before = messages.get(topic)
    if (before) bytes -= sizeOf(before)
    if (packet === undefined) {
      messages.remove(topic)
      return
    }
    messages.set(topic, packet)
    bytes += sizeOf(packet)
  }
  for (const { value } of files.retained.getRange()) set(value.topic, value)

  const remove = async (topic: string, before: StoredPacket): Promise<void> => {
    set(topic, undefined)
    try {
      await files.write('anything', () => [files.retained.remove(keyOf(topic))])
    } catch (error) {
      if (messages.get(topic) === undefined) set(topic, before)
      throw error
    }
  }

  const put = async (topic: string, kept: StoredPacket, before: StoredPacket | undefined): Promise<void> => {
    set(topic, kept)
    try {
      await files.write('progress', () => [files.retained.put(keyOf(topic), kept)])
    } catch (error) {
      if (messages.get(topic) === kept) set(topic, before)
      throw error
    }
  }

  const track = (topic: string, write: Promise<void>): Promise<void> => {
    const tracked = write.finally(() => {
      if (writing.get(topic) === tracked) writing.delete(topic)
    })
    writing.set(topic, tracked)
    return tracked
  }

  const find = (patterns: readonly string[]): Readable => Readable.from(patterns.flatMap((pattern) => messages.match(pattern)))

  return {
    counts: () => ({ retainedMessages: messages.size(), retainedBytes: bytes, retainedRefused }),
    calls: {
      /** Resolves when synced. An empty payload deletes [MQTT-3.3.1-10]. At a limit a new one is counted and not kept. */
      storeRetained: async (packet: StoredPacket): Promise<void> => {
        const { topic } = packet
        const before = messages.get(topic)
        if (packet.payload.length === 0) {
          if (before) await track(topic, remove(topic, before))
          return
        }
        if (before && isSame(before, packet)) {
          await writing.get(topic)
          return
        }
        const after = bytes + sizeOf(packet) - (before ? sizeOf(before) : 0)
        if ((!before && messages.size() >= limits.retainedMessagesMax) || after > limits.retainedBytesMax) {
          retainedRefused++
          return
        }
        await track(topic, put(topic, { ...packet }, before))
      },

      createRetainedStream: (pattern: string): Readable => find([pattern]),
      createRetainedStreamCombi: (patterns: readonly string[]): Readable => find(patterns),
    },
  }
}

/** With properties it is taken for another one: comparing them costs more than it saves. */
const isSame = (a: StoredPacket, b: StoredPacket): boolean =>
  a.qos === b.qos &&
  a.properties === undefined &&
  b.properties === undefined &&
  a.messageExpiry === undefined &&
  b.messageExpiry === undefined &&
  a.payload.equals(b.payload)
