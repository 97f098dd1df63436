/** Runs the rules of keeping once a day in the running program, while it has room for that. Before: `app/keeping.ts`. */
import { setTimeout as delay } from 'node:timers/promises'
import type { KeepingRules } from '../model/keeping.ts'
import type { Clock, Warehouse } from '../model/ports.ts'
import { AppError } from '../runtime/errors.ts'
import type { Stop } from '../runtime/lifecycle.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import type { Metrics } from '../runtime/metrics.ts'
import { type KeepingOutcome, lastRunMs, lengthenExpiries, runKeeping } from './keeping.ts'

export type KeeperOptions = {
  warehouse: Warehouse
  rules: KeepingRules
  tenant: string
  clock: Clock
  logger: Logger
  metrics: Pick<Metrics, 'keepingRows' | 'keepingHeld' | 'keepingLastRun' | 'keepingFailures'>
  /** Records that are not in the warehouse yet; null: not known. */
  lagRecords: () => number | null
  /** Default `askEveryMsDefault`. */
  askEveryMs?: number
}

const runEveryMs = 86_400_000
/** A run that is due begins at the next question, also after a failed one. */
const askEveryMsDefault = 300_000
/** Two batches of the stage: with more ahead, rows come first. */
const lagRecordsMax = 40_000
const pauseMs = 200
const waitMs = 2_000
/** Then the run is given up and begins again at the next question. */
const waitedMsMax = 3_600_000
const stopWithinMs = 1_000

export const startKeeper = (options: KeeperOptions): Stop => {
  const { warehouse, rules, clock, logger, metrics } = options
  const stopping = new AbortController()

  const mayGoOn = async (): Promise<void> => {
    await delay(pauseMs, undefined, { signal: stopping.signal })
    for (let waitedMs = 0; (options.lagRecords() ?? Infinity) > lagRecordsMax; waitedMs += waitMs) {
      if (waitedMs > waitedMsMax)
        throw new AppError('WAREHOUSE_UNAVAILABLE', 'Rows waited for an hour to be written before others could be removed')
      await delay(waitMs, undefined, { signal: stopping.signal })
    }
  }
  const failed = (error: unknown): void => {
    if (stopping.signal.aborted) return
    metrics.keepingFailures.inc()
    logger.warn(describeError(error), 'the rules of keeping could not be applied to all tables and are tried again')
  }
  const runWhenDue = async (): Promise<void> => {
    const nowMs = clock.nowMs()
    const lastMs = await lastRunMs(warehouse, rules)
    if (lastMs !== null && nowMs - lastMs < runEveryMs) {
      metrics.keepingLastRun.set(lastMs / 1000)
      return
    }
    const outcomes = await runKeeping({ ...options, nowMs, dryRun: false, confirmed: false, mayGoOn })
    tell(logger, metrics, outcomes)
    metrics.keepingLastRun.set(nowMs / 1000)
  }
  const loop = async (): Promise<void> => {
    await lengthenExpiries(warehouse, rules).catch(failed)
    while (!stopping.signal.aborted) {
      await delay(options.askEveryMs ?? askEveryMsDefault, undefined, { signal: stopping.signal, ref: false })
      await runWhenDue().catch(failed)
    }
  }
  const ended = loop().catch(() => undefined) // Aborted.
  return async () => {
    stopping.abort()
    // A statement under way goes on in the engine.
    await Promise.race([ended, delay(stopWithinMs, undefined, { ref: false })])
  }
}

const tell = (logger: Logger, metrics: KeeperOptions['metrics'], outcomes: readonly KeepingOutcome[]): void => {
  metrics.keepingHeld.set(outcomes.filter(({ outcome }) => outcome === 'held').length)
  for (const { table, days, due, of, outcome } of outcomes) {
    if (outcome === 'removed') metrics.keepingRows.inc({ table }, due)
    else {
      const held = new AppError('KEEPING_HELD', `Expected a day's rows, but ${due} of ${of} rows of ${table} are older than ${days} days`)
      logger.warn(
        { table, days, due, of, ...describeError(held) },
        'a rule of keeping would remove most rows at once and waits: npm run keeping',
      )
    }
  }
}
