/** One event of an alarm's history in a sentence. `detail` is what the event says besides its columns; what is not there is left out. */
import type { Moments } from './value-words.ts'

export type AlarmEventDetail = Readonly<Record<string, unknown>>
export type ToldEvent = { kind: string; severity: string; actor: string; detail: AlarmEventDetail }

export const alarmEventText = (event: ToldEvent, at: Moments): string => words[event.kind]?.(event, at) ?? event.kind

type Words = (event: ToldEvent, at: Moments) => string

const text = (detail: AlarmEventDetail, name: string): string => {
  const value = detail[name]
  return typeof value === 'string' ? value : ''
}
const ms = (detail: AlarmEventDetail, name: string): number | null => {
  const value = detail[name]
  return typeof value === 'number' ? value : null
}
/** Of the two times of a deadline the device's own; the recorder's comes first only where the device is silent. */
const dueText = (detail: AlarmEventDetail, at: Moments): string => {
  const deadline = detail['deadline']
  const due = typeof deadline === 'object' && deadline !== null ? (deadline as Record<string, unknown>)['eventMs'] : undefined
  return typeof due === 'number' ? ` by ${at.second(due)}` : ''
}
const by = ({ actor }: ToldEvent): string => (actor === '' ? '' : ` by ${actor}`)
const because = (reason: string): string => (reason === '' ? '' : `: ${reason}`)
const untilText = (detail: AlarmEventDetail, at: Moments): string => {
  const untilMs = ms(detail, 'untilMs')
  return untilMs === null ? 'until it clears' : `until ${at.minute(untilMs)}`
}
const suppressorOf = (detail: AlarmEventDetail): { kind: string; by: string } => {
  const { kind, by: id } = (detail['suppressor'] ?? {}) as Record<string, unknown>
  return { kind: kind === 'maintenance' ? 'maintenance window' : 'alarm', by: typeof id === 'string' ? id : text(detail, 'by') }
}

const clearCauses: Readonly<Record<string, (event: ToldEvent) => string>> = {
  condition: () => 'Cleared: it is well again.',
  manual: (event) => `Cleared${by(event)}${because(text(event.detail, 'reason'))}.`,
  ruleRetired: () => 'Cleared: its rule is no longer in force.',
  resourceRetired: () => 'Cleared: the device was retired.',
  staleEvent: () => 'Cleared: it has not come again.',
}

const withdrawals: Readonly<Record<string, (event: ToldEvent) => string>> = {
  operator: (event) => `Acknowledgement taken back${by(event)}.`,
  reraise: () => 'Acknowledgement withdrawn: it was raised again.',
  escalation: () => 'Acknowledgement withdrawn: it got worse.',
  realarm: () => 'Acknowledgement withdrawn: it stood acknowledged for too long.',
}

