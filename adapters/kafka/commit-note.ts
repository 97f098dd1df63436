/** What stands beside a committed offset: the end of the range whose rows may be in the warehouse already. */

export type CommitNote = {
  /** Next offset to process: everything before it is finished. */
  next: number
  /** Rows of `next..pendingTo` may be written; null when none can be. */
  pendingTo: number | null
}

export const formatNote = ({ pendingTo }: CommitNote): string => (pendingTo === null ? '' : `p:${pendingTo}`)

/** Text that is not ours counts as no note: the warehouse's marks still decide what is written. */
export const parseNote = (next: number, text: string | null): CommitNote => {
  const digits = /^p:(\d{1,16})$/.exec(text ?? '')?.[1]
  const pendingTo = digits === undefined ? null : Number(digits)
  return { next, pendingTo: pendingTo !== null && Number.isSafeInteger(pendingTo) && pendingTo >= next ? pendingTo : null }
}
