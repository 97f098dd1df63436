/** How many statements run at once and how many may wait: past that, ClickHouse's code 202 with HTTP 503, never a longer queue. */
import { EngineError } from './engine-error.ts'

export type Admission = {
  /** Runs `work` when it is its turn; gives the turn up when `cancelled` aborts before. */
  run: <T>(work: () => Promise<T>, cancelled: AbortSignal) => Promise<T>
  counts: () => { running: number; waiting: number }
}

export type AdmissionLimits = { runningMax: number; waitingMax: number }

export const createAdmission = ({ runningMax, waitingMax }: AdmissionLimits): Admission => {
  const waiting: (() => void)[] = []
  let running = 0

  const turn = async (cancelled: AbortSignal): Promise<void> => {
    if (running < runningMax) {
      running++
      return
    }
    if (waiting.length >= waitingMax) {
      throw new EngineError(202, 'TOO_MANY_SIMULTANEOUS_QUERIES', `Too many simultaneous queries: ${runningMax} run and ${waitingMax} wait`)
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        waiting.splice(waiting.indexOf(start), 1)
        reject(new EngineError(394, 'QUERY_WAS_CANCELLED', 'The client went away while its query waited'))
      }
      const start = (): void => {
        cancelled.removeEventListener('abort', onAbort)
        running++
        resolve()
      }
      cancelled.addEventListener('abort', onAbort, { once: true })
      waiting.push(start)
    })
  }

  return {
    run: async (work, cancelled) => {
      await turn(cancelled)
      try {
        return await work()
      } finally {
        running--
        waiting.shift()?.()
      }
    },
    counts: () => ({ running, waiting: waiting.length }),
  }
}
