import { describe, expect, it } from 'vitest'
import { createOverlay, type StageState } from '../state.ts'
import { enterDue, initialDue, slotMs, takeDue } from './due-list.ts'

const startMs = Date.UTC(2026, 0, 5, 12)
const create = () => {
  const states = new Map<string, StageState>()
  const open = () => createOverlay((key) => structuredClone(states.get(key)))
  let overlay = open()
  const bounds = initialDue()
  return {
    bounds,
    states,
    enter: (id: string, dueMs: number) => enterDue(overlay, bounds, id, dueMs),
    take: (nowMs: number) => takeDue(overlay, bounds, nowMs).map(({ id }) => id),
    /** As a batch ends. */
    store: () => {
      for (const [key, state] of overlay.changed()) {
        if (state === null) states.delete(key)
        else states.set(key, structuredClone(state))
      }
      overlay = open()
    },
  }
}

describe('the due list', () => {
  it('gives each entry to the first tick at or after its time, once, and leaves nothing in the store', () => {
    const list = create()
    list.enter('b', startMs + 1)
    list.enter('a', startMs + slotMs)
    list.enter('c', startMs + slotMs + 1)
    list.store()
    expect(list.take(startMs)).toEqual([])
    expect(list.take(startMs + slotMs - 1)).toEqual([])
    expect(list.take(startMs + slotMs)).toEqual(['a', 'b'])
    list.store()
    expect(list.take(startMs + slotMs)).toEqual([])
    expect(list.take(startMs + 2 * slotMs)).toEqual(['c'])
    list.store()
    expect([list.states.size, list.bounds.slots]).toEqual([0, []])
  })

  it('what is due in the past comes with the next tick', () => {
    const list = create()
    list.take(startMs)
    list.enter('a', startMs - 60_000)
    expect(list.take(startMs)).toEqual([])
    expect(list.take(startMs + slotMs)).toEqual(['a'])
  })

  it('a tick after days reads the slots that hold entries and no others', () => {
    const list = create()
    list.enter('a', startMs)
    list.enter('b', startMs + 60_000)
    list.store()
    expect(list.take(startMs + 30 * 86_400_000)).toEqual(['a', 'b'])
  })

  it('all are met again when the clock had been ahead and was set back', () => {
    const list = create()
    const aheadMs = startMs + 365 * 86_400_000
    list.take(aheadMs)
    list.enter('a', aheadMs + 60_000)
    expect(list.take(startMs)).toEqual(['a'])
    list.enter('a', startMs + 60_000)
    expect(list.take(startMs + 60_000)).toEqual(['a'])
  })
})
