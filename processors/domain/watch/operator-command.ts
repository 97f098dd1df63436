/** A person's command as the log carries it (`AlarmCommand`), for the decider. */
import type { OperatorCommand } from '../../../model/alarm.ts'
import type { AlarmCommandBody } from '../../../model/event.ts'

export const allCommandKinds: readonly OperatorCommand['kind'][] = [
  'Acknowledge',
  'Unacknowledge',
  'Close',
  'Comment',
  'Assign',
  'ClearManually',
  'Shelve',
  'Unshelve',
]

/** Null: this release knows no such command. */
export const commandOf = (body: AlarmCommandBody, actor: string, atMs: number): OperatorCommand | null => {
  const { expectedEpisode, commandId, to, ticket, untilMs, oneShot, force } = body
  const common = { actor, expectedEpisode, commandId, atMs }
  const text = body.text ?? ''
  switch (body.name as OperatorCommand['kind']) {
    case 'Acknowledge':
      return { kind: 'Acknowledge', ...common }
    case 'Unacknowledge':
      return { kind: 'Unacknowledge', ...common }
    case 'Close':
      return { kind: 'Close', ...common, reason: text }
    case 'Comment':
      return { kind: 'Comment', ...common, text }
    case 'Assign':
      return { kind: 'Assign', ...common, to, ticket }
    case 'ClearManually':
      return { kind: 'ClearManually', ...common, reason: text, force }
    case 'Shelve':
      return { kind: 'Shelve', ...common, untilMs, oneShot, reason: text }
    case 'Unshelve':
      return { kind: 'Unshelve', ...common }
    default:
      return null
  }
}
