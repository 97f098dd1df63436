import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Observe } from '../../../model/alarm.ts'
import { profileOf, shippedRules } from '../../../test/rule-kit.ts'
import { createRuleBook } from '../rules/compile.ts'
import { type AlarmsState, alarmStreamsMax, initialAlarms, openAlarms, type Told } from './device-alarms.ts'
import { episodesPerDeviceMax } from './kept-episodes.ts'

const rules = createRuleBook(shippedRules()).forDevice(profileOf())
const startMs = Date.UTC(2026, 0, 5, 12)
const minuteMs = 60_000
const none = { onDelayMs: 0, offDelayMs: 0 }

const create = () => {
  const alarms: AlarmsState = initialAlarms('dwr/311-a1/00-11-22-33-44-55')
  const told: Told[] = []
  const limits: string[] = []
  const at = (nowMs: number) =>
    openAlarms(alarms, {
      tenant: 'main',
      rules,
      typeOf: () => undefined,
      nowMs,
      onTold: (one) => void told.push(one),
      onLimit: (limit) => void limits.push(limit),
    })
  const observe = (minute: number, qualifier: string, verdict: Observe['verdict']): void => {
    const atMs = startMs + minute * minuteMs
    const open = at(atMs)
    open.observe(
      { type: 'wan.down', qualifier },
      {
        kind: 'Observe',
        sourceEventId: `device-events:0:${minute}`,
        verdict,
        severity: 'major',
        observedAtMs: atMs,
        atMs,
        watermarkMs: null,
        ruleVersion: 1,
        evidence: null,
      },
      none,
    )
    open.close()
  }
  return { alarms, told, limits, observe }
}

describe('the alarms of one device', () => {
  it('quiet ones without a state cost none', () => {
    const { alarms, observe } = create()
    observe(0, 'a', 'inactive')
    expect(alarms.byKey).toEqual({})
  })

  it('beyond the bound the one that has been quiet longest is forgotten, and its numbers are never given again', () => {
    const { alarms, told, limits, observe } = create()
    for (let n = 0; n < alarmStreamsMax; n++) {
      observe(2 * n, `q${n}`, 'active')
      observe(2 * n + 1, `q${n}`, 'inactive')
    }
    expect([Object.keys(alarms.byKey).length, limits]).toEqual([alarmStreamsMax, []])
    observe(200, 'one more', 'active')
    expect([Object.keys(alarms.byKey).length, limits]).toEqual([alarmStreamsMax, ['alarm-streams-per-device']])
    expect(alarms.byKey['wan.down\nq0']).toBe(undefined)
    observe(201, 'q0', 'active')
    const own = told.filter(({ key }) => key.qualifier === 'q0').map(({ event }) => [event.kind, event.episode, event.version])
    expect(own).toEqual([
      ['AlarmRaised', 1, 1],
      ['AlarmCleared', 1, 2],
      ['AlarmRaised', 2, 3],
    ])
  })

  it('all that stand: one more is not raised, and counted', () => {
    const { alarms, told, limits, observe } = create()
    for (let n = 0; n <= alarmStreamsMax; n++) observe(n, `q${n}`, 'active')
    expect([Object.keys(alarms.byKey).length, told.length, limits.length]).toEqual([alarmStreamsMax, alarmStreamsMax, 1])
  })

  it('keeps so many episodes, those that stand and the newest, and stays under 20 KB', () => {
    const { alarms, observe } = create()
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 20; n++) {
        observe(round * 100 + 2 * n, `q${n}`, 'active')
        observe(round * 100 + 2 * n + 1, `q${n}`, 'inactive')
      }
    }
    const kept = Object.values(alarms.byKey).flatMap(({ episodes }) => episodes)
    expect(kept).toHaveLength(episodesPerDeviceMax)
    expect(new Set(kept.map(({ episode }) => episode))).toEqual(new Set([5]))
    expect(new Packr({ useRecords: false }).pack(alarms).length).toBeLessThan(20_000)
  })
})
