/** Situations as they are, and as they were known at a moment or stood at one: list and one, over the embedded engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Evidence } from '../model/alarm.ts'
import type { Row } from '../model/ports.ts'
import { type AlarmApi, at, episode, event, iso, startAlarmApi } from '../test/query-api/alarm-world.ts'

const cell = 'group/cell/46692-1'
const rootStream = 'alarm-default-00000000000000f0'
const root = `${rootStream}:1`
const mac = (n: number): string => `00-11-22-33-55-0${String(n)}`
const memberStream = (n: number): string => `alarm-default-00000000000000f${String(n)}`
const member = (n: number): string => `${memberStream(n)}:1`

const counted = (bad: number): Evidence => ({
  topic: 'fleet-signals',
  partition: 0,
  firstOffset: 9,
  lastOffset: 9,
  values: [
    { name: 'group.bad', value: bad, unit: '{device}', observedAtMs: at(20) },
    { name: 'group.devices', value: `02-00-00-00-00-01 and ${String(bad - 1)} more`, unit: '', observedAtMs: at(20) },
    {
      name: 'group.reason',
      value: `${String(bad)} of 5 devices of cell 46692-1 went offline within 5 min`,
      unit: '',
      observedAtMs: at(20),
    },
    { name: 'presence.cause', value: 'cell-or-sim', unit: '', observedAtMs: at(20) },
  ],
  raiseLevel: null,
  clearLevel: null,
})

const over = (minutes: number) => ({
  cleared_at: at(minutes),
  first_cleared_at: at(minutes),
  condition: 'normal',
  clear_cause: 'condition',
  updated_at: at(minutes) + 1_000,
})
const ofRoot = { subject: cell, resource: cell, stream: rootStream, type: 'presence.group-outage', severity: 'critical', episode: 1 }
const ofMember = (n: number) => ({
  subject: mac(n),
  resource: `dwr/311-a1/${mac(n)}`,
  stream: memberStream(n),
  type: 'presence.offline',
  severity: 'warning',
  episode: 1,
})

/** Raised at 20 with 4 of 5, 5 of 5 from 25 on, acknowledged at 32, over at 40. One member is found at 20, the other at 24. */
const episodes: Row[] = [
  episode({
    ...ofRoot,
    ...over(40),
    raised_at: at(20),
    detected_at: at(20),
    first_raised_at: at(20),
    severity_max: 'critical',
    first_severity: 'critical',
    operator: 'ack',
    operator_actor: 'admin',
    acknowledged_at: at(32),
    situation: root,
    situation_role: 'root',
    evidence: JSON.stringify(counted(5)),
  }),
  ...[1, 2].map((n) =>
    episode({
      ...ofMember(n),
      ...over(37 + n),
      raised_at: at(16 + n),
      detected_at: at(16 + n),
      first_raised_at: at(16 + n),
      situation: root,
      situation_role: 'symptom',
      evidence: '',
    }),
  ),
]
const grouped = (role: 'root' | 'symptom') => ({ situation: root, role, reason: 'same cell' })
const raised = (minutes: number, more: object = {}) => ({ raisedAtMs: at(minutes), occurrences: 1, staleAt: null, ...more })
const cleared = (minutes: number) => ({ clearedAtMs: at(minutes), cause: 'condition' })
const events: Row[] = [
  event('AlarmRaised', at(20), ofRoot, raised(20, { evidence: counted(4) })),
  event('Correlated', at(20), ofRoot, grouped('root')),
  event('EvidenceUpdated', at(25), ofRoot, { evidence: counted(5), occurrences: 2 }),
  event('Acknowledged', at(32), { ...ofRoot, actor: 'admin' }),
  event('AlarmCleared', at(40), ofRoot, cleared(40)),
  event('AlarmRaised', at(17), ofMember(1), raised(17)),
  event('Correlated', at(20), ofMember(1), grouped('symptom')),
  event('AlarmCleared', at(38), ofMember(1), cleared(38)),
  event('AlarmRaised', at(18), ofMember(2), raised(18)),
  event('Correlated', at(24), ofMember(2), grouped('symptom')),
  event('AlarmCleared', at(39), ofMember(2), cleared(39)),
]

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi({ alarm_episodes: episodes, alarm_events: events })
}, 60_000)
afterAll(() => api.stop(), 30_000)

type Shown = {
  id: string
  reason: string
  members: { total: number; active: number; situations: number }
  root: { active: boolean; operator: { state: string } }
  items?: { id: string; active: boolean }[]
  nextCursor: string | null
}
const listed = async (query: string): Promise<unknown[][]> => (await api.get<{ items: Shown[] }>(`situations?${query}`)).items.map(summary)
const summary = ({ id, reason, members, root: { active, operator } }: Shown): unknown[] => [
  id,
  reason.slice(0, 6),
  active,
  operator.state,
  members.active,
  members.total,
]
const one = async (query: string): Promise<unknown[]> => {
  const shown = await api.get<Shown>(`situations/${root}?${query}`)
  return [...summary(shown), (shown.items ?? []).map(({ id }) => id)]
}
const inKnown = (minutes: number): string => `knownAt=${iso(minutes)}`

