/**
 * Dead letters may hold anything, personal identifiers too, so each day's are sealed under a key of that day. The table drops
 * them after 30 days (`schemas/clickhouse`); a day later the key goes as well, and what the log or a backup still holds of them
 * can no longer be read.
 */
import type { SubjectKeys } from '../model/ports.ts'
import { deadLetterKeyOf } from './accept.ts'

export const deadLetterKeyDaysMax = 31

const dayMs = 86_400_000
/** A program that stood still for longer leaves older keys to its next starts: each looks back this far. */
const lookBackDays = 400
const sweepEveryMs = 3_600_000

/** Erases the keys of all days past their time; answers how many there were. Repeats safely. */
export const expireDeadLetterKeys = async (keys: SubjectKeys, nowMs: number): Promise<number> => {
  let erased = 0
  for (let day = deadLetterKeyDaysMax; day <= deadLetterKeyDaysMax + lookBackDays; day++) {
    if (await keys.erase(deadLetterKeyOf(nowMs - day * dayMs))) erased++
  }
  return erased
}

/** Now and every hour. Returns stop. */
export const startKeyExpiry = (keys: SubjectKeys, nowMs: () => number, onError: (error: unknown) => void): (() => Promise<void>) => {
  let running: Promise<unknown> = Promise.resolve()
  const sweep = (): void => {
    running = expireDeadLetterKeys(keys, nowMs()).catch(onError)
  }
  sweep()
  const timer = setInterval(sweep, sweepEveryMs)
  return async () => {
    clearInterval(timer)
    await running
  }
}
