/**
 * Servers come up in any order, after a power cut above all: a part whose server does not answer yet is started again until
 * it does, and `/readyz` names it meanwhile. What waiting cannot mend (a setting, a taken port, a refused migration) ends the
 * start as before, and so does an embedded part that fails.
 */
import type { Config } from '../runtime/config.ts'
import { AppError, type ErrorCode } from '../runtime/errors.ts'
import type { Part, Stop } from '../runtime/lifecycle.ts'

/** The code by which a part says that its server is away, and the setting that names the server. The bridge waits by itself. */
const awayCodes: readonly { code: ErrorCode; setting: 'KAFKA_BROKERS' | 'CLICKHOUSE_URL' }[] = [
  { code: 'LOG_UNAVAILABLE', setting: 'KAFKA_BROKERS' },
  { code: 'WAREHOUSE_UNAVAILABLE', setting: 'CLICKHOUSE_URL' },
]

const againAfterMsMin = 500
/** A server that came up is noticed after that at the latest. */
export const againAfterMsMax = 5_000

export type PatientStart = {
  parts: readonly Part[]
  config: Pick<Config, 'KAFKA_BROKERS' | 'CLICKHOUSE_URL'>
  /** Aborted: the program is to end, and nobody waits any longer. */
  ending: AbortSignal
  /** Told of each start that failed and is tried again. */
  onAway: (part: string, error: AppError) => void
}

/** The same parts, started with patience; `waitingFor` is empty once all of them are started. */
export const startPatiently = ({ parts, config, ending, onAway }: PatientStart): { parts: Part[]; waitingFor: () => string[] } => {
  let starting = parts[0]?.name
  const next = new Map(parts.map(({ name }, at) => [name, parts[at + 1]?.name]))
  const isAway = (error: unknown): error is AppError =>
    error instanceof AppError && awayCodes.some(({ code, setting }) => code === error.code && config[setting] !== '')

  const patient = ({ name, start }: Part): Part => ({
    name,
    start: async (): Promise<Stop> => {
      for (let againAfterMs = againAfterMsMin; ; againAfterMs = Math.min(againAfterMs * 2, againAfterMsMax)) {
        try {
          ending.throwIfAborted()
          const stop = await start()
          starting = next.get(name)
          return stop
        } catch (error) {
          if (!isAway(error) || ending.aborted) throw error
          onAway(name, error)
        }
        await pause(againAfterMs, ending)
      }
    },
  })
  return { parts: parts.map(patient), waitingFor: () => (starting === undefined ? [] : [`start of ${starting}`]) }
}

/** Ends at once when the signal comes. */
const pause = (ms: number, ending: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      ending.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    ending.addEventListener('abort', done)
    if (ending.aborted) done()
  })
