/** From what a person does to commands for the log: one for each episode that takes it, a refusal for each that does not. */
import { alarmTypeOf } from '../../model/rule.ts'
import type { AlarmCommandRequest } from '../deps.ts'
import type { AlarmDeed } from '../domain/alarm-actions.ts'
import { alarmIdOf, idOfRow } from '../domain/alarm-id.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import { ProblemError } from '../domain/problems.ts'
import { type RouteContext, textOrNull } from './context.ts'

export const commandOf = (row: AlarmRow, deed: AlarmDeed, actor: string, commandId: string): AlarmCommandRequest => ({
  subject: row.subject,
  stream: row.stream,
  key: { resource: row.resource, type: row.type, qualifier: row.qualifier },
  command: { ...whole(deed, row), actor, expectedEpisode: row.episode, commandId },
})

/** An assignment says both, so what was left out is what is there. */
const whole = (deed: AlarmDeed, { assignee, ticket }: AlarmRow) =>
  deed.kind === 'Assign' ? { to: textOrNull(assignee), ticket: textOrNull(ticket), ...deed } : deed

export const staleness = (row: AlarmRow, live: number): ProblemError | null =>
  live === row.episode
    ? null
    : new ProblemError('EPISODE_STALE', `It was raised again since: you saw episode ${String(row.episode)}, now it is ${String(live)}.`, {
        current: alarmIdOf({ stream: row.stream, episode: live, foundLate: false }),
      })

/** What no episode of it would take. */
export const refusalOf = ({ deps }: RouteContext, row: AlarmRow, deed: AlarmDeed): ProblemError | null => {
  if (row.found_late === 1)
    return new ProblemError('ALARM_ACTION_INVALID', 'It was found late and is history: nothing can be done about it.')
  if (deed.kind === 'ClearManually') {
    const rule = (deps.rules ?? []).find(({ id }) => id === row.type)
    if (row.cleared_ms !== null) return new ProblemError('ALARM_ACTION_INVALID', 'It is cleared already.')
    if (!deed.force && rule !== undefined && alarmTypeOf(rule).willClear)
      return new ProblemError('ALARM_ACTION_INVALID', 'It clears by itself; force clears it now, and the next bad reading raises it again.')
  }
  return null
}

type Sorted = { commands: AlarmCommandRequest[]; ids: string[]; skipped: { id: string; code: string; detail: string }[] }

/** Of a stream only the newest episode can be acted on; rows come newest first. */
export const commandsOf = (context: RouteContext, rows: readonly AlarmRow[], deed: AlarmDeed, actor: string, commandId: string): Sorted => {
  const result: Sorted = { commands: [], ids: [], skipped: [] }
  const streams = new Map<string, number>()
  for (const row of rows) if (row.found_late === 0) streams.set(row.stream, Math.max(row.episode, streams.get(row.stream) ?? 0))
  for (const row of rows) {
    const refusal = refusalOf(context, row, deed) ?? staleness(row, streams.get(row.stream) ?? row.episode)
    if (refusal !== null) {
      result.skipped.push({ id: idOfRow(row), code: refusal.problem.code, detail: refusal.problem.detail })
      continue
    }
    result.ids.push(idOfRow(row))
    result.commands.push(commandOf(row, deed, actor, commandId))
  }
  return result
}
