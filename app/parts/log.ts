/** The log and the keys of subjects beside it. */
import type { Part } from '../../runtime/lifecycle.ts'
import { describeError } from '../../runtime/logger.ts'
import type { Composition } from '../composition.ts'
import { openLogParts } from '../log-parts.ts'
import { oncePerMinute } from '../quiet-warnings.ts'

export const log = ({ config, clock, logger, surroundings, readiness, made }: Composition): Part => ({
  name: 'log',
  start: async () => {
    const trouble = (what: string): ((error: unknown) => void) =>
      oncePerMinute(clock.nowMs, (error, times) => logger.warn({ times, ...describeError(error) }, what)).tell
    const parts = await openLogParts(config, clock, trouble, surroundings)
    made.log = parts.log
    made.keys = parts.keys
    readiness.push(async () => ((await answers(made.log.bounds('device-events', 0))) ? [] : ['log']))
    return parts.close
  },
})

const answersWithinMs = 2_000

const answers = async (asked: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), answersWithinMs)
  })
  const answered = asked.then(
    () => true,
    () => false,
  )
  return Promise.race([answered, tooLate]).finally(() => clearTimeout(timer))
}
