/** Writes a planned world to files instead of publishing it: messages as JSON lines, and the truth. */
import { appendFileSync, closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { type Truth, truthLine } from './world/plan-types.ts'
import type { World } from './world/world.ts'

const chunkCharsMax = 1_000_000

/**
 * One line per message that reaches the broker, in order: `ts` is the simulated time of arrival, `payload` the text as it is sent. Wills
 * are marked. Returns how many.
 */
export const writeMessages = (path: string, world: World, endMs: number, signal: AbortSignal): number => {
  const file = openSync(path, 'w')
  let chunk = ''
  let count = 0
  try {
    for (let event = world.next(); event !== undefined && event.atMs <= endMs && !signal.aborted; event = world.next()) {
      const { kind, atMs, topic, payload, retain, dup } = event
      if (topic === '') continue
      count++
      chunk += `${JSON.stringify({ ts: atMs, topic, payload, ...(retain ? { retain } : {}), ...(dup ? { dup } : {}), ...(kind === 'will' ? { will: true } : {}) })}\n`
      if (chunk.length < chunkCharsMax) continue
      writeSync(file, chunk)
      chunk = ''
    }
    writeSync(file, chunk)
  } finally {
    closeSync(file)
  }
  return count
}

/** What was planned is written before the run, what showed as it ran is added after it. */
export const writeTruth = (path: string, truth: readonly Truth[]): void => writeFileSync(path, linesOf(truth))
export const addTruth = (path: string, truth: readonly Truth[]): void => appendFileSync(path, linesOf(truth))
const linesOf = (truth: readonly Truth[]): string => truth.map((one) => `${truthLine(one)}\n`).join('')
