/**
 * Words of what is told to people outside: one message of one episode, what became of it, and the channel that carries it.
 * Decided by `processors/domain/outputs`, carried by `adapters/webhook`, read by the table `notifications` and the API.
 */

/** `raise`: told for the first time. `worse`, `again`, `amend`: a change of what was told. `clear`: it is over. */
export const noticeKinds = ['raise', 'worse', 'again', 'clear', 'amend'] as const
export type NoticeKind = (typeof noticeKinds)[number]

/**
 * What became of a message. The first four are of raises that were not told (yet): `held` waits for the verdict about the
 * fleet, `quiet` stands but is held down (`why`), `silent` is never told (`why`), `transient` was over before its time came.
 * `pending` waits for the receiver; `parked` was refused by it, `superseded` was overtaken while parked, `dropped` found no room.
 */
export const noticeStatuses = ['held', 'quiet', 'silent', 'transient', 'pending', 'sent', 'parked', 'superseded', 'dropped'] as const
export type NoticeStatus = (typeof noticeStatuses)[number]

export type ChannelMessage = {
  /** The same on every try: whoever gets it twice knows it by this. */
  id: string
  /** JSON, as it is signed. */
  body: string
}

/** `taken`: a 2xx. `refused`: this message is not wanted. `gone`: nothing is wanted any more (410). `failed`: try again. */
export type ChannelAnswer = {
  outcome: 'taken' | 'refused' | 'gone' | 'failed'
  /** For people: `204`, `503 Service Unavailable`, `connect ECONNREFUSED`. */
  answer: string
  /** The receiver's own wish (Retry-After). */
  retryAfterMs: number | null
}

/** One try; never throws. */
export type NotificationChannel = { send: (message: ChannelMessage) => Promise<ChannelAnswer> }
