/** The time of stages that also run on other machines: what the ticks in the warehouse tell of all of them, asked again and again. */

const askEveryMs = 5_000
/** A stage's rows are in the warehouse shortly before its alarm events are in the log. */
const behindMs = 10_000

type Options = { read: () => Promise<number | null>; everyMs?: number; onError: (error: unknown) => void }

/** Null until it is known. Goes back when a clock that was ahead is set right: a raise that came after would be held no more. */
export const followStageTime = ({ read, everyMs = askEveryMs, onError }: Options): { nowMs: () => number | null; stop: () => void } => {
  let throughMs: number | null = null
  let asking = false
  const timer = setInterval(() => {
    if (asking) return
    asking = true
    read()
      .then((reached) => {
        if (reached !== null) throughMs = reached - behindMs
      }, onError)
      .finally(() => (asking = false))
  }, everyMs)
  return { nowMs: () => throughMs, stop: () => clearInterval(timer) }
}
