/** Filters of alarms one by one: the list and the counts take the same, now and of a moment; what is no filter is refused with what was expected. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type AlarmApi,
  at,
  episode,
  event,
  iso,
  offline,
  retractedStream,
  router,
  startAlarmApi,
  weak,
} from '../test/query-api/alarm-world.ts'

/** Raised, held down by a window, put on the shelf, closed: by one minute after the other. */
const heldStream = 'alarm-default-000000000000000d'
const held = `${heldStream}:1`
const own = {
  subject: '00-11-22-33-44-77',
  resource: 'dwr/311-a1/00-11-22-33-44-77',
  stream: heldStream,
  type: 'wan.down',
  severity: 'critical',
  episode: 1,
}
const heldEpisode = episode({
  ...own,
  raised_at: at(6),
  detected_at: at(7),
  suppressed_by: ['CHG-1'],
  shelf: 'timed',
  shelved_until: at(600),
  operator: 'closed',
  operator_actor: 'admin',
  updated_at: at(11),
})
const heldEvents = [
  event('AlarmRaised', at(7), own, { raisedAtMs: at(6), occurrences: 1, staleAt: null }),
  event('Suppressed', at(9), own, { suppressor: { kind: 'maintenance', by: 'CHG-1', untilMs: at(600) }, reason: 'works' }),
  event('Shelved', at(10), own, { reason: 'works', untilMs: at(600), oneShot: false }),
  event('Closed', at(11), { ...own, actor: 'admin' }, { reason: 'known' }),
]

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi({ alarm_episodes: [heldEpisode], alarm_events: heldEvents })
}, 60_000)
afterAll(() => api.stop(), 30_000)

type List = { items: { id: string }[] }
const idsOf = async (query: string): Promise<string[]> => (await api.get<List>(`alarms?${query}`)).items.map(({ id }) => id)

describe('a filter of alarms', () => {
  it.each([
    ['state=cleared', [`${weak}:L1`, `${weak}:1`]],
    ['state=all&foundLate=true', [`${weak}:L1`]],
    ['state=all&type=presence.offline', [`${offline}:1`]],
    [`device=${router}`, [`${weak}:2`]],
    ['subject=00:11:22:33:44:55', [`${weak}:2`]],
    ['subject=group/cell/none', []],
    [`device=001122334455&state=cleared&foundLate=false`, [`${weak}:1`]],
    ['site=harbour', [`${weak}:2`]],
    ['class=business', [`${weak}:2`]],
    ['class=home', [`${offline}:1`, held]],
    ['severity=major%2B', [`${offline}:1`, held]],
    ['severity=minor,warning', [`${weak}:2`]],
    ['operator=ack', [`${offline}:1`]],
    ['shelved=true', [held]],
    ['shelved=false', [`${offline}:1`, `${weak}:2`]],
    ['operator=closed', [held]],
    ['acknowledged=true', [`${offline}:1`, held]],
    ['acknowledged=false', [`${weak}:2`]],
    ['suppressed=true', [`${offline}:1`, held]],
    ['suppressed=false', [`${weak}:2`]],
    ['maintenance=true', [held]],
    ['maintenance=false', [`${offline}:1`, `${weak}:2`]],
    ['suppressed=true&maintenance=false', [`${offline}:1`]],
    [`maintenance=true&knownAt=${iso(8)}`, []],
    [`maintenance=true&knownAt=${iso(9)}`, [held]],
    [`suppressed=false&acknowledged=false&knownAt=${iso(8)}`, [held, `${weak}:2`]],
    ['situation=alarm-none:1', []],
    [`state=all&foundLate=false&from=${iso(-350)}&to=${iso(-310)}`, [`${weak}:1`, 'alarm-default-000000000000000c:1']],
    [`state=all&from=${iso(-300)}&to=${iso(-250)}`, [`${weak}:1`, 'alarm-default-000000000000000c:1']],
    [`state=all&from=${iso(-299)}&to=${iso(-250)}`, []],
  ])('%s', async (query, ids) => {
    expect((await idsOf(query)).sort()).toEqual([...ids].sort())
    const { active, cleared } = await api.get<{ active: { total: number }; cleared: number }>(`alarms/counts?${query}`)
    const retracted = ids.filter((id) => id.startsWith(retractedStream)).length
    expect(active.total + cleared).toBe(ids.length - retracted)
  })

  it.each([
    ['alarms?severity=grave', 'REQUEST_INVALID'],
    ['alarms?device=router-1', 'DEVICE_ID_INVALID'],
    [`alarms?from=${iso(0)}&to=${iso(-1)}`, 'TIME_RANGE_INVALID'],
    [`situations?from=${iso(0)}&to=${iso(-1)}`, 'TIME_RANGE_INVALID'],
    ['alarms?cursor=abc', 'CURSOR_INVALID'],
    ['alarms/17', 'ALARM_ID_INVALID'],
    ['alarms?situation=none-such', 'ALARM_ID_INVALID'],
    ['alarms?tz=Mars', 'TIME_ZONE_UNKNOWN'],
  ])('%s is refused', async (path, code) => {
    const answer = await api.ask(path)
    expect([answer.status, answer.body['code']]).toEqual([400, code])
  })

  it.each([
    ['alarms?state=open', 'Query: expected state as one of active, cleared, all, got "open".'],
    ['alarms?suppressed=yes', 'Query: expected suppressed as boolean, got "yes".'],
    ['alarms?sort=name', 'Query: expected sort as one of raisedAt, severity, got "name".'],
    ['alarms?limit=0', 'Query: limit must be >= 1, got "0".'],
    ['alarms?colour=red', 'Query: colour is not known here.'],
    ['alarms?severity=grave', 'Expected severity as some of indeterminate, warning, minor, major, critical, or one with +, got "grave".'],
  ])('%s is refused with what was expected and what came', async (path, detail) => {
    expect(await api.ask(path)).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID', detail } })
  })
})
