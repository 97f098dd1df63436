/** What a person asks of an alarm, as the command that goes to the log; refused here where the decider would surely refuse it. */
import type { OperatorCommand } from '../../model/alarm.ts'
import { ProblemError } from './problems.ts'
import { parseTime, toTime } from './time.ts'

export const alarmActions = ['acknowledge', 'unacknowledge', 'close', 'comment', 'assign', 'clear', 'shelve', 'unshelve'] as const
export type AlarmAction = (typeof alarmActions)[number]

type WithoutPlace<T> = T extends unknown ? Omit<T, 'atMs' | 'actor' | 'expectedEpisode' | 'commandId'> : never
type Command = WithoutPlace<OperatorCommand>
type Assign = Command & { kind: 'Assign' }
/** What is done; who, on which episode and when is added by the caller and the stage. What assign leaves out stays as it is. */
export type AlarmDeed = Exclude<Command, Assign> | ({ kind: 'Assign' } & Partial<Omit<Assign, 'kind'>>)

export type AskedAction = {
  reason?: string
  text?: string
  to?: string | null
  ticket?: string | null
  until?: string
  oneShot?: boolean
  force?: boolean
}

/** As the decider bounds them. */
export const reasonCharsMax = 500
export const commentCharsMax = 2_000
export const shelfMsMax = 7 * 86_400_000

const fields: Readonly<Record<AlarmAction, readonly (keyof AskedAction)[]>> = {
  acknowledge: [],
  unacknowledge: [],
  close: ['reason'],
  comment: ['text'],
  assign: ['to', 'ticket'],
  clear: ['reason', 'force'],
  shelve: ['reason', 'until', 'oneShot'],
  unshelve: [],
}

export const deedOf = (action: AlarmAction, asked: AskedAction, nowMs: number): AlarmDeed => {
  const surplus = (Object.keys(asked) as (keyof AskedAction)[]).find((name) => !fields[action].includes(name))
  if (surplus !== undefined) {
    throw new ProblemError(
      'REQUEST_INVALID',
      `Body: ${surplus} is not known to ${action}; it takes ${fields[action].join(', ') || 'no fields'}.`,
    )
  }
  switch (action) {
    case 'acknowledge':
      return { kind: 'Acknowledge' }
    case 'unacknowledge':
      return { kind: 'Unacknowledge' }
    case 'unshelve':
      return { kind: 'Unshelve' }
    case 'close':
      return { kind: 'Close', reason: asked.reason ?? '' }
    case 'comment':
      return { kind: 'Comment', text: needed(asked.text, 'text') }
    case 'assign':
      return assigned(asked)
    case 'clear':
      return { kind: 'ClearManually', reason: needed(asked.reason, 'reason'), force: asked.force ?? false }
    case 'shelve':
      return { kind: 'Shelve', reason: needed(asked.reason, 'reason'), ...shelfEnd(asked, nowMs) }
  }
}

const assigned = ({ to, ticket }: AskedAction): AlarmDeed => {
  if (to === undefined && ticket === undefined)
    throw new ProblemError('REQUEST_INVALID', 'Expected to or ticket, or both; null for nobody and none.', { parameter: 'to' })
  return {
    kind: 'Assign',
    ...(to === undefined ? {} : { to: textOrNull(to) }),
    ...(ticket === undefined ? {} : { ticket: textOrNull(ticket) }),
  }
}

/** A JSON null comes as an empty text, since texts are coerced. */
const textOrNull = (text: string | null): string | null => (text === '' ? null : text)

const needed = (text: string | undefined, name: string): string => {
  if (text === undefined || text.trim() === '')
    throw new ProblemError('REQUEST_INVALID', `Expected ${name}, got none.`, { parameter: name })
  return text
}

/** A shelf has an end: a time at most 7 days away, or the clear. */
const shelfEnd = ({ until, oneShot }: AskedAction, nowMs: number): { untilMs: number | null; oneShot: boolean } => {
  if ((until === undefined) === (oneShot !== true)) {
    throw new ProblemError('REQUEST_INVALID', 'Expected either until, or oneShot true: until it clears.', { parameter: 'until' })
  }
  if (until === undefined) return { untilMs: null, oneShot: true }
  const untilMs = parseTime('until', until)
  if (untilMs <= nowMs || untilMs > nowMs + shelfMsMax) {
    throw new ProblemError(
      'REQUEST_INVALID',
      `Expected until within the next 7 days, so up to ${toTime(nowMs + shelfMsMax)}, got ${toTime(untilMs)}.`,
      {
        parameter: 'until',
      },
    )
  }
  return { untilMs, oneShot: false }
}
