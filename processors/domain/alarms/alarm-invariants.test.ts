/** The 14 invariants of the alarm decider (alarms: section 14.5), each over generated lives of a stream. */
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  alarmType,
  by,
  dayMs,
  eventOnlyPolicy,
  eventsOf,
  evidenceOf,
  type GeneratedLife,
  lifeArbitrary,
  liveThrough,
  type Moment,
  minuteMs,
  observeOf,
  policyOf,
  startMs,
  tick,
  unknownOf,
} from '../../../test/alarm-fakes.ts'
import { type AlarmEvent, type AlarmEventKind, type AlarmEventOf, isForLog } from '../../../model/alarm-event.ts'
import { type AlarmCommand, severities, severityRank } from '../../../model/alarm.ts'
import { createAlarmDecider, evolveAlarm, nextDueMs } from './alarm-decider.ts'
import { aheadMsMax, purgeAfterMs, shelveMsMax, staleEventAfterMsDefault } from './alarm-limits.ts'
import { type AlarmState, initialAlarmState, isLive } from './alarm-state.ts'
import { alarmDeciderOf, checkInventory } from './alarm-types.ts'
import { packAlarm, unpackAlarm } from './packed-state.ts'
import { unsuppressOrphans } from './suppression.ts'
import { availabilityOf, ietfAlarmOf, perceivedSeverityOf } from './views.ts'

const ofKind = <K extends AlarmEventKind>(events: readonly AlarmEvent[], kind: K): AlarmEventOf<K>[] =>
  events.filter((event): event is AlarmEventOf<K> => event.kind === kind)

const eventsAt = ({ answer }: Moment): readonly AlarmEvent[] => (answer.ok ? answer.value : [])

const holds = (claim: (life: GeneratedLife) => void, lives = lifeArbitrary(), numRuns = 200): void =>
  fc.assert(fc.property(lives, claim), { numRuns })

const commandsOf = ({ moments }: GeneratedLife): AlarmCommand[] => moments.map(({ command }) => command)

/** Every object in it: a decision that changed what it was given throws. */
const frozen = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) frozen(inner)
  }
  return value
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('the lives that are generated', () => {
  it('reach every event and most refusals, so that the claims below are about something', () => {
    const kinds = new Set<string>()
    const codes = new Set<string>()
    holds(
      (life) => {
        for (const { kind } of eventsOf(life)) kinds.add(kind)
        for (const { answer } of life.moments) if (!answer.ok) codes.add(answer.reason.code)
      },
      lifeArbitrary({}, 120),
      1_500,
    )
    expect([...kinds].sort()).toEqual(
      [
        'AckWithdrawn',
        'Acknowledged',
        'AlarmAmended',
        'AlarmCleared',
        'AlarmRaised',
        'AlarmRetracted',
        'Assigned',
        'ClearDelayAbandoned',
        'ClearDelayStarted',
        'Closed',
        'CommandNoted',
        'Commented',
        'ConditionKnown',
        'ConditionUnknown',
        'Correlated',
        'EpisodeFoundLate',
        'Escalated',
        'EvidenceUpdated',
        'FlappingStarted',
        'FlappingStopped',
        'ObservationCounted',
        'Purged',
        'RaiseDelayAbandoned',
        'RaiseDelayStarted',
        'SeverityChanged',
        'Shelved',
        'Suppressed',
        'Uncorrelated',
        'Unshelved',
        'Unsuppressed',
      ].sort(),
    )
    expect([...codes].sort()).toEqual(
      ['CLEARS_BY_ITSELF', 'EPISODE_STALE', 'EPISODE_UNKNOWN', 'NOT_PURGEABLE', 'REASON_MISSING', 'SHELF_END_INVALID'].sort(),
    )
  })
})

describe('1: episodes', () => {
  it('raises and clears alternate, an episode is the last one plus 1, none is raised twice', () => {
    holds((life) => {
      let open = 0
      let episode = 0
      for (const event of eventsOf(life)) {
        if (event.kind === 'AlarmRaised') {
          expect(open).toBe(0)
          expect(event.episode).toBe(++episode)
          open = 1
        }
        if (event.kind === 'AlarmCleared') {
          expect(open).toBe(1)
          expect(event.episode).toBe(episode)
          open = 0
        }
      }
    })
  })

  it('no episode ends before it began, none begins before the last one ended', () => {
    holds((life) => {
      let lastMs = 0
      for (const event of eventsOf(life)) {
        const edgeMs = event.kind === 'AlarmRaised' ? event.raisedAtMs : event.kind === 'AlarmCleared' ? event.clearedAtMs : lastMs
        expect(edgeMs).toBeGreaterThanOrEqual(lastMs)
        lastMs = edgeMs
      }
    })
  })
})

