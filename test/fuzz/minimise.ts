/** Makes a failing input small: first whole parts are left out, then pieces of each part, as long as it still fails. */
import type { Input } from './fuzz-target.ts'

export type Fails = (input: Input) => Promise<boolean>

/** Ends after `withinMs` with the smallest so far. */
export const minimise = async (input: Input, fails: Fails, withinMs: number): Promise<Input> => {
  const endMs = performance.now() + withinMs
  const hasTime = (): boolean => performance.now() < endMs
  let current = await shorten<Uint8Array>(input, async (parts) => parts.length > 0 && (await fails(parts)), hasTime)
  for (let index = 0; index < current.length && hasTime(); index++) {
    const withPart = (bytes: readonly number[]): Input => current.map((part, at) => (at === index ? Uint8Array.from(bytes) : part))
    const bytes = await shorten<number>(Array.from(current[index] ?? []), (shorter) => fails(withPart(shorter)), hasTime)
    current = withPart(bytes)
  }
  return current
}

/** Delta debugging: pieces of half the length, a quarter and so on down to single items are left out where that still fails. */
const shorten = async <T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  hasTime: () => boolean,
): Promise<readonly T[]> => {
  let current = items
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < current.length && hasTime(); ) {
      const without = [...current.slice(0, at), ...current.slice(at + size)]
      if (await fails(without)) current = without
      else at += size
    }
  }
  return current
}
