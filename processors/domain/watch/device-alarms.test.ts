import { Packr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import type { Evidence, Observe } from '../../../model/alarm.ts'
import { profileOf, shippedRules } from '../../../test/rule-kit.ts'
import type { Span } from '../alarms/late-findings.ts'
import { createRuleBook } from '../rules/compile.ts'
import { type AlarmsState, alarmStreamsMax, initialAlarms, openAlarms, type Told } from './device-alarms.ts'
import { episodesPerDeviceMax, episodesPerStreamMax } from './kept-episodes.ts'

const rules = createRuleBook(shippedRules()).forDevice(profileOf())
const startMs = Date.UTC(2026, 0, 5, 12)
const minuteMs = 60_000
const dayMs = 86_400_000
const staleDay = { onDelayMs: 0, offDelayMs: 0, staleAfterMs: dayMs }
const evidence: Evidence = {
  topic: 'device-events',
  partition: 0,
  firstOffset: 1,
  lastOffset: 1,
  values: [],
  raiseLevel: null,
  clearLevel: null,
}
const none = { onDelayMs: 0, offDelayMs: 0 }
/** What happened within a day of what had happened is part of it. */
const spansOf = (times: readonly number[]): Span[] => {
  const spans: Span[] = []
  for (const atMs of [...times].sort((one, other) => one - other)) {
    const last = spans.at(-1)
    if (last !== undefined && atMs < (last.endMs ?? 0)) last.endMs = atMs + dayMs
    else spans.push({ raisedAtMs: atMs, endMs: atMs + dayMs, severity: 'major' })
  }
  return spans
}

const create = () => {
  const alarms: AlarmsState = initialAlarms('dwr/311-a1/00-11-22-33-44-55')
  const told: Told[] = []
  const limits: string[] = []
  const crashes: number[] = []
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
  /** A crash of that minute, told at another; live ones are told at their own. */
  const crash = (minute: number, toldAtMinute = minute): void => {
    const raisedAtMs = startMs + minute * minuteMs
    const atMs = startMs + toldAtMinute * minuteMs
    const open = at(atMs)
    const finding = { sourceEventId: `device-events:0:${minute}`, severity: 'major', atMs, ruleVersion: 1 } as const
    const observation = { kind: 'Observe', verdict: 'active', observedAtMs: raisedAtMs, watermarkMs: null, evidence: null } as const
    crashes.push(raisedAtMs)
    const spans = spansOf(crashes)
    const stretch = { fromMs: spans[0]?.raisedAtMs ?? 0, toMs: null, spans, nowMs: atMs, onDelayMs: 0, endsBy: 'lack' } as const
    const found = { kind: 'Rejudge', reason: 'told late', ...stretch, evidence } as const
    open.observe({ type: 'device.crash', qualifier: '' }, { ...finding, ...(toldAtMinute === minute ? observation : found) }, staleDay)
    open.close()
  }
  /** The newest rows of the episodes that stand, as amended. */
  const episodes = () => {
    const rows = new Map(told.flatMap(({ episode }) => (episode === null ? [] : [[episode.row.id, episode.row] as const])))
    return [...rows.values()].filter(({ retracted }) => !retracted).map(({ foundLate, amended }) => ({ foundLate, ...amended }))
  }
  return { alarms, told, limits, observe, crash, episodes }
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

describe('what is told late', () => {
  it('is one episode, however many events tell it and in whatever order they come', () => {
    const orders: [number[], string[]][] = [
      [
        [-180, -170, -160],
        ['EpisodeFoundLate', 'AlarmAmended', 'AlarmAmended'],
      ],
      [
        [-160, -180, -170],
        ['EpisodeFoundLate', 'AlarmAmended'],
      ],
    ]
    for (const [minutes, kinds] of orders) {
      const { crash, episodes, told } = create()
      for (const minute of [...minutes, ...minutes]) crash(minute, 0)
      expect(episodes()).toEqual([
        { foundLate: true, raisedAtMs: startMs - 180 * minuteMs, clearedAtMs: startMs - 160 * minuteMs + dayMs, severity: 'major' },
      ])
      expect(told.map(({ event }) => event.kind)).toEqual(kinds)
    }
  })

  it('never takes the place of the episode that stands: its end still has a row', () => {
    const { crash, episodes, alarms } = create()
    crash(100 * 24 * 60)
    for (let found = 1; found <= episodesPerStreamMax + 2; found++) crash((100 - 3 * found) * 24 * 60, 100 * 24 * 60 + found)
    expect(Object.values(alarms.byKey)[0]?.episodes).toHaveLength(episodesPerStreamMax)
    const open = openAlarms(alarms, {
      tenant: 'main',
      rules,
      typeOf: () => undefined,
      nowMs: startMs + 102 * dayMs,
      onTold: ({ episode }) => void (last = episode?.row.amended.clearedAtMs ?? null),
      onLimit: () => undefined,
    })
    let last: number | null = null
    open.fire()
    expect(episodes().length).toBeGreaterThan(episodesPerStreamMax)
    expect(last).not.toBe(null)
  })

  it('is the begin of the episode that stands', () => {
    const { crash, episodes, told } = create()
    crash(0)
    crash(-180, 1)
    expect(episodes()).toEqual([{ foundLate: false, raisedAtMs: startMs - 180 * minuteMs, clearedAtMs: null, severity: 'major' }])
    expect(told.map(({ event }) => event.kind)).toEqual(['AlarmRaised', 'AlarmAmended'])
  })

  it('is the begin of one that is raised while it lasts, not of one a day later', () => {
    const { crash, episodes, told } = create()
    crash(-180, -10)
    crash(0)
    expect(episodes()).toEqual([{ foundLate: false, raisedAtMs: startMs - 180 * minuteMs, clearedAtMs: null, severity: 'major' }])
    expect(told.map(({ event }) => event.kind)).toEqual(['EpisodeFoundLate', 'AlarmRaised', 'AlarmRetracted', 'AlarmAmended'])
    const later = create()
    later.crash(-25 * 60, -10)
    later.crash(0)
    expect(later.episodes()).toHaveLength(2)
  })
})