describe('2: replay', () => {
  it('the same commands decide the same to the byte, without clock, without random, on states that may not be changed', () => {
    const forbidden = (): never => {
      throw new Error('read from outside')
    }
    holds((life) => {
      const { policy } = life
      vi.spyOn(Date, 'now').mockImplementation(forbidden)
      vi.spyOn(Math, 'random').mockImplementation(forbidden)
      const decider = createAlarmDecider(policy)
      let state = frozen(decider.initialState)
      for (const { command, answer, after } of life.moments) {
        // As it comes from a store: no identity is shared with the first run.
        const again = decider.decide(state, frozen(JSON.parse(JSON.stringify(command)) as AlarmCommand))
        expect(JSON.stringify(again)).toBe(JSON.stringify(answer))
        state = frozen(JSON.parse(JSON.stringify(again.ok ? again.value.reduce(decider.evolve, state) : state)) as AlarmState)
        expect(JSON.stringify(state)).toBe(JSON.stringify(after))
      }
      vi.restoreAllMocks()
    })
  })

  it('replay of the events gives the same state', () => {
    holds((life) => {
      const stored = JSON.parse(JSON.stringify(eventsOf(life))) as AlarmEvent[]
      expect(stored.reduce(evolveAlarm, initialAlarmState)).toEqual(life.moments.at(-1)?.after)
    })
  })

  it('a step is what decide and evolve make together, and a stored state is the same state', () => {
    holds(({ policy, moments }) => {
      const decider = createAlarmDecider(policy)
      for (const { before, command, answer, after } of moments) {
        expect(decider.step(before, command)).toEqual(answer.ok ? { ok: true, value: { state: after, events: answer.value } } : answer)
        expect(unpackAlarm(JSON.parse(JSON.stringify(packAlarm(after))) as ReturnType<typeof packAlarm>)).toEqual(after)
      }
    })
  })

  it('events of the log are numbered without a hole', () => {
    holds((life) => {
      const numbers = eventsOf(life)
        .filter(isForLog)
        .map(({ version }) => version)
      expect(numbers).toEqual(numbers.map((_, at) => at + 1))
    })
  })
})

describe('3: what was applied is not applied again', () => {
  const idOf = (command: AlarmCommand): string | null => {
    if ('commandId' in command) return command.commandId
    return 'sourceEventId' in command ? command.sourceEventId : null
  }

  it('a repeat of an applied observation, command or late finding makes no event', () => {
    holds((life) => {
      const applied = new Set<string>()
      for (const moment of life.moments) {
        const id = idOf(moment.command)
        if (id === null) continue
        if (applied.has(id)) expect(eventsAt(moment)).toEqual([])
        if (eventsAt(moment).length > 0) applied.add(id)
      }
    })
  })

  it('a command for another episode than the present one is refused and changes nothing', () => {
    holds(({ moments }) => {
      for (const { before, command, answer, after } of moments) {
        if (!('expectedEpisode' in command) || command.expectedEpisode === before.episode) continue
        if (answer.ok) expect(answer.value).toEqual([])
        else expect(answer.reason.code).toBe('EPISODE_STALE')
        expect(after).toBe(before)
      }
    })
  })
})

describe('4: late and future', () => {
  const placedMs = ({ observedAtMs, atMs }: { observedAtMs: number; atMs: number }) =>
    observedAtMs > atMs + aheadMsMax ? atMs : observedAtMs

  it('an observation older than what the stream or its device has seen changes nothing', () => {
    holds(({ moments }) => {
      for (const { before, command, answer, after } of moments) {
        if (command.kind !== 'Observe' && command.kind !== 'ObserveUnknown') continue
        const seenMs = Math.max(before.lastObservedAtMs ?? 0, command.watermarkMs ?? 0)
        if (placedMs(command) >= seenMs) continue
        expect(answer).toEqual({ ok: true, value: [] })
        expect(after).toBe(before)
      }
    })
  })

  it('a time more than 5 minutes ahead is cut back to ours and says so', () => {
    holds(({ moments }) => {
      for (const moment of moments) {
        const { command } = moment
        if (command.kind !== 'Observe' && command.kind !== 'ObserveUnknown') continue
        for (const event of eventsAt(moment)) {
          if (!('clamped' in event) || event.sourceEventId === null) continue
          expect(event.observedAtMs).toBe(placedMs(command))
          expect(event.clamped).toBe(command.observedAtMs > command.atMs + aheadMsMax)
        }
      }
    })
  })

  it('late findings annotate: the live regions stay as they are', () => {
    holds(({ moments }) => {
      for (const { before, command, after } of moments) {
        if (command.kind !== 'FindEpisodeLate' && command.kind !== 'Amend' && command.kind !== 'Retract') continue
        const { version, late, episodesFoundLate } = after
        expect(after).toEqual({ ...before, version, late, episodesFoundLate })
      }
    })
  })
})

