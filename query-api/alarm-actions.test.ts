/** What a person does about alarms: one, or all that fit a filter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlarmApi, at, iso, offline, router, startAlarmApi, weak } from '../test/query-api/alarm-world.ts'

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi()
}, 60_000)
afterAll(() => api.stop(), 30_000)

describe('an action', () => {
  it('is appended with who did it and the episode that was seen', async () => {
    api.appended.length = 0
    const { status, body } = await api.post(`alarms/${weak}:2/acknowledge`)
    expect(status).toBe(202)
    expect(body).toMatchObject({
      id: `${weak}:2`,
      action: 'acknowledge',
      actor: 'admin',
      expectedEpisode: 2,
      appended: { topic: 'device-events', partition: 3, offset: 200 },
    })
    expect(api.appended).toEqual([
      [
        {
          subject: router,
          stream: weak,
          key: { resource: `dwr/311-a1/${router}`, type: 'radio.rsrp-poor', qualifier: '' },
          command: { kind: 'Acknowledge', actor: 'admin', expectedEpisode: 2, commandId: body['commandId'] },
        },
      ],
    ])
  })

  it.each([
    ['unacknowledge', {}, { kind: 'Unacknowledge' }],
    // Whether it is on the shelf the stage knows better than the table, which is a second behind.
    ['unshelve', {}, { kind: 'Unshelve' }],
    ['close', { reason: 'known' }, { kind: 'Close', reason: 'known' }],
    ['close', {}, { kind: 'Close', reason: '' }],
    ['comment', { text: 'hm' }, { kind: 'Comment', text: 'hm' }],
    ['assign', { to: 'eve', ticket: 'T-1' }, { kind: 'Assign', to: 'eve', ticket: 'T-1' }],
    ['assign', { to: null, ticket: null }, { kind: 'Assign', to: null, ticket: null }],
    ['assign', { ticket: 'T-1' }, { kind: 'Assign', to: 'ann', ticket: 'T-1' }],
    ['assign', { to: 'eve' }, { kind: 'Assign', to: 'eve', ticket: 'T-0' }],
    ['clear', { reason: 'gone', force: true }, { kind: 'ClearManually', reason: 'gone', force: true }],
    ['shelve', { reason: 'works', until: iso(60) }, { kind: 'Shelve', reason: 'works', untilMs: at(60), oneShot: false }],
    ['shelve', { reason: 'works', oneShot: true }, { kind: 'Shelve', reason: 'works', untilMs: null, oneShot: true }],
  ])('%s %j', async (action, asked, command) => {
    api.appended.length = 0
    expect((await api.post(`alarms/${weak}:2/${action}`, { ...asked, commandId: 'mine' })).status).toBe(202)
    expect(api.appended[0]?.[0]?.command).toEqual({ ...command, actor: 'admin', expectedEpisode: 2, commandId: 'mine' })
  })

  it('on an episode that is over by now is 409, with the one that is there', async () => {
    api.appended.length = 0
    expect(await api.post(`alarms/${weak}:1/acknowledge`)).toMatchObject({
      status: 409,
      body: { code: 'EPISODE_STALE', current: `${weak}:2` },
    })
    expect(api.appended).toEqual([])
  })

  it.each([
    [`alarms/${weak}:L1/comment`, { text: 'x' }, 422, 'ALARM_ACTION_INVALID'],
    [`alarms/${weak}:2/clear`, { reason: 'gone' }, 422, 'ALARM_ACTION_INVALID'],
    [`alarms/${weak}:9/acknowledge`, {}, 404, 'ALARM_UNKNOWN'],
    [`alarms/${weak}:2/shelve`, { oneShot: true }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(60), oneShot: true }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(44) }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/shelve`, { reason: 'x', until: iso(45 + 7 * 24 * 60 + 1) }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/comment`, { text: ' ' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/acknowledge`, { reason: 'x' }, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/assign`, {}, 400, 'REQUEST_INVALID'],
    [`alarms/${weak}:2/delete`, {}, 404, 'ROUTE_UNKNOWN'],
  ])('%s %j is refused', async (path, body, status, code) => {
    api.appended.length = 0
    const answer = await api.post(path, body)
    expect([answer.status, answer.body['code']]).toEqual([status, code])
    expect(api.appended).toEqual([])
  })

  it('by filter says first how many, then is one append', async () => {
    api.appended.length = 0
    const dry = await api.post('alarms/actions/acknowledge?dryRun=true', {})
    expect(dry).toMatchObject({ status: 200, body: { dryRun: true, matched: 2, appended: 0, ids: [`${offline}:1`, `${weak}:2`] } })
    expect(api.appended).toEqual([])
    const done = await api.post('alarms/actions/acknowledge?severity=minor', { commandId: 'mine' })
    expect(done).toMatchObject({ status: 202, body: { matched: 1, appended: 1, skipped: [], ids: [`${weak}:2`], commandId: 'mine' } })
    expect(api.appended).toHaveLength(1)
  })

  it('by filter leaves out what cannot be acted on, and says why', async () => {
    const { body } = await api.post('alarms/actions/close?state=all&type=radio.rsrp-poor&dryRun=true', {})
    expect(body).toMatchObject({
      matched: 4,
      ids: [`${weak}:2`, 'alarm-default-000000000000000c:1'],
      skipped: [
        { id: `${weak}:L1`, code: 'ALARM_ACTION_INVALID' },
        { id: `${weak}:1`, code: 'EPISODE_STALE' },
      ],
    })
  })
})