describe('situations as they were known', () => {
  it('are not there before the recorder knew of them, and one is 404 with what to do', async () => {
    expect(await listed(inKnown(19.9))).toEqual([])
    expect(await api.ask(`situations/${root}?${inKnown(19.9)}`)).toMatchObject({
      status: 404,
      body: {
        code: 'ALARM_UNKNOWN',
        detail: `There was no situation ${root} at that moment; without knownAt and at it is as it is known now.`,
      },
    })
  })

  it('have the reason, the members and what people had done by then', async () => {
    expect(await listed(inKnown(20))).toEqual([[root, '4 of 5', true, 'none', 1, 1]])
    expect(await listed(inKnown(24))).toEqual([[root, '4 of 5', true, 'none', 2, 2]])
    expect(await listed(inKnown(31.9))).toEqual([[root, '5 of 5', true, 'none', 2, 2]])
    expect(await listed(inKnown(32))).toEqual([[root, '5 of 5', true, 'ack', 2, 2]])
    expect(await listed(inKnown(38))).toEqual([[root, '5 of 5', true, 'ack', 1, 2]])
    expect(await listed(inKnown(40))).toEqual([])
    expect(await listed(`${inKnown(40)}&state=cleared`)).toEqual([[root, '5 of 5', false, 'ack', 0, 2]])
  })

  it('one has the members that it had then, newest first', async () => {
    expect(await one(inKnown(20))).toEqual([root, '4 of 5', true, 'none', 1, 1, [member(1)]])
    expect(await one(inKnown(24))).toEqual([root, '4 of 5', true, 'none', 2, 2, [member(2), member(1)]])
    expect(await one(inKnown(44))).toEqual([root, '5 of 5', false, 'ack', 0, 2, [member(2), member(1)]])
    const first = await api.get<Shown>(`situations/${root}?${inKnown(24)}&limit=1`)
    const second = await api.get<Shown>(`situations/${root}?${inKnown(24)}&limit=1&cursor=${first.nextCursor ?? ''}`)
    expect([first, second].map(({ items = [], nextCursor }) => [items.map(({ id }) => id), nextCursor === null])).toEqual([
      [[member(2)], false],
      [[member(1)], true],
    ])
  })

  it('one is whole', async () => {
    const alarm = (await api.get<{ items: { id: string }[] }>(`alarms?${inKnown(20)}&state=all`)).items
    const known = (id: string) => alarm.find((item) => item.id === id)
    expect(known(root)).toMatchObject({ active: true, clearedAt: null, severity: 'critical', situation: { id: root, role: 'root' } })
    expect(known(member(1))).toMatchObject({ active: true, clearedAt: null, situation: { id: root, role: 'symptom' } })
    expect(known(member(2))).toMatchObject({ active: true, clearedAt: null, situation: null })
    expect(await api.get(`situations/${root}?${inKnown(20)}`)).toEqual({
      id: root,
      group: cell,
      reason: '4 of 5 devices of cell 46692-1 went offline within 5 min',
      cause: 'cell-or-sim',
      figures: { 'group.bad': 4 },
      devices: '02-00-00-00-00-01 and 3 more',
      members: { total: 1, active: 1, situations: 0 },
      root: known(root),
      items: [known(member(1))],
      nextCursor: null,
      completeThrough: expect.any(String) as unknown,
    })
  })
})

describe('situations as they stood', () => {
  it('by the time of the devices, with all that is known since', async () => {
    expect(await listed(`at=${iso(19.9)}`)).toEqual([])
    expect(await listed(`at=${iso(20)}`)).toEqual([[root, '4 of 5', true, 'none', 1, 1]])
    expect(await listed(`at=${iso(39.5)}`)).toEqual([[root, '5 of 5', true, 'ack', 0, 2]])
    expect(await listed(`at=${iso(40)}`)).toEqual([])
    expect(await one(`at=${iso(38.5)}`)).toEqual([root, '5 of 5', true, 'ack', 1, 2, [member(2), member(1)]])
    expect(await api.ask(`situations/${root}?at=${iso(19.9)}`)).toMatchObject({ status: 404, body: { code: 'ALARM_UNKNOWN' } })
  })

  it('or as that was known by another', async () => {
    expect(await listed(`at=${iso(39.5)}&${inKnown(25)}`)).toEqual([[root, '5 of 5', true, 'none', 2, 2]])
  })
})

describe('situations now', () => {
  it('are those that stand, others by state', async () => {
    expect(await listed('')).toEqual([])
    expect(await listed('state=cleared')).toEqual([[root, '5 of 5', false, 'ack', 0, 2]])
    expect(await one('')).toEqual([root, '5 of 5', false, 'ack', 0, 2, [member(2), member(1)]])
  })

  it.each([
    [`situations?knownAt=yesterday`, 400, 'TIME_INVALID'],
    [`situations/${root}?at=2025-02-30T00:00:00Z`, 400, 'TIME_INVALID'],
    [`situations/${member(1)}`, 404, 'ALARM_UNKNOWN'],
    ['situations?severity=major', 400, 'REQUEST_INVALID'],
  ])('%s is %i', async (path, status, code) => {
    expect(await api.ask(path)).toMatchObject({ status, body: { code } })
  })
})