describe('5: severity', () => {
  it('is never "cleared", and a clear keeps the last one', () => {
    holds((life) => {
      let last: string | null = null
      for (const event of eventsOf(life)) {
        if ('severity' in event && event.severity !== null) expect(severities).toContain(event.severity)
        if (event.kind === 'AlarmRaised') last = event.severity
        if (event.kind === 'SeverityChanged') {
          expect(event.from).toBe(last)
          last = event.to
        }
        if (event.kind === 'AlarmCleared') expect(event.severity).toBe(last)
      }
      expect(life.moments.at(-1)?.after.last?.severity ?? null).toBe(last)
    })
  })
})

describe('6: acknowledgement', () => {
  it('acknowledging, closing and taking back never change the condition', () => {
    holds(({ moments }) => {
      for (const { before, command, after } of moments) {
        if (!['Acknowledge', 'Unacknowledge', 'Close', 'Comment', 'Assign'].includes(command.kind)) continue
        expect(after.condition).toBe(before.condition)
      }
    })
  })

  it('a new raise and a severity that rises withdraw it, one that falls does not', () => {
    holds(({ moments }) => {
      for (const moment of moments) {
        const events = eventsAt(moment)
        const rises = ofKind(events, 'SeverityChanged').some(({ from, to }) => severityRank[to] > severityRank[from])
        const falls = ofKind(events, 'SeverityChanged').length > 0 && !rises
        const raises = ofKind(events, 'AlarmRaised').length > 0
        if (rises || raises) expect(moment.after.operator.is).toBe('none')
        if (falls && !raises) expect(moment.after.operator).toEqual(moment.before.operator)
      }
    })
  })

  it('after a tick, no alarm stands critical, active and acknowledged for more than 8 hours', () => {
    holds(({ moments }) => {
      for (const { command, after } of moments) {
        if (command.kind !== 'TimerFired' || after.last?.severity !== 'critical' || after.condition.is !== 'active') continue
        const { is, sinceMs } = after.operator
        if (is === 'ack' && sinceMs !== null) expect(command.atMs - sinceMs).toBeLessThanOrEqual(8 * 60 * minuteMs)
      }
    })
  })
})

describe('7: manual clear', () => {
  it('is granted only where nothing clears by itself, or with force', () => {
    holds(({ policy, moments }) => {
      for (const moment of moments) {
        const { command } = moment
        const manual = ofKind(eventsAt(moment), 'AlarmCleared').filter(({ cause }) => cause === 'manual')
        if (manual.length > 0) expect(command.kind === 'ClearManually' && (command.force || !policy.type.willClear)).toBe(true)
      }
    })
  })

  it('the next active observation raises the next episode', () => {
    holds(
      (life) => {
        const { state } = liveThrough(life.policy, commandsOf(life))
        const atMs = 400 * dayMs
        const cleared = liveThrough(
          life.policy,
          [{ ...by(atMs, state.episode), kind: 'ClearManually', reason: 'seen', force: true }],
          state,
        )
        if (state.episode === 0) return
        expect(isLive(cleared.state)).toBe(false)
        const next = liveThrough(life.policy, [observeOf('active', atMs + 1)], cleared.state)
        expect(ofKind(next.events, 'AlarmRaised')).toMatchObject([{ episode: state.episode + 1 }])
      },
      lifeArbitrary({ onDelayMs: 0 }),
    )
  })
})

describe('8: quiet streams', () => {
  it('record the same raises and clears as if nobody had shelved, suppressed or grouped them', () => {
    const quieting = ['Shelve', 'Unshelve', 'Suppress', 'Unsuppress', 'Correlate', 'Uncorrelate']
    const edges = (events: readonly AlarmEvent[]) =>
      events.flatMap((event) => {
        if (event.kind === 'AlarmRaised') return [`${event.episode} up ${event.raisedAtMs}`]
        return event.kind === 'AlarmCleared' ? [`${event.episode} down ${event.clearedAtMs} ${event.cause}`] : []
      })
    holds((life) => {
      const all = commandsOf(life)
      const loud = all.filter(({ kind }) => !quieting.includes(kind))
      expect(edges(liveThrough(life.policy, all).events)).toEqual(edges(liveThrough(life.policy, loud).events))
    })
  })
})

