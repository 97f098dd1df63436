/** A program is a list of parts: started in order and with patience, stopped newest first. */
import { startInOrder, type Part, type Stop } from '../runtime/lifecycle.ts'
import { describeError } from '../runtime/logger.ts'
import type { Composition } from './composition.ts'
import { startPatiently } from './patient-start.ts'

export type PartMaker = (composition: Composition) => Part

/** Rejects, with what had started stopped, when a part cannot start or the program is to end before all have. */
export const startParts = async (composition: Composition, makers: readonly PartMaker[]): Promise<Stop> => {
  const { config, logger, readiness, surroundings } = composition
  const { parts, waitingFor } = startPatiently({
    parts: makers.map((part) => part(composition)),
    config,
    ending: surroundings.ending ?? new AbortController().signal,
    onAway: (part, error) => logger.warn({ part, ...describeError(error) }, 'its server does not answer; the start waits for it'),
  })
  readiness.push(async () => waitingFor())
  return startInOrder(parts, (part, error) => logger.error({ part, ...describeError(error) }, 'a part did not stop in order'))
}

/** Answers undefined for a start that was given up since the program is to end. */
export const unlessEnding =
  (ending: AbortSignal) =>
  (error: unknown): undefined => {
    if (!ending.aborted) throw error
  }
