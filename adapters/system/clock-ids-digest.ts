/** The real clock, random ids and the identity digest. Everything that decides gets these passed in, so that tests and replays choose them. */
import { createHash, randomFillSync } from 'node:crypto'
import type { Clock, Digest, Ids } from '../../model/ports.ts'

export const systemClock: Clock = { nowMs: () => Date.now() }

const idBytes = 16
const pool = Buffer.allocUnsafe(idBytes * 1024)
let poolAt = pool.length

/** Drawn from a pool of random bytes, since one system call per message would cost more than the rest of the event. */
export const randomIds: Ids = {
  eventId: () => {
    if (poolAt === pool.length) {
      randomFillSync(pool)
      poolAt = 0
    }
    const id = Buffer.from(pool.subarray(poolAt, poolAt + idBytes))
    poolAt += idBytes
    return id
  },
}

export const md5: Digest = (...parts) => {
  const hash = createHash('md5')
  for (const [index, part] of parts.entries()) {
    if (index > 0) hash.update('\0')
    hash.update(part)
  }
  return hash.digest()
}
