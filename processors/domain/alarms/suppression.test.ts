import { describe, expect, it } from 'vitest'
import type { SystemCommand } from '../../../model/alarm.ts'
import { hourMs, liveThrough, observeOf, policyOf, startMs, tick } from '../../../test/alarm-fakes.ts'
import { suppressorsMax } from './alarm-limits.ts'

const raised = liveThrough(policyOf(), [observeOf('active', 0)]).state
const suppress = (by: string, untilMs: number | null = null): SystemCommand => ({
  kind: 'Suppress',
  suppressor: { kind: untilMs === null ? 'alarm' : 'maintenance', by, untilMs: untilMs === null ? null : startMs + untilMs },
  reason: 'device offline',
  atMs: startMs + 1,
})

describe('suppression', () => {
  it('says by what and why, once for each cause, and ends with each', () => {
    const { events, state } = liveThrough(policyOf(), [suppress('offline:1'), suppress('offline:1'), suppress('modem:4')], raised)
    const suppressor = { kind: 'alarm', by: 'offline:1', untilMs: null }
    expect(events).toMatchObject([
      { kind: 'Suppressed', suppressor, reason: 'device offline', episode: 1 },
      { kind: 'Suppressed', suppressor: { by: 'modem:4' } },
    ])
    const ended = liveThrough(policyOf(), [{ kind: 'Unsuppress', by: 'offline:1', atMs: startMs + 2 }], state)
    expect(ended.events).toMatchObject([{ kind: 'Unsuppressed', by: 'offline:1', cause: 'ended' }])
    expect(ended.state.suppressedBy.map(({ by }) => by)).toEqual(['modem:4'])
  })

  it('by a maintenance window ends with the window, to the millisecond', () => {
    const held = liveThrough(policyOf(), [suppress('window-7', hourMs)], raised).state
    expect(liveThrough(policyOf(), [tick(hourMs - 1)], held).events).toEqual([])
    expect(liveThrough(policyOf(), [tick(hourMs)], held).events).toMatchObject([{ kind: 'Unsuppressed', by: 'window-7', cause: 'expired' }])
  })

  it('a window that is prolonged lasts longer, one that is over is not begun', () => {
    const { state } = liveThrough(
      policyOf(),
      [suppress('window-7', hourMs), suppress('window-7', 2 * hourMs), suppress('window-8', 1)],
      raised,
    )
    expect(state.suppressedBy).toEqual([{ kind: 'maintenance', by: 'window-7', untilMs: startMs + 2 * hourMs }])
  })

  it('has at most 16 causes; one more is refused and the stream stays held by those', () => {
    const many = Array.from({ length: suppressorsMax + 1 }, (_, at) => suppress(`alarm:${at}`))
    const { state, refusals } = liveThrough(policyOf(), many, raised)
    expect(state.suppressedBy).toHaveLength(suppressorsMax)
    expect(refusals).toMatchObject([{ code: 'SUPPRESSORS_TOO_MANY' }])
  })
})
