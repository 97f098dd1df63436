/** A disk that is full refuses thousands of messages a second: the first is told, then one line a minute with the count. */
export const oncePerMinute = (nowMs: () => number, tell: (error: unknown, times: number) => void) => {
  let toldAtMs = Number.NEGATIVE_INFINITY
  let times = 0
  return {
    tell: (error: unknown): void => {
      times++
      if (nowMs() - toldAtMs < 60_000) return
      toldAtMs = nowMs()
      tell(error, times)
      times = 0
    },
  }
}
