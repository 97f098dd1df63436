/** Ids of alarms: `<stream>:<n>`, of an episode that late data revealed `<stream>:L<n>`. */
import { ProblemError } from './problems.ts'

export type AlarmId = { stream: string; episode: number; foundLate: boolean }

export const alarmIdOf = ({ stream, episode, foundLate }: AlarmId): string => `${stream}:${foundLate ? 'L' : ''}${String(episode)}`

export const idOfRow = ({ stream, episode, found_late }: { stream: string; episode: number; found_late: 0 | 1 }): string =>
  alarmIdOf({ stream, episode, foundLate: found_late === 1 })

/** Refused when it is no id of an alarm. */
export const parseAlarmId = (text: string): AlarmId => {
  const [, stream, late, episode] = /^([^:]{1,200}):(L?)([1-9]\d{0,8})$/.exec(text) ?? []
  if (stream === undefined) {
    throw new ProblemError(
      'ALARM_ID_INVALID',
      `Expected the id of an alarm as the list gives it, like alarm-default-0123456789abcdef:1, got ${JSON.stringify(text.slice(0, 100))}.`,
    )
  }
  return { stream, episode: Number(episode), foundLate: late === 'L' }
}
