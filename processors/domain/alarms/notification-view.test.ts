import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import { type AlarmCommand, severityRank } from '../../../model/alarm.ts'
import {
  by,
  dayMs,
  eventOnlyPolicy,
  hourMs,
  lifeArbitrary,
  liveThrough,
  minuteMs,
  observeOf,
  policyOf,
  startMs,
  tick,
  unknownOf,
} from '../../../test/alarm-fakes.ts'
import type { AlarmPolicy } from './draft.ts'
import {
  afterEvent,
  afterTick,
  initialNotificationState,
  isQuiet,
  type Notification,
  type NotificationState,
  type NotifyPolicy,
  situationSettleMsDefault,
} from './notification-view.ts'

const business: NotifyPolicy = { class: 'business', notifies: true, situationSettleMs: situationSettleMsDefault }

/** What people get of these commands; ticks of the stage let time pass. */
const toldOf = (notify: NotifyPolicy, commands: readonly AlarmCommand[], policy: AlarmPolicy = policyOf()): Notification[] => {
  let view: NotificationState = initialNotificationState
  let { state } = liveThrough(policy, [])
  const told: Notification[] = []
  const take = (step: { state: NotificationState; notifications: readonly Notification[] }) => {
    view = step.state
    told.push(...step.notifications)
  }
  for (const command of commands) {
    const lived = liveThrough(policy, [command], state)
    state = lived.state
    for (const event of lived.events) take(afterEvent(notify, view, event))
    if (command.kind === 'TimerFired') take(afterTick(notify, view, command.atMs))
  }
  return told
}
const brief = (told: readonly Notification[]) =>
  told.map(({ kind, severity, atMs }) => `${kind} ${severity} ${(atMs - startMs) / minuteMs}`)

const raise = observeOf('active', 0)
const suppress: AlarmCommand = {
  kind: 'Suppress',
  suppressor: { kind: 'alarm', by: 'offline:1', untilMs: null },
  reason: 'offline',
  atMs: startMs + minuteMs,
}
const unsuppress = (atMs: number): AlarmCommand => ({ kind: 'Unsuppress', by: 'offline:1', atMs: startMs + atMs })
const symptom = (atMs: number): AlarmCommand => ({
  kind: 'Correlate',
  situation: 'cell:1',
  role: 'symptom',
  reason: 'same cell',
  atMs: startMs + atMs,
})

describe('a raise', () => {
  it('waits six minutes for the verdict of the fleet stage, to the millisecond', () => {
    expect(toldOf(business, [raise, tick(6 * minuteMs - 1)])).toEqual([])
    expect(toldOf(business, [raise, tick(6 * minuteMs)])).toEqual([
      { kind: 'raise', episode: 1, severity: 'major', atMs: startMs + 6 * minuteMs, pages: true, version: 1 },
    ])
  })

  it('of a critical device that is critically ill, of a group and of the platform waits for nothing', () => {
    const critical = observeOf('active', 0, { severity: 'critical' })
    expect(brief(toldOf({ ...business, class: 'critical' }, [critical]))).toEqual(['raise critical 0'])
    expect(brief(toldOf({ ...business, class: 'group' }, [raise]))).toEqual(['raise major 0'])
    expect(brief(toldOf({ ...business, class: 'platform' }, [raise]))).toEqual(['raise major 0'])
    expect(toldOf({ ...business, class: 'critical' }, [raise])).toEqual([])
    expect(toldOf(business, [critical])).toEqual([])
  })

  it('of a home device is never told, nor one of a rule that only records', () => {
    expect(toldOf({ ...business, class: 'home' }, [raise, tick(hourMs), observeOf('inactive', 2 * hourMs)])).toEqual([])
    expect(toldOf({ ...business, notifies: false }, [raise, tick(hourMs)])).toEqual([])
  })

  it('that is gone before it was told is never told, nor its clear', () => {
    expect(toldOf(business, [raise, observeOf('inactive', 5 * minuteMs), tick(hourMs)])).toEqual([])
  })

  it('that becomes critical on a critical device while it waits is told at once', () => {
    const worse = observeOf('active', minuteMs, { severity: 'critical' })
    expect(brief(toldOf({ ...business, class: 'critical' }, [raise, worse]))).toEqual(['raise critical 1'])
  })
})

