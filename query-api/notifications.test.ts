/** Notifications asked for by alarm, over the embedded engine. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../model/ports.ts'
import { startApiForTest, type TestApi } from '../test/query-api/start-api.ts'

const dayMs = 86_400_000
/** Rows leave by age, counted from the engine's own clock. */
const nowMs = Math.floor(Date.now() / dayMs) * dayMs
const stream = 'alarm-default-000000000000000a'

const notice = (episode: number, kind: string, atMs: number, more: Row = {}): Row => ({
  tenant: 'default',
  subject: '00-11-22-33-44-55',
  stream,
  episode,
  id: `${stream}-${String(episode)}-${kind}`,
  row_version: 1,
  kind,
  severity: 'major',
  resource: 'dwr/311-a1/00-11-22-33-44-55',
  type: 'wan.down',
  qualifier: '',
  device_class: 'business',
  at: atMs,
  status: 'sent',
  why: '',
  held_until: null,
  attempts: 1,
  answer: '204',
  next_attempt_at: null,
  sent_at: atMs,
  updated_at: atMs,
  received_at: atMs,
  ...more,
})

let api: TestApi
beforeAll(async () => {
  const notifications = [
    notice(1, 'raise', nowMs - 20 * dayMs),
    notice(1, 'clear', nowMs - 20 * dayMs + 1),
    notice(3, 'raise', nowMs - dayMs, { status: 'silent', why: 'home device', attempts: 0, sent_at: null, answer: '' }),
  ]
  api = await startApiForTest({ notifications }, { clock: { nowMs: () => nowMs } })
}, 60_000)
afterAll(() => api.stop(), 30_000)

type Told = { items: { alarmId: string; kind: string; status: string }[] }
const told = async (query: string): Promise<string[]> =>
  (await api.get<Told>(`notifications?${query}`)).items.map((row) => `${row.alarmId.replace(stream, 'S')} ${row.kind} ${row.status}`)

describe('notifications', () => {
  it('are those of the last 7 days', async () => {
    expect(await told('')).toEqual(['S:3 raise silent'])
  })

  it('of one alarm are all of them, newest first, however old; and none of another episode', async () => {
    expect(await told(`alarm=${stream}:1`)).toEqual(['S:1 clear sent', 'S:1 raise sent'])
    expect(await told(`alarm=${stream}:3`)).toEqual(['S:3 raise silent'])
    expect(await told(`alarm=${stream}:1&status=silent`)).toEqual([])
  })

  it('of an alarm that was found late are none: those of its number are of the live one', async () => {
    expect(await told(`alarm=${stream}:L3`)).toEqual([])
  })

  it.each(['00-11-22-33-44-55', '001122334455', '00:11:22:33:44:55'])('of a device go by any writing of its MAC: %s', async (subject) => {
    expect(await told(`subject=${subject}`)).toEqual(['S:3 raise silent'])
  })
})
