/** What is kept of the due list (`due-list.ts`). */
export type DueState = { kind: 'due'; ids: string[] }
/** `from`: the first slot that is not passed yet. `slots`: those that hold entries, ascending; `horizonMs` bounds their number. */
export type DueBounds = { from: number; slots: number[] }
