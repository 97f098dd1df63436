/** Every bound and time of the alarm decider, with its reason. Proposals of ours where no source is named. */

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** A device's time further ahead than this is cut back to the stage's, like in `placed-time.ts`. */
export const aheadMsMax = 5 * minuteMs

/** An event-only alarm (panic, OOM) without a repeat is over after this. */
export const staleEventAfterMsDefault = dayMs

/** A critical alarm that was acknowledged and still stands goes back to the operators after more than this (OPC UA ReAlarmTime). */
export const reAlarmAfterMs = 8 * hourMs

/** Flapping: this many raises and clears within the window start it, this few end it. ISA chatter is 3 cycles a minute. */
export const flappingWindowMs = hourMs
export const flappingEdgesMin = 6
export const flappingStopEdgesMax = 2
/** Times of edges kept; a count of flapping saturates here. Only the newest decide, so twice the limit is plenty. */
export const edgesKeptMax = 12

/** A shelf that nobody looks at hides a fault for ever. */
export const shelveMsMax = 7 * dayMs

/** A purged alarm leaves the list only when its clear is at least this old; the log keeps it. */
export const purgeAfterMs = 30 * dayMs

/** Causes that hold one stream down at a time; one more is refused, and the stream stays held by those it has. */
export const suppressorsMax = 16

/**
 * Operator commands of the present episode (or late findings) whose ids are remembered. One as old as a forgotten one is
 * refused (`COMMAND_TOO_OLD`) rather than perhaps applied twice. A new episode forgets all: the old expectedEpisode refuses them.
 */
export const appliedIdsMax = 64

/**
 * Observations of one stream at one millisecond of the device's time that are told apart; more are taken for repeats. Ids of
 * earlier moments need not be kept: their repeats are late.
 */
export const idsPerMomentMax = 16

export const commentCharsMax = 2_000
export const commentsPerEpisodeMax = 200
/** Reasons, assignees, tickets. */
export const reasonCharsMax = 500
