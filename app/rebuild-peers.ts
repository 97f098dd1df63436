/**
 * What the workers of one rebuild share: their counts of online devices at a tick that judges them, and whether one has
 * failed. Atomics in shared memory; a worker that waits for its peers blocks, which only workers may. Used by
 * `rebuild-worker.ts`.
 */
import { onlineShards } from '../processors/domain/projections/presence.ts'
import type { Share } from '../processors/rebuild.ts'

export type PeerMemory = SharedArrayBuffer

const words = { arrived: 0, round: 1, isAborted: 2, partition: 3, offset: 4, counts: 5 } as const
/** A peer that inserts a large batch comes later; one that never comes must not be waited for for ever. */
const waitMsMax = 30 * 60_000

export const createPeerMemory = (): PeerMemory => new SharedArrayBuffer((words.counts + onlineShards) * Int32Array.BYTES_PER_ELEMENT)

/** Ends every wait, now and later. */
export const abortPeers = (memory: PeerMemory): void => {
  const shared = new Int32Array(memory)
  Atomics.store(shared, words.isAborted, 1)
  Atomics.add(shared, words.round, 1)
  Atomics.notify(shared, words.round)
}

export const isAborted = (memory: PeerMemory): boolean => Atomics.load(new Int32Array(memory), words.isAborted) === 1

export const createExchange = (memory: PeerMemory, peers: number): Share['exchange'] => {
  const shared = new Int32Array(memory)
  /** Returns when the last one has come, who does `last` first. */
  const meet = (last: () => void): void => {
    const round = Atomics.load(shared, words.round)
    if (Atomics.add(shared, words.arrived, 1) + 1 === peers) {
      last()
      Atomics.store(shared, words.arrived, 0)
      Atomics.add(shared, words.round, 1)
      Atomics.notify(shared, words.round)
    } else if (Atomics.wait(shared, words.round, round, waitMsMax) === 'timed-out') {
      throw new Error(`Expected all ${peers} workers at the tick, within ${waitMsMax / 60_000} min`)
    }
    if (isAborted(memory)) throw new Error('another worker has failed')
  }
  return (partition, offset, own) => {
    Atomics.add(shared, words.partition, partition)
    Atomics.add(shared, words.offset, offset % 2 ** 31)
    for (let shard = 0; shard < onlineShards; shard++) Atomics.add(shared, words.counts + shard, own[shard] ?? 0)
    meet(() => undefined)
    const all = Int32Array.from({ length: onlineShards }, (_, shard) => Atomics.load(shared, words.counts + shard))
    const offsets = Atomics.load(shared, words.offset)
    const partitions = Atomics.load(shared, words.partition)
    meet(() => shared.fill(0, words.partition))
    // Sums wrap around in 32 bits, on both sides.
    if (offsets !== (((offset % 2 ** 31) * peers) | 0) || partitions !== partition * peers)
      throw new Error(`Expected all workers at the tick ${partition}:${offset}: they read different pasts`)
    return all
  }
}