describe('9: shelves and suppression end', () => {
  it('every shelf has a reason and an end within 7 days, or ends with the clear', () => {
    holds(({ moments }) => {
      for (const moment of moments) {
        for (const { untilMs, oneShot, reason, atMs } of ofKind(eventsAt(moment), 'Shelved')) {
          expect(reason.trim()).not.toBe('')
          expect(oneShot).toBe(untilMs === null)
          if (untilMs !== null) expect(untilMs - atMs).toSatisfy((length: number) => length > 0 && length <= shelveMsMax)
        }
        if (ofKind(eventsAt(moment), 'AlarmCleared').length > 0) expect(moment.after.shelf.is).not.toBe('oneShot')
      }
    })
  })

  it('after a tick, nothing that was due is left: no shelf, no window, no delay, no flapping', () => {
    holds(({ moments }) => {
      for (const { command, after } of moments) {
        if (command.kind !== 'TimerFired') continue
        const dueMs = nextDueMs(after)
        if (dueMs !== null) expect(dueMs).toBeGreaterThan(command.atMs)
      }
    })
  })

  it('no alarm is held down by one that was cleared, one tick later', () => {
    fc.assert(
      fc.property(lifeArbitrary(), lifeArbitrary(), (cause, held) => {
        const root = liveThrough(cause.policy, commandsOf(cause)).state
        const suppressor = { kind: 'alarm', by: `root:${root.episode}`, untilMs: null } as const
        const atMs = startMs + 400 * dayMs
        const before = liveThrough(held.policy, [...commandsOf(held), { kind: 'Suppress', suppressor, reason: 'offline', atMs }]).state
        // Other suppressors of the generated life are not known to anybody: orphans too.
        const isStanding = (id: string) => id === suppressor.by && isLive(root)
        const commands = unsuppressOrphans([['held', before]], isStanding, atMs).map(({ command }) => command)
        const after = liveThrough(held.policy, commands, before).state
        const alarms = after.suppressedBy.filter(({ kind }) => kind === 'alarm').map(({ by: id }) => id)
        expect(alarms).toEqual(isLive(root) ? [suppressor.by] : [])
      }),
      { numRuns: 200 },
    )
  })
})

describe('10: unknown', () => {
  it('is neither up nor down, and no time ends it: only an observation, a person or the inventory does', () => {
    const enders = ['Observe', 'ClearManually', 'RetireRule', 'RetireResource']
    holds(({ moments }) => {
      for (const { before, command, after } of moments) {
        if (before.condition.is !== 'unknown') continue
        expect(availabilityOf(before)).toBe('unknown')
        if (after.condition.is !== 'unknown') expect(enders).toContain(command.kind)
      }
    })
  })

  it('stands 31 days later, shown as still active with the word beside it, until the inventory retires the device', () => {
    const policy = policyOf()
    const { state, events } = liveThrough(policy, [observeOf('active', 0), unknownOf(minuteMs), tick(31 * dayMs)])
    expect(ofKind(events, 'AlarmCleared')).toEqual([])
    expect(state.condition).toEqual({ is: 'unknown', was: 'active', sinceMs: startMs + minuteMs })
    expect(perceivedSeverityOf(state)).toBe('MAJOR')
    const key = { resource: 'r', type: 't', qualifier: '' }
    expect(ietfAlarmOf({ stream: 's', key, type: policy.type, state })).toMatchObject({ 'is-cleared': false })
    const retired = liveThrough(policy, [{ kind: 'RetireResource', atMs: startMs + 32 * dayMs }], state)
    expect(ofKind(retired.events, 'AlarmCleared')).toMatchObject([{ cause: 'resourceRetired', clearedAtMs: startMs + 32 * dayMs }])
  })
})

describe('11: the inventory', () => {
  const textArbitrary = fc.constantFrom('', ' ', 'said')
  it('an entry needs cause, action, runbook and severities; a type outside of it has no decider', () => {
    fc.assert(
      fc.property(textArbitrary, textArbitrary, textArbitrary, fc.subarray([...severities]), (cause, action, runbook, given) => {
        const checked = checkInventory([alarmType({ cause, action, runbook, severities: given })])
        const isWhole = [cause, action, runbook].every((text) => text === 'said') && given.length > 0
        expect(checked.ok).toBe(isWhole)
        if (!checked.ok) return
        const delays = { onDelayMs: 0, offDelayMs: 0 }
        expect(alarmDeciderOf(checked.value, 'radio.rsrp-poor', delays).ok).toBe(true)
        expect(alarmDeciderOf(checked.value, 'radio.unheard-of', delays)).toEqual({
          ok: false,
          reason: { code: 'ALARM_TYPE_UNKNOWN', detail: 'Expected a type of the inventory, got radio.unheard-of' },
        })
      }),
    )
  })

  it('a severity that is not of the type is refused', () => {
    const policy = policyOf({ type: alarmType({ severities: ['warning'] }) })
    expect(liveThrough(policy, [observeOf('active', 0)])).toMatchObject({ events: [], refusals: [{ code: 'SEVERITY_NOT_OF_TYPE' }] })
  })
})

