/** What `POST /api/v1/parse` answers: what a message becomes, or why not. Personal values are shown masked. */
import type { Body, FactItem, Subject } from '../../model/event.ts'
import { type ParseContext, parseMessage } from './parse-message.ts'
import { reasons } from './reasons.ts'

export type ParseReport =
  | {
      outcome: 'event'
      subject: Subject
      profile: string
      observedAt: string | null
      bootId: string | null
      seq: number | null
      uptimeSeconds: number | null
      /** The payload will be encrypted, because it carries personal identifiers. */
      personal: boolean
      bodies: Body[]
      notes: string[]
    }
  | { outcome: 'dead-letter'; reason: string; detail: string; whatToDo: string; topicShape: string; subject: Subject | null }
  | { outcome: 'ignored'; reason: string }

export const parseReport = (topic: string, payload: Uint8Array, context: ParseContext): ParseReport => {
  const outcome = parseMessage(topic, payload, context)
  switch (outcome.kind) {
    case 'ignored':
      return { outcome: 'ignored', reason: outcome.reason }
    case 'refused':
      return {
        outcome: 'dead-letter',
        reason: outcome.reason,
        detail: outcome.detail,
        whatToDo: reasons[outcome.reason].whatToDo,
        topicShape: outcome.topicShape,
        subject: outcome.subject,
      }
    case 'message': {
      const { message } = outcome
      const masked = message.personalFacts.map((fact): FactItem => ({ name: fact.name, value: fact.masked, sealed: null }))
      return {
        outcome: 'event',
        subject: message.subject,
        profile: message.profile,
        observedAt: message.observedAtMs === null ? null : new Date(message.observedAtMs).toISOString(),
        bootId: message.bootId,
        seq: message.seq,
        uptimeSeconds: message.uptimeSeconds,
        personal: message.personal,
        bodies: masked.length === 0 ? message.bodies : [...message.bodies, { kind: 'Facts', items: masked }],
        notes: message.notes,
      }
    }
  }
}