describe('what was told', () => {
  const told = [raise, tick(6 * minuteMs)]

  it('is told over, also while the stream is quiet', () => {
    const cleared = [...told, suppress, symptom(7 * minuteMs), observeOf('inactive', 8 * minuteMs), tick(hourMs)]
    expect(brief(toldOf(business, cleared))).toEqual(['raise major 6', 'clear major 8'])
  })

  it('is told again when it becomes worse, not when it becomes better', () => {
    const severities = (['critical', 'minor', 'critical'] as const).map((severity, at) =>
      observeOf('active', (7 + at) * minuteMs, { severity }),
    )
    expect(brief(toldOf(business, [...told, ...severities]))).toEqual(['raise major 6', 'worse critical 7'])
  })

  it('goes out again when it stood critical and acknowledged for too long', () => {
    const critical = observeOf('active', 0, { severity: 'critical' })
    const commands = [
      critical,
      tick(6 * minuteMs),
      { ...by(6 * minuteMs), kind: 'Acknowledge' } as const,
      tick(6 * minuteMs + 8 * hourMs + 1),
    ]
    expect(toldOf(business, commands).map(({ kind }) => kind)).toEqual(['raise', 'again'])
  })

  it('is annotated by late evidence without a page; what was not told is not', () => {
    const late = { sourceEventId: 'x', reason: 'told late', ruleVersion: 1, atMs: startMs + dayMs }
    const amend: AlarmCommand = {
      kind: 'Amend',
      ...late,
      of: { episode: 1, foundLate: false },
      raisedAtMs: startMs - 1,
      clearedAtMs: null,
      severity: null,
    }
    const retract: AlarmCommand = { kind: 'Retract', ...late, of: { episode: 1, foundLate: false } }
    const found: AlarmCommand = {
      kind: 'FindEpisodeLate',
      ...late,
      raisedAtMs: startMs,
      clearedAtMs: startMs + 1,
      severity: 'critical',
      evidence: { topic: 'device-events', partition: 0, firstOffset: 0, lastOffset: 0, values: [], raiseLevel: null, clearLevel: null },
    }
    const both = toldOf(business, [...told, observeOf('inactive', 7 * minuteMs), amend, retract, found])
    expect(both.slice(2).map(({ kind, pages }) => [kind, pages])).toEqual([
      ['amend', false],
      ['amend', false],
    ])
    expect(toldOf(business, [raise, observeOf('inactive', minuteMs), amend, found, tick(2 * dayMs)])).toEqual([])
  })
})

describe('quiet', () => {
  it('a symptom is not told; one that turns out to be alone is, once', () => {
    const commands = [raise, symptom(5 * minuteMs), tick(hourMs)]
    expect(toldOf(business, commands)).toEqual([])
    const alone: AlarmCommand = { kind: 'Uncorrelate', situation: 'cell:1', atMs: startMs + 2 * hourMs }
    expect(brief(toldOf(business, [...commands, alone, tick(126 * minuteMs - 1), tick(126 * minuteMs)]))).toEqual(['raise major 126'])
  })

  it('what still stands six minutes after its suppressor is told once', () => {
    const ended = [raise, suppress, tick(hourMs), unsuppress(2 * hourMs), tick(126 * minuteMs - 1)]
    expect(toldOf(business, ended)).toEqual([])
    expect(brief(toldOf(business, [...ended, tick(126 * minuteMs), tick(3 * hourMs)]))).toEqual(['raise major 126'])
  })

  it('what goes with its suppressor a little later than it is never told', () => {
    const ended = [raise, suppress, unsuppress(2 * hourMs), observeOf('inactive', 2 * hourMs + 5 * minuteMs), tick(3 * hourMs)]
    expect(toldOf(business, ended)).toEqual([])
  })

  it('what only happened while its suppressor stood is explained; when it happens again and is worse, it is told', () => {
    const crash = eventOnlyPolicy
    const explained = [raise, suppress, unsuppress(2 * hourMs), tick(4 * hourMs)]
    expect(toldOf(business, explained, crash)).toEqual([])
    const worse = observeOf('active', 5 * hourMs, { severity: 'critical' })
    expect(brief(toldOf(business, [...explained, worse, tick(5 * hourMs + 6 * minuteMs)], crash))).toEqual(['raise critical 306'])
    const known = [raise, tick(6 * minuteMs), { ...suppress, atMs: startMs + hourMs }, unsuppress(2 * hourMs), tick(4 * hourMs)]
    expect(brief(toldOf(business, known, crash))).toEqual(['raise major 6'])
  })

  it('what still stands when its shelf ends is told once, also when it was told before', () => {
    const shelve: AlarmCommand = { ...by(7 * minuteMs), kind: 'Shelve', untilMs: startMs + hourMs, oneShot: false, reason: 'part ordered' }
    expect(brief(toldOf(business, [raise, tick(6 * minuteMs), shelve, tick(hourMs), tick(2 * hourMs)]))).toEqual([
      'raise major 6',
      'again major 60',
    ])
  })

  it('while flapping nothing new is told, but what stands when it ends is', () => {
    const edges = [0, 1, 2, 3, 4, 5, 6].map((minute, at) => observeOf(at % 2 === 0 ? 'active' : 'inactive', minute * minuteMs))
    expect(toldOf(business, [...edges, tick(20 * minuteMs)])).toEqual([])
    // The fifth of seven edges leaves the hour at 64 min.
    expect(brief(toldOf(business, [...edges, tick(64 * minuteMs)]))).toEqual(['raise major 64'])
  })

  it('what became unknown is told when it is known to stand', () => {
    const commands = [raise, unknownOf(minuteMs), tick(hourMs)]
    expect(toldOf(business, commands)).toEqual([])
    expect(brief(toldOf(business, [...commands, observeOf('active', 2 * hourMs)]))).toEqual(['raise major 120'])
  })
})