describe('12: event-only types', () => {
  const lives = lifeArbitrary(eventOnlyPolicy)

  it('clear by themselves only for want of a repeat, a day after the last one', () => {
    holds((life) => {
      let lastMs = 0
      let raisedAtMs = 0
      for (const event of eventsOf(life)) {
        if (event.kind === 'AlarmRaised') raisedAtMs = event.raisedAtMs
        const isRepeat = event.kind === 'AlarmRaised' || event.kind === 'EvidenceUpdated' || event.kind === 'SeverityChanged'
        if (isRepeat || (event.kind === 'ObservationCounted' && event.verdict === 'active')) lastMs = event.observedAtMs
        if (event.kind !== 'AlarmCleared') continue
        expect(['staleEvent', 'manual', 'ruleRetired', 'resourceRetired']).toContain(event.cause)
        if (event.cause === 'staleEvent') expect(event.clearedAtMs).toBe(Math.max(raisedAtMs, lastMs + staleEventAfterMsDefault))
      }
    }, lives)
  })

  it('a repeat within the day is evidence, not an episode', () => {
    holds(({ moments }) => {
      for (const { before, command, answer, after } of moments) {
        if (command.kind !== 'Observe' || !isLive(before) || before.condition.is !== 'active' || !answer.ok) continue
        const { staleAt } = before.condition
        if (staleAt === null || command.observedAtMs >= staleAt.eventMs || command.verdict !== 'active') continue
        expect(after.episode).toBe(before.episode)
        const occurrences = before.last?.occurrences ?? 0
        if (answer.value.length > 0) expect(after.last?.occurrences).toBe(occurrences + 1)
      }
    }, lives)
  })

  it('are never unknown', () => {
    holds(({ moments }) => {
      for (const { after } of moments) expect(after.condition.is).not.toBe('unknown')
    }, lives)
  })
})

describe('13: purge', () => {
  it('only of an alarm that was handled and is cleared for longer than the retention; it changes nothing else', () => {
    holds(
      ({ moments }) => {
        for (const moment of moments) {
          const { before, after } = moment
          for (const { atMs } of ofKind(eventsAt(moment), 'Purged')) {
            expect(isLive(before)).toBe(false)
            expect(before.operator.is).not.toBe('none')
            expect(atMs - (before.last?.clearedAtMs ?? atMs)).toBeGreaterThanOrEqual(purgeAfterMs)
            expect(after).toEqual({ ...before, purged: true, version: before.version + 1 })
          }
        }
      },
      lifeArbitrary({}, 120),
    )
  })
})

describe('14: a new version of the rule', () => {
  it('speaks in new events only: what was decided before stands word for word', () => {
    holds(
      ({ policy, moments }) => {
        const decider = createAlarmDecider(policy)
        for (const moment of moments) {
          const { before, command, after } = moment
          if (command.kind !== 'Observe' && command.kind !== 'ObserveUnknown') continue
          for (const event of eventsAt(moment)) {
            if (!('sourceEventId' in event)) continue
            // A deadline that ran out is of the version that had started it.
            expect(event.ruleVersion).toBe(event.sourceEventId === null ? before.ruleVersion : command.ruleVersion)
          }
          const edited = decider.decide(after, { ...command, ruleVersion: 9 })
          expect(edited).toEqual({ ok: true, value: [] }) // The same observation, told by another version: it was judged.
        }
      },
      lifeArbitrary({}, 40),
    )
  })
})

it('no command throws, and a refusal says why', () => {
  holds(({ moments }) => {
    for (const { answer } of moments) if (!answer.ok) expect(answer.reason.detail).toMatch(/^Expected .+/)
  })
})

it('evidence names its records', () => {
  const { events } = liveThrough(policyOf(), [observeOf('active', 0, { evidence: evidenceOf(7) })])
  expect(events).toMatchObject([{ kind: 'AlarmRaised', evidence: { topic: 'device-events', firstOffset: 7, lastOffset: 7 } }])
})
