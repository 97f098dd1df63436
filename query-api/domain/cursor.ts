/**
 * Cursors: the sort key of the last item shown, as URL-safe text. They name a position and not a page number, so rows
 * that arrive meanwhile neither repeat nor hide an item.
 */
import { ProblemError } from './problems.ts'

export type CursorPart = string | number

export const encodeCursor = (parts: readonly CursorPart[]): string => {
  const bytes = new TextEncoder().encode(JSON.stringify(parts))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** `number`: a time, place or count, 0 or more; `signed`: any whole number. */
export type CursorShape = readonly ('string' | 'number' | 'signed')[]

/** `shape` names the type of each part; anything else than what `encodeCursor` made for that list is refused. */
export const decodeCursor = (text: string, shape: CursorShape): CursorPart[] => {
  const parts = partsOf(text)
  const fits =
    Array.isArray(parts) &&
    parts.length === shape.length &&
    parts.every((part: unknown, index) => {
      if (shape[index] === 'string') return typeof part === 'string'
      return Number.isSafeInteger(part) && (shape[index] === 'signed' || Number(part) >= 0)
    })
  if (!fits) throw new ProblemError('CURSOR_INVALID', 'Expected the nextCursor of an earlier answer of the same list.')
  return parts as CursorPart[]
}

const partsOf = (text: string): unknown => {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (char) => char.charCodeAt(0))))
  } catch {
    return undefined
  }
}

/** Splits a page off rows that were asked for with `limit + 1`. */
export const pageOf = <T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (last: T) => readonly CursorPart[],
): { rows: T[]; nextCursor: string | null } => {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { rows: page, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(cursorOf(last)) : null }
}
