/**
 * One orderly stop for SIGINT, SIGTERM, SIGHUP and for errors that nobody caught. A Ctrl-C reaches the whole process group
 * and npm passes it on once more, so repeated signals are ignored while the stop is under way (the usual libraries end the
 * process at the second one).
 */

/** A stop that takes longer is given up: everything acknowledged is in the log already, and the next start goes on from there. */
export const stopWithinMs = 30_000

export type Ending = { reason: string; error?: unknown }

/** Answers with the function that ends the program for another reason. */
export const stopOnSignals = (stop: (ending: Ending) => Promise<void>, onGivenUp: () => void): ((ending: Ending) => void) => {
  let stopping = false
  const end = (ending: Ending): void => {
    if (stopping) return
    stopping = true
    const failed = 'error' in ending
    setTimeout(() => {
      onGivenUp()
      process.exit(1)
    }, stopWithinMs).unref()
    stop(ending).then(
      () => process.exit(failed ? 1 : 0),
      () => process.exit(1),
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end({ reason: signal }))
  process.on('uncaughtException', (error) => end({ reason: 'uncaught exception', error }))
  process.on('unhandledRejection', (error) => end({ reason: 'unhandled rejection', error }))
  return end
}
