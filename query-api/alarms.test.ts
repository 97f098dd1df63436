/** Lists and counts of alarms as an operator asks for them, over the embedded engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlarmApi, iso, offline, raisedMs, router, startAlarmApi, weak } from '../test/query-api/alarm-world.ts'

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi()
}, 60_000)
afterAll(() => api.stop(), 30_000)

type List = { items: { id: string; severity: string }[]; nextCursor: string | null }

describe('the list of alarms', () => {
  it('shows those that stand, newest first, each with all that an operator needs', async () => {
    const { items } = await api.get<{ items: unknown[] }>('alarms')
    expect(items).toEqual([
      expect.objectContaining({
        id: `${offline}:1`,
        severity: 'major',
        suppressedBy: [`${weak}:2`],
        name: null,
        class: 'home',
        title: null,
      }),
      {
        id: `${weak}:2`,
        deviceId: router,
        subject: router,
        resource: `dwr/311-a1/${router}`,
        name: 'Harbour router',
        site: { id: 'harbour', name: 'Harbour' },
        class: 'business',
        type: 'radio.rsrp-poor',
        qualifier: '',
        title: 'Weak signal',
        text: 'RSRP median of 15 minutes was -118 dBm, below -115 dBm, in two intervals in a row, the last from 03:00.',
        severity: 'minor',
        severityMax: 'minor',
        active: true,
        condition: 'active',
        operator: {
          state: 'none',
          actor: null,
          firstAcknowledgedAt: null,
          reason: null,
          assignee: 'ann',
          ticket: 'T-0',
          comments: 1,
          escalations: 0,
        },
        shelf: { state: 'none', until: null },
        suppressedBy: [],
        flapping: false,
        situation: null,
        cause: null,
        raisedAt: iso(0),
        detectedAt: new Date(raisedMs + 10_000).toISOString(),
        clearedAt: null,
        clearCause: null,
        foundLate: false,
        retracted: false,
        amendments: 0,
        firstKnown: { raisedAt: iso(0), clearedAt: null, severity: 'minor' },
        occurrences: 1,
        unknownSeconds: 0,
        rule: { id: 'radio.rsrp-poor', version: 1 },
        runbookUrl: '/docs/reference/rules#radiorsrp-poor',
      },
    ])
  })

  it('goes by severity too, the worst first', async () => {
    expect((await api.get<List>('alarms?sort=severity')).items.map(({ severity }) => severity)).toEqual(['major', 'minor'])
    expect((await api.get<List>('alarms?sort=severity&order=asc')).items.map(({ severity }) => severity)).toEqual(['minor', 'major'])
  })

  it.each(['raisedAt', 'severity'])('in pages by %s names each alarm once', async (sort) => {
    const seen: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: List = await api.get<List>(`alarms?state=all&sort=${sort}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect([seen.length, new Set(seen).size]).toEqual([5, 5])
  })
})

describe('counts', () => {
  it('are those of each severity, and of what nobody has acknowledged', async () => {
    expect(await api.get('alarms/counts?state=all')).toMatchObject({
      active: { critical: 0, major: 1, minor: 1, warning: 0, indeterminate: 0, total: 2 },
      unacknowledged: { major: 0, minor: 1, total: 1 },
      shelved: 0,
      cleared: 2,
    })
  })
})
