/** What stands beside a committed offset: the end of the range whose rows may be in the warehouse already. */

export type CommitNote = {
  /** Next offset to process: everything before it is finished. */
  next: number
  /** Rows of `next..pendingTo` may be written; null when none can be. */
  pendingTo: number | null
  /** Tables whose rows of that range were there before it began; absent when there are none. */
  held?: readonly string[]
}

export const formatNote = ({ pendingTo, held = [] }: CommitNote): string =>
  pendingTo === null ? '' : [`p:${pendingTo}`, ...held].join(' ')

/** Text that is not ours counts as no note: the warehouse's marks still decide what is written. */
export const parseNote = (next: number, text: string | null): CommitNote => {
  const [, digits, tables = ''] = /^p:(\d{1,16})((?: [a-z][a-z0-9_]*)*)$/.exec(text ?? '') ?? []
  const pendingTo = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(pendingTo) || pendingTo < next) return { next, pendingTo: null }
  return { next, pendingTo, ...(tables === '' ? {} : { held: tables.slice(1).split(' ') }) }
}
