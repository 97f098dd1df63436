/**
 * Starts parts in order and stops them newest first. A start that fails rolls back what had started. The second stop is
 * harmless: it waits for the first.
 */

export type Part = { name: string; start: () => Promise<Stop> }
export type Stop = () => Promise<void>

export const startInOrder = async (parts: readonly Part[], onStopError: (part: string, error: unknown) => void): Promise<Stop> => {
  const started: { name: string; stop: Stop }[] = []
  const stopAll = async (): Promise<void> => {
    for (const part of started.reverse()) {
      try {
        await part.stop()
      } catch (error) {
        onStopError(part.name, error) // The others must still stop.
      }
    }
  }
  for (const part of parts) {
    try {
      started.push({ name: part.name, stop: await part.start() })
    } catch (error) {
      await stopAll()
      throw error
    }
  }
  let stopping: Promise<void> | undefined
  return () => (stopping ??= stopAll())
}
