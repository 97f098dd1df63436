/** Rows of the table `notifications`: what became of each message, and of raises that became none. The highest `row_version` holds. */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { Severity } from '../../../model/alarm.ts'
import type { NoticeKind, NoticeStatus } from '../../../model/notification.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { OutputState } from './output-state.ts'

export type NoticeFacts = {
  id: string
  kind: NoticeKind
  episode: number
  severity: Severity
  atMs: number
  status: NoticeStatus
  why: string
  heldUntilMs: number | null
  attempts: number
  answer: string
  nextMs: number | null
  /** When its status came about, by the clock of who decided or sent it. */
  updatedMs: number
}

export const pushRow = (state: OutputState, facts: NoticeFacts): void => {
  const { tenant, subject, stream, key, audience } = state
  state.rowVersion++
  state.rows.push({
    tenant,
    subject,
    stream,
    episode: facts.episode,
    id: facts.id,
    row_version: state.rowVersion,
    kind: facts.kind,
    severity: facts.severity,
    resource: key.resource,
    type: key.type,
    qualifier: key.qualifier,
    device_class: audience.class,
    at: toDateTime64(Math.round(facts.atMs)),
    status: facts.status,
    why: facts.why,
    held_until: facts.heldUntilMs === null ? null : toDateTime64(Math.round(facts.heldUntilMs)),
    attempts: facts.attempts,
    answer: facts.answer,
    next_attempt_at: facts.nextMs === null ? null : toDateTime64(Math.round(facts.nextMs)),
    sent_at: facts.status === 'sent' ? toDateTime64(Math.round(facts.updatedMs)) : null,
    updated_at: toDateTime64(Math.round(facts.updatedMs)),
    received_at: toDateTime64(Math.round(facts.updatedMs)),
  })
}

/** What keeps a raise from being told now, in words that an operator can follow. */
export const whyQuiet = ({ view }: OutputState, event: AlarmEvent | null): string => {
  const words: string[] = []
  if (view.symptomOf !== null) words.push(`symptom of ${view.symptomOf}`)
  if (view.suppressedBy.length > 0) words.push(`suppressed by ${view.suppressedBy.join(', ')}`)
  if (view.shelved) words.push('shelved')
  if (view.flapping) words.push('flapping')
  if (view.unknown) words.push(event?.kind === 'ConditionUnknown' ? `unknown: ${event.reason}` : 'unknown')
  return words.join('; ').slice(0, 500)
}
