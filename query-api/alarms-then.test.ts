/** Alarms as they were known at a moment, or stood at one: lists, counts, one, and a device’s black box. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlarmApi, day, iso, offline, router, startAlarmApi, weak } from '../test/query-api/alarm-world.ts'

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi()
}, 60_000)
afterAll(() => api.stop(), 30_000)

type List = { items: { id: string }[]; nextCursor: string | null }
type One = { history: { kind: string }[]; explanation: { words: string[] } }

describe('alarms at a moment', () => {
  type Item = { id: string; severity: string; clearedAt: string | null; operator: { comments: number } }
  const known = async (query: string) => (await api.get<{ items: Item[] }>(`alarms?${query}`)).items

  it('as they were known then: what stood on the screen, as severe as it was, without what was done later', async () => {
    expect(await known(`knownAt=${iso(0)}`)).toEqual([])
    expect(await known(`knownAt=${iso(1)}`)).toMatchObject([{ id: `${weak}:2`, severity: 'warning', operator: { comments: 0 } }])
    expect((await known(`knownAt=${iso(30)}`)).map(({ id, severity }) => [id, severity])).toEqual([
      [`${offline}:1`, 'major'],
      [`${weak}:2`, 'minor'],
    ])
    expect(await known(`knownAt=${iso(31)}&device=${router}`)).toMatchObject([{ operator: { comments: 1 } }])
  })

  it('are narrowed by what they were then', async () => {
    expect((await known(`knownAt=${iso(1)}&severity=warning`)).map(({ id }) => id)).toEqual([`${weak}:2`])
    expect(await known(`knownAt=${iso(31)}&severity=warning`)).toEqual([])
    expect((await known(`knownAt=${iso(1)}&site=harbour&class=business`)).map(({ id }) => id)).toEqual([`${weak}:2`])
  })

  it('as they stood by the time of the device, or as that was known', async () => {
    // It was over at -300 and found to be so a minute later.
    expect(await known(`at=${iso(-300.5)}`)).toMatchObject([{ id: `${weak}:1`, clearedAt: null }])
    expect(await known(`at=${iso(-300)}`)).toEqual([])
    expect(await known(`at=${iso(-300)}&knownAt=${iso(-299.5)}`)).toMatchObject([{ id: `${weak}:1`, clearedAt: null }])
    expect((await known(`at=${iso(-180)}`)).map(({ id }) => id)).toEqual([`${weak}:L1`])
    expect(await known(`at=${iso(-180)}&knownAt=${iso(-180)}`)).toEqual([])
  })

  it('are counted', async () => {
    expect(await api.get(`alarms/counts?knownAt=${iso(1)}`)).toMatchObject({ active: { warning: 1, minor: 0, total: 1 } })
    expect(await api.get(`alarms/counts?knownAt=${iso(-299.5)}`)).toMatchObject({ active: { warning: 1, total: 1 }, cleared: 0 })
    expect(await api.get(`alarms/counts?at=${iso(-180)}&state=all`)).toMatchObject({ active: { total: 1 }, cleared: 1 })
  })

  it('come in pages', async () => {
    const first = await api.get<List>(`alarms?knownAt=${iso(44)}&limit=1`)
    const second = await api.get<List>(`alarms?knownAt=${iso(44)}&limit=1&cursor=${first.nextCursor ?? ''}`)
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([`${offline}:1`, `${weak}:2`])
    expect(second.nextCursor).toBeNull()
  })

  it('one has the history and the explanation that could be read then; before it was known it is 404', async () => {
    const one = await api.get<One & Item>(`alarms/${weak}:2?knownAt=${iso(20)}`)
    expect([one.severity, one.history.map(({ kind }) => kind)]).toEqual(['warning', ['RaiseDelayStarted', 'AlarmRaised']])
    expect(one.explanation.words.slice(1, 4)).toEqual([
      `Raised as warning at ${day} 03:15:00 (UTC).`,
      'It has stood for 20 minutes.',
      'Nobody has acknowledged it.',
    ])
    const answer = await api.ask(`alarms/${weak}:2?knownAt=${iso(0)}`)
    expect([answer.status, answer.body['code']]).toEqual([404, 'ALARM_UNKNOWN'])
  })

  it('are no filter of actions', async () => {
    expect((await api.post(`alarms/actions/acknowledge?knownAt=${iso(0)}`, {})).status).toBe(400)
  })
})

describe('the black box', () => {
  type State = { alarms: { id: string; severity: string }[] }
  const stood = async (query: string) =>
    (await api.get<State>(`devices/${router}/state?${query}`)).alarms.map(({ id, severity }) => [id, severity])

  it('has the alarms that stood at the moment, as severe as they were then', async () => {
    expect(await stood(`at=${iso(-350)}`)).toEqual([[`${weak}:1`, 'warning']])
    expect(await stood(`at=${iso(-250)}`)).toEqual([])
    expect(await stood(`at=${iso(20)}`)).toEqual([[`${weak}:2`, 'warning']])
    expect(await stood(`at=${iso(40)}`)).toEqual([[`${weak}:2`, 'minor']])
  })

  it('as known then has none that was not known', async () => {
    expect(await stood(`at=${iso(0)}&knownAt=${iso(0)}`)).toEqual([])
    expect(await stood(`at=${iso(0)}&knownAt=${iso(1)}`)).toEqual([[`${weak}:2`, 'warning']])
    // Its clear came later: then it still stood.
    expect(await stood(`at=${iso(-299.5)}&knownAt=${iso(-299.5)}`)).toEqual([[`${weak}:1`, 'warning']])
    expect(await stood(`at=${iso(-299.5)}`)).toEqual([])
  })

  it('shows in a difference what was raised and what changed', async () => {
    const diff = async (from: number, to: number) =>
      (await api.get<{ alarms: unknown[] }>(`devices/${router}/diff?from=${iso(from)}&to=${iso(to)}`)).alarms
    expect(await diff(-60, 20)).toMatchObject([{ id: `${weak}:2`, from: null, to: { severity: 'warning' } }])
    expect(await diff(20, 40)).toMatchObject([{ id: `${weak}:2`, from: { severity: 'warning' }, to: { severity: 'minor' } }])
    expect(await diff(20, 25)).toEqual([])
  })

  it('has what happened to them in the timeline', async () => {
    const { items } = await api.get<{ items: { text: string; data: Record<string, unknown> }[] }>(
      `devices/${router}/timeline?kind=alarm&from=${iso(-30)}&to=${iso(45)}&order=asc`,
    )
    expect(items.map(({ text }) => text)).toEqual([
      'radio.rsrp-poor: Raised as warning.',
      'radio.rsrp-poor: Now minor, before warning.',
      'radio.rsrp-poor: admin: looked at the antenna',
    ])
    expect(items[0]?.data).toMatchObject({ id: `${weak}:2`, event: 'AlarmRaised', severity: 'warning' })
    const known = await api.get<{ items: unknown[] }>(
      `devices/${router}/timeline?kind=alarm&from=${iso(-30)}&to=${iso(45)}&knownAt=${iso(0)}`,
    )
    expect(known.items).toEqual([])
  })
})
