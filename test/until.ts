/** Waits for a condition, with a limit; a condition that throws is not true yet, and its last error is told. */
const withinMs = 30_000
const askEveryMs = 50

export const until = async (what: string, isTrue: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + withinMs
  let last: unknown
  while (Date.now() < deadline) {
    try {
      if (await isTrue()) return
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, askEveryMs))
  }
  throw new Error(`not within ${withinMs / 1000} s: ${what}`, { cause: last })
}
