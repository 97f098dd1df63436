/** One alarm: why it is there, in words and as data, and what happened to it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlarmApi, at, day, iso, offline, router, startAlarmApi, weak } from '../test/query-api/alarm-world.ts'

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi()
}, 60_000)
afterAll(() => api.stop(), 30_000)

type One = { history: { kind: string; text: string }[]; explanation: Record<string, unknown> & { words: string[] } }

describe('one alarm', () => {
  it('is explained as a person would say it', async () => {
    const { explanation } = await api.get<One>(`alarms/${weak}:2`)
    expect(explanation.words).toEqual([
      'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row (02:45, 03:00).',
      `Raised as warning at ${day} 03:15:00 (UTC); minor now.`,
      'It has stood for 45 minutes.',
      'Nobody has acknowledged it.',
      'It clears when that is at least -110 dBm, two intervals in a row.',
      'Throughput falls, and the session may be lost. Likely cause: distance, an antenna that moved, or the cell. To do: look at the antenna; compare with other devices of the cell.',
    ])
  })

  it('says it in the zone of the reader', async () => {
    const { explanation } = await api.get<One>(`alarms/${weak}:2?tz=Asia/Taipei`)
    expect(explanation.words[0]).toContain('(10:45, 11:00)')
    expect(explanation.words[1]).toBe(`Raised as warning at ${day} 11:15:00 (Asia/Taipei); minor now.`)
  })

  it('has the same as data, down to the messages in the log', async () => {
    const { explanation } = await api.get<One>(`alarms/${weak}:2`)
    expect(explanation).toMatchObject({
      rule: { id: 'radio.rsrp-poor', version: 1, inForce: 1, clearsByItself: true, runbookUrl: '/docs/reference/rules#radiorsrp-poor' },
      thresholds: { raise: -115, clear: -110 },
      evidence: {
        topic: 'device-events',
        partition: 3,
        firstOffset: 100,
        lastOffset: 130,
        values: [{ name: 'cellular.rsrp median', value: -118, unit: 'dBm', text: '-118 dBm', observedAt: iso(0) }, {}],
      },
      periods: [iso(-30), iso(-15)],
      timers: { onDelaySeconds: 0, raiseDelay: { startedAt: iso(-15), dueAt: iso(0) }, clearDelay: null },
      groupedBy: null,
      links: { runbook: 'docs/reference/rules.md#radiorsrp-poor', runbookUrl: '/docs/reference/rules#radiorsrp-poor' },
    })
    const messages = explanation['messages'] as { place: string; explain: string }[]
    expect([messages.length, messages[0]?.place, messages[0]?.explain]).toEqual([
      30,
      '3:130',
      `/api/v1/devices/${router}/explain?of=message&message=3:130`,
    ])
  })

  it('has its history, from the delay before its raise on, and nothing of another episode', async () => {
    const { history } = await api.get<One>(`alarms/${weak}:2`)
    expect(history.map(({ kind, text }) => [kind, text])).toEqual([
      ['RaiseDelayStarted', 'Seen; raised unless it is well again by 03:15:00.'],
      ['AlarmRaised', 'Raised as warning.'],
      ['SeverityChanged', 'Now minor, before warning.'],
      ['Commented', 'admin: looked at the antenna'],
    ])
    expect((await api.get<One>(`alarms/${weak}:1`)).history.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'AlarmCleared'])
  })

  it('that was found late or lost its rule says so', async () => {
    expect((await api.get<One>(`alarms/${weak}:L1`)).explanation.words[1]).toBe(
      `Found late: it stood as warning from ${new Date(at(-200)).toISOString().slice(0, 19).replace('T', ' ')} (UTC). The recorder knew at ${day} 02:55:00, 3 hours later.`,
    )
    const { explanation } = await api.get<One>(`alarms/${offline}:1`)
    expect(explanation.words).toEqual([
      'No evidence was kept with it.',
      `Raised as major at ${day} 03:25:00 (UTC).`,
      'It has stood for 35 minutes.',
      `It notifies nobody while ${weak}:2 stands.`,
      'Acknowledged by admin at 03:27.',
      'Its rule presence.offline, version 1, is no longer loaded.',
    ])
  })

  it('that is not there is 404', async () => {
    const answer = await api.ask(`alarms/${weak}:9`)
    expect([answer.status, answer.body['code']]).toEqual([404, 'ALARM_UNKNOWN'])
  })
})
