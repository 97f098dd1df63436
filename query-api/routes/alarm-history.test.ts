import { describe, expect, it } from 'vitest'
import type { AlarmRow } from '../domain/alarm-row.ts'
import type { AlarmEventRow } from '../queries/alarm-events.ts'
import { ofEpisode } from './alarm-history.ts'

const row = { episode: 2, found_late: 0 } as AlarmRow
let version = 0
const event = (episode: number, kind: string, detail: object = {}): AlarmEventRow => ({
  stream_version: ++version,
  episode,
  found_late: 0,
  kind,
  severity: '',
  at_ms: version,
  observed_ms: version,
  actor: '',
  command_id: '',
  rule_version: 0,
  detail: JSON.stringify(detail),
  log_topic: 'device-events',
  partition: 0,
  offset: version,
})
const suppressed = (by: string, untilMs = 1) =>
  event(1, 'Suppressed', { suppressor: { kind: 'maintenance', by, untilMs }, reason: 'works' })
const kinds = (...events: AlarmEventRow[]) =>
  ofEpisode(events, row).map(({ kind, stream_version }) => `${kind} ${String(stream_version - (events[0]?.stream_version ?? 0))}`)

describe('the history of an episode', () => {
  it('begins with the delay that led to it', () => {
    expect(kinds(event(1, 'AlarmRaised'), event(1, 'AlarmCleared'), event(1, 'RaiseDelayStarted'), event(2, 'AlarmRaised'))).toEqual([
      'RaiseDelayStarted 2',
      'AlarmRaised 3',
    ])
  })

  it('leaves out a delay that was given up', () => {
    expect(
      kinds(event(1, 'AlarmCleared'), event(1, 'RaiseDelayStarted'), event(1, 'RaiseDelayAbandoned'), event(2, 'AlarmRaised')),
    ).toEqual(['AlarmRaised 3'])
  })

  it('has what held it down when it began, and not what had ended or was of the episode before', () => {
    expect(
      kinds(
        suppressed('old'),
        event(1, 'AlarmCleared'),
        suppressed('ended'),
        event(1, 'Unsuppressed', { by: 'ended', cause: 'ended' }),
        suppressed('w', 1),
        suppressed('w', 2),
        event(1, 'RaiseDelayStarted'),
        event(2, 'AlarmRaised'),
      ),
    ).toEqual(['Suppressed 5', 'RaiseDelayStarted 6', 'AlarmRaised 7'])
  })
})