describe('over any life', () => {
  const play = (events: readonly AlarmEvent[], notify: NotifyPolicy) => {
    let view = initialNotificationState
    const steps: { before: NotificationState; after: NotificationState; told: readonly Notification[]; event: AlarmEvent }[] = []
    for (const event of events) {
      const step = afterEvent(notify, view, event)
      steps.push({ before: view, after: step.state, told: step.notifications, event })
      view = step.state
    }
    return steps
  }
  const lives = lifeArbitrary().map(({ moments }) => moments.flatMap(({ answer }) => (answer.ok ? [...answer.value] : [])))
  const policies = fc.record<NotifyPolicy>({
    class: fc.constantFrom('critical', 'business', 'group', 'platform'),
    notifies: fc.constant(true),
    situationSettleMs: fc.constantFrom(0, situationSettleMsDefault),
  })

  it('a raise and its clear are told at most once each, the clear only after the raise, and none twice by its id', () => {
    fc.assert(
      fc.property(lives, policies, (events, notify) => {
        const told = play(events, notify).flatMap((step) => [...step.told])
        const ids = told.map(({ kind, version }) => `${kind} ${version}`)
        expect(new Set(ids).size).toBe(ids.length)
        const raised = new Set<number>()
        const cleared = new Set<number>()
        for (const { kind, episode } of told) {
          if (kind === 'raise') expect(raised.has(episode)).toBe(false)
          else expect(raised.has(episode)).toBe(true)
          if (kind === 'clear') expect(cleared.has(episode)).toBe(false)
          if (kind === 'raise') raised.add(episode)
          if (kind === 'clear') cleared.add(episode)
        }
        // Nobody is left with an open incident of an alarm that is over.
        const over = new Set(events.flatMap((event) => (event.kind === 'AlarmCleared' ? [event.episode] : [])))
        for (const episode of raised) expect(cleared.has(episode)).toBe(over.has(episode))
      }),
      { numRuns: 200 },
    )
  })

  it('a quiet stream tells nothing but the end of what was told, and annotations', () => {
    fc.assert(
      fc.property(lives, policies, (events, notify) => {
        for (const { after, told } of play(events, notify)) {
          if (!isQuiet(after)) continue
          for (const { kind } of told) expect(['clear', 'amend']).toContain(kind)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('without a fleet stage to wait for, what stands and is not quiet has been told, as bad as it is', () => {
    fc.assert(
      fc.property(lives, (events) => {
        const last = play(events, { class: 'group', notifies: true, situationSettleMs: 0 }).at(-1)?.after
        if (last?.live === null || last === undefined || isQuiet(last) || last.live.explained === true) return
        expect(last.told).toMatchObject({ episode: last.live.episode })
        expect(severityRank[last.told?.severity ?? 'indeterminate']).toBeGreaterThanOrEqual(severityRank[last.live.severity])
      }),
      { numRuns: 200 },
    )
  })
})
