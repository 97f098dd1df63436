/**
 * Where an event lies in time. The device is believed unless its time lies before 2010 or more than 5 minutes ahead of the
 * arrival; then, and when it made no claim, the arrival places the event (design: section 5). Past data is data: an upload
 * from last week lands at its own time.
 */

/** Names of the column `messages.clock_verdict`. */
export type ClockVerdict = 'trusted' | 'missing' | 'before-2010' | 'future'
export type PlacedTime = { observedAtMs: number; verdict: ClockVerdict }

export const believedFromMs = Date.UTC(2010, 0, 1)
export const believedAheadMs = 5 * 60_000

export const placeTime = (claimedAtMs: number | null, receivedAtMs: number): PlacedTime => {
  if (claimedAtMs === null) return { observedAtMs: receivedAtMs, verdict: 'missing' }
  if (claimedAtMs < believedFromMs) return { observedAtMs: receivedAtMs, verdict: 'before-2010' }
  if (claimedAtMs > receivedAtMs + believedAheadMs) return { observedAtMs: receivedAtMs, verdict: 'future' }
  return { observedAtMs: claimedAtMs, verdict: 'trusted' }
}

/** An item's own time where it has a believable one, else the event's. */
export const placeItem = (itemAtMs: number | null, eventAtMs: number, receivedAtMs: number): number =>
  itemAtMs !== null && itemAtMs >= believedFromMs && itemAtMs <= receivedAtMs + believedAheadMs ? itemAtMs : eventAtMs

/** DateTime64(3) holds 1900 to 2299; a wilder claim is kept at its edge. */
export const toDateTime64 = (timeMs: number): number => Math.max(dateTime64FromMs, Math.min(dateTime64ToMs, timeMs))
const dateTime64FromMs = Date.UTC(1900, 0, 1)
const dateTime64ToMs = Date.UTC(2299, 11, 31)
