/** The rules in force, now and at a time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AlarmApi, iso, startAlarmApi } from '../test/query-api/alarm-world.ts'

let api: AlarmApi
beforeAll(async () => {
  api = await startAlarmApi()
}, 60_000)
afterAll(() => api.stop(), 30_000)

describe('rules', () => {
  it('in force are listed with what, why and the levels', async () => {
    const { items } = await api.get<{ items: unknown[] }>('rules?id=radio.rsrp-poor')
    expect(items).toMatchObject([
      {
        id: 'radio.rsrp-poor',
        version: 1,
        pack: 'default',
        title: 'Weak signal',
        clearsByItself: true,
        condition: { form: 'level', raise: { op: 'below', value: -115 } },
        runbook: 'docs/reference/rules.md#radiorsrp-poor',
        runbookUrl: '/docs/reference/rules#radiorsrp-poor',
      },
    ])
    expect((await api.get<{ items: unknown[] }>('rules')).items).toHaveLength(2)
    expect(await api.get('rules?id=radio.rsrp-poor')).toMatchObject({
      activation: null,
      items: [{ overrides: [{ select: { model: ['311-a1'] }, set: { raise: { op: 'below', value: -120 } } }] }],
    })
  })

  it('that were in force at a time are those that the log was told last by then', async () => {
    const then = async (query: string) => {
      const { items, activation } = await api.get<{ items: { id: string; version: number; overrides: unknown[] }[]; activation: unknown }>(
        `rules?${query}`,
      )
      return [items.map(({ id, version, overrides }) => [id, version, overrides.length]), activation]
    }
    const first = { at: iso(-500), version: 'first', place: '3:1' }
    const second = { at: iso(-100), version: 'second', place: '3:50' }
    expect(await then(`at=${iso(-500)}`)).toEqual([[['radio.rsrp-poor', 1, 0]], first])
    expect(await then(`at=${iso(-100.001)}`)).toEqual([[['radio.rsrp-poor', 1, 0]], first])
    expect(await then(`at=${iso(-100)}`)).toEqual([
      [
        ['radio.rsrp-poor', 2, 1],
        ['device.crash', 1, 0],
      ],
      second,
    ])
    expect(await then(`at=${iso(0)}&id=device.crash`)).toEqual([[['device.crash', 1, 0]], second])
  })

  it('of a time before the first that are known are refused, with when that was', async () => {
    const answer = await api.ask(`rules?at=${iso(-500.001)}`)
    expect(answer.body).toMatchObject({
      status: 404,
      code: 'RULES_UNKNOWN',
      detail: `No rules are known to have been in force at ${iso(-500.001)}; the first that are known came at ${iso(-500)}.`,
    })
  })
})
