/**
 * Devices by the time at which a tick has something to say to them, so that a tick looks at those and at no others. Ids stand in
 * slots of 5 s, each in 8 parts, so that one change rewrites a short list. An entry is a reminder, not the deadline: whoever is
 * met early is entered again, and an entry that is not the device's newest is passed over. So a message, which puts a deadline
 * off, changes no list.
 */
import { hash32 } from '../hash.ts'
import type { Overlay } from '../state.ts'
import type { DueBounds } from './due-state.ts'

export const slotMs = 5_000
export const dueParts = 8
/** No entry lies further ahead. Also the least deadline of silence. */
export const horizonMs = 5 * 60_000
/** A stage's time that falls back by more (the recorder's clock had been ahead) makes the list begin anew. */
const slotsBackMax = horizonMs / slotMs

export const initialDue = (): DueBounds => ({ from: 0, slots: [] })

/** The slot in which it stands now: the first that ends at `dueMs` or later and is not passed yet. */
export const enterDue = (overlay: Overlay, bounds: DueBounds, id: string, dueMs: number): number => {
  const slot = Math.max(Math.ceil(dueMs / slotMs), bounds.from)
  overlay.open('due', partOf(slot, id), () => ({ kind: 'due', ids: [] })).ids.push(id)
  const { slots } = bounds
  let at = slots.length
  while (at > 0 && (slots[at - 1] ?? 0) > slot) at--
  if (slots[at - 1] !== slot) slots.splice(at, 0, slot)
  return slot
}

/** Everybody who has an entry, in the order of ids; who was met early stands in several slots. */
export const everyoneDue = (overlay: Overlay, bounds: DueBounds): string[] => {
  const ids = new Set<string>()
  for (const slot of bounds.slots)
    for (let part = 0; part < dueParts; part++) for (const id of overlay.look('due', `${slot}.${part}`)?.ids ?? []) ids.add(id)
  return [...ids].sort()
}

/** Takes out what is due by now, slot by slot, each in the order of ids. */
export const takeDue = (overlay: Overlay, bounds: DueBounds, nowMs: number): { slot: number; id: string }[] => {
  const nowSlot = Math.floor(nowMs / slotMs)
  const isSetBack = nowSlot + 1 + slotsBackMax < bounds.from
  const due: { slot: number; id: string }[] = []
  while (bounds.slots.length > 0 && (isSetBack || (bounds.slots[0] ?? 0) <= nowSlot)) {
    const slot = bounds.slots.shift() ?? 0
    const ids: string[] = []
    for (let part = 0; part < dueParts; part++) ids.push(...(overlay.take('due', `${slot}.${part}`)?.ids ?? []))
    for (const id of ids.sort()) due.push({ slot, id })
  }
  bounds.from = isSetBack ? nowSlot + 1 : Math.max(bounds.from, nowSlot + 1)
  return due
}

const partOf = (slot: number, id: string): string => `${slot}.${hash32(id) % dueParts}`
