/** What holds for every command of a person, before a region looks at it: not applied before, the right episode, bounded texts. */
import type { OperatorCommand } from '../../../model/alarm.ts'
import { commentCharsMax, reasonCharsMax } from './alarm-limits.ts'
import type { AlarmState } from './alarm-state.ts'
import { appliedOf } from './applied-ids.ts'
import { type Answer, refuse } from './draft.ts'

export const checkOperatorCommand = (state: AlarmState, command: OperatorCommand): 'new' | 'applied' | Answer => {
  const applied = appliedOf(state.commands, command.commandId, command.atMs)
  if (applied === 'applied') return 'applied'
  if (command.expectedEpisode !== state.episode) {
    return refuse('EPISODE_STALE', `Expected episode ${state.episode}, got ${command.expectedEpisode}`)
  }
  // A shelf may be there before the first raise; all else is about an episode.
  if (state.episode === 0 && command.kind !== 'Shelve' && command.kind !== 'Unshelve') {
    return refuse('EPISODE_UNKNOWN', 'Expected a stream that was raised before, got one without an episode')
  }
  if (applied === 'too-old') return refuse('COMMAND_TOO_OLD', 'Expected a command that is newer than those forgotten')
  return textRefusal(command) ?? 'new'
}

const textRefusal = (command: OperatorCommand): Answer | null => {
  switch (command.kind) {
    case 'Comment':
      return tooLong(command.text, commentCharsMax) ?? missing(command.text)
    case 'ClearManually':
    case 'Shelve':
      return tooLong(command.reason, reasonCharsMax) ?? missing(command.reason)
    case 'Close':
      return tooLong(command.reason, reasonCharsMax)
    case 'Assign':
      return tooLong(command.to ?? '', reasonCharsMax) ?? tooLong(command.ticket ?? '', reasonCharsMax)
    default:
      return null
  }
}

const tooLong = (text: string, charsMax: number): Answer | null =>
  text.length > charsMax ? refuse('TEXT_TOO_LONG', `Expected at most ${charsMax} characters, got ${text.length}`) : null

const missing = (text: string): Answer | null => (text.trim() === '' ? refuse('REASON_MISSING', 'Expected a text, got none') : null)