const words: Readonly<Record<string, Words>> = {
  RaiseDelayStarted: ({ detail }, at) => `Seen; raised unless it is well again${dueText(detail, at)}.`,
  RaiseDelayAbandoned: ({ detail }) =>
    text(detail, 'cause') === 'unknown' ? 'Nothing could be told before it was raised.' : 'Well again before it was raised.',
  AlarmRaised: ({ severity }) => `Raised as ${severity}.`,
  SeverityChanged: ({ severity, detail }) => `Now ${severity}${text(detail, 'from') === '' ? '' : `, before ${text(detail, 'from')}`}.`,
  EvidenceUpdated: ({ detail }) => {
    const times = ms(detail, 'occurrences')
    return `Still so${times === null ? '' : `, seen ${String(times)} times by now`}.`
  },
  ClearDelayStarted: ({ detail }, at) => `Well again; cleared unless it comes back${dueText(detail, at)}.`,
  ClearDelayAbandoned: ({ detail }) =>
    text(detail, 'cause') === 'unknown' ? 'Nothing could be told before it was cleared.' : 'It came back before it was cleared.',
  AlarmCleared: (event) => clearCauses[text(event.detail, 'cause')]?.(event) ?? 'Cleared.',
  ConditionUnknown: ({ detail }) => `Nothing can be told of it${because(text(detail, 'reason'))}.`,
  ConditionKnown: ({ detail }) =>
    text(detail, 'is') === 'active' ? 'It can be told again: it still is so.' : 'It can be told again: it is well.',
  Acknowledged: (event) => `Acknowledged${by(event)}.`,
  AckWithdrawn: (event) => withdrawals[text(event.detail, 'by')]?.(event) ?? 'Acknowledgement withdrawn.',
  Closed: (event) => `Closed${by(event)}${because(text(event.detail, 'reason'))}.`,
  Commented: (event) => `${event.actor === '' ? 'Comment' : event.actor}: ${text(event.detail, 'text')}`,
  Assigned: (event) => {
    const to = text(event.detail, 'to')
    const ticket = text(event.detail, 'ticket')
    return `${to === '' ? 'Assigned to nobody' : `Assigned to ${to}`}${ticket === '' ? '' : `, ticket ${ticket}`}${by(event)}.`
  },
  Shelved: (event, at) => `Shelved${by(event)} ${untilText(event.detail, at)}${because(text(event.detail, 'reason'))}.`,
  Unshelved: (event) =>
    ({ expired: 'Off the shelf: its time is over.', cleared: 'Off the shelf: it cleared.' })[text(event.detail, 'cause')] ??
    `Taken off the shelf${by(event)}.`,
  Suppressed: ({ detail }) => {
    const { kind, by: id } = suppressorOf(detail)
    return `Held down by ${kind} ${id}${because(text(detail, 'reason'))}.`
  },
  Unsuppressed: ({ detail }) => `No longer held down by ${text(detail, 'by')}.`,
  FlappingStarted: ({ detail }) =>
    `It flaps: ${String(ms(detail, 'edges') ?? 6)} raises and clears within the hour. It notifies nobody until that is over.`,
  FlappingStopped: () => 'It no longer flaps.',
  Correlated: ({ detail }) => `${text(detail, 'role') === 'root' ? 'Root' : 'Symptom'} of a situation${because(text(detail, 'reason'))}.`,
  Uncorrelated: () => 'No longer part of the situation.',
  Escalated: ({ detail }, at) => {
    const sinceMs = ms(detail, 'acknowledgedAtMs')
    return `Escalated: still critical${sinceMs === null ? '' : `, and acknowledged since ${at.minute(sinceMs)}`}.`
  },
  Purged: () => 'Taken off the list; the history stays.',
  EpisodeFoundLate: ({ severity, detail }, at) => {
    const clearedMs = ms(detail, 'clearedAtMs')
    return `Found late as ${severity}${clearedMs === null ? '' : `, over by ${at.minute(clearedMs)}`}${because(text(detail, 'reason'))}.`
  },
  AlarmAmended: ({ detail }, at) => {
    const raisedMs = ms(detail, 'raisedAtMs')
    const clearedMs = ms(detail, 'clearedAtMs')
    const changes = [
      raisedMs === null ? '' : `raised ${at.minute(raisedMs)}`,
      clearedMs === null ? '' : `cleared ${at.minute(clearedMs)}`,
      text(detail, 'severity'),
    ].filter(Boolean)
    return `Amended by what came late${changes.length === 0 ? '' : `: ${changes.join(', ')}`}${text(detail, 'reason') === '' ? '' : ` (${text(detail, 'reason')})`}.`
  },
  AlarmRetracted: ({ detail }) =>
    `Taken back by what came late: it never was${text(detail, 'reason') === '' ? '' : ` (${text(detail, 'reason')})`}.`,
  Refused: (event) =>
    `${text(event.detail, 'command') || 'A command'}${by(event)} was not carried out${because(text(event.detail, 'detail') || text(event.detail, 'code'))}.`,
}

/** The kinds that have words, for the test that compares them with the model. */
export const alarmEventKindsTold: readonly string[] = Object.keys(words)
