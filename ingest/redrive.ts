/**
 * Re-drive: dead letters of one cause are read again after the mapping or parser was mended, with their original arrival
 * time. Repeats safely: a letter that became an event is marked in the log and never taken again; were the program killed
 * between event and mark, the device stage knows the event's `redriveOf` and counts the second as a duplicate.
 */
import type { DeadLetter, EventSource } from '../model/event.ts'
import type { Result } from '../model/result.ts'
import { type AcceptDeps, acceptOne, deadLetterKeyOf } from './accept.ts'
import { isBatchTopic } from './domain/batch.ts'
import { parseMessage } from './domain/parse-message.ts'

export type RedriveDeps = AcceptDeps & { decodeDeadLetter: (frame: Uint8Array) => Result<DeadLetter> }
export type RedriveReport = { redriven: number; stillRefused: number; skippedCut: number }

/** One call takes at most this many; the report tells how many, the next call goes on. */
export const redriveMessagesMax = 10_000

/** The mark of a letter that became an event; its `detail` is the letter's `partition:offset`. */
export const redrivenReason = 'REDRIVEN'

export const createRedrive =
  (deps: RedriveDeps) =>
  async (filter: { topicShape: string; reason: string; limit: number }, actor: string): Promise<RedriveReport> => {
    const report: RedriveReport = { redriven: 0, stillRefused: 0, skippedCut: 0 }
    const redriven = await marked(deps)
    for await (const { reference, letter } of letters(deps)) {
      if (letter.topicShape !== filter.topicShape || letter.reason !== filter.reason || redriven.has(reference)) continue
      if (letter.cut) {
        report.skippedCut++
        continue
      }
      if (report.redriven + report.stillRefused >= Math.min(filter.limit, redriveMessagesMax)) break
      if (await redriveOne(deps, reference, letter, actor)) report.redriven++
      else report.stillRefused++
    }
    return report
  }

/** References of the letters that have become events. */
const marked = async (deps: RedriveDeps): Promise<Set<string>> => {
  const references = new Set<string>()
  for await (const { letter } of letters(deps)) if (letter.reason === redrivenReason) references.add(letter.detail)
  return references
}

/** All that the log still holds, oldest first; one in memory at a time. */
async function* letters(deps: RedriveDeps): AsyncGenerator<{ reference: string; letter: DeadLetter }> {
  const { first, next } = await deps.log.bounds('dead-letters', 0)
  for await (const record of deps.log.read('dead-letters', 0, first, next)) {
    const decoded = deps.decodeDeadLetter(record.value)
    if (decoded.ok) yield { reference: `0:${record.offset}`, letter: decoded.value }
  }
}

const redriveOne = async (deps: RedriveDeps, reference: string, letter: DeadLetter, actor: string): Promise<boolean> => {
  if (isBatchTopic(letter.topic)) return false // A batch that was no batch: only its sender can mend it.
  const payload = await deps.keys.open(deadLetterKeyOf(letter.receivedAtMs), letter.sealedPayload)
  if (payload === null) return false // Its key's time is over.
  const outcome = parseMessage(letter.topic, payload, {
    topicMap: deps.topicMap,
    receivedAtMs: letter.receivedAtMs,
    pseudonym: deps.keys.pseudonym,
  })
  if (outcome.kind !== 'message') return false
  const counted = letter.subject !== null && letter.subject.id === outcome.message.subject.id
  const source: EventSource = { ...letter.source, redriveOf: counted ? reference : `${reference}:uncounted`, actor }
  await acceptOne(
    deps,
    { topic: letter.topic, payload, payloadBytes: payload.byteLength, cut: false, receivedAtMs: letter.receivedAtMs, source, takeovers: 0 },
    outcome,
  )
  const mark: DeadLetter = {
    ...letter,
    eventId: deps.ids.eventId(),
    reason: redrivenReason,
    detail: reference,
    sealedPayload: new Uint8Array(0),
    payloadBytes: 0,
  }
  await deps.log.append('dead-letters', [{ partition: 0, key: letter.topicShape, value: deps.encodeDeadLetter(mark) }])
  return true
}
