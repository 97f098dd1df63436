import { expect, it } from 'vitest'
import { type FlatLine, initialStandstill, noteStandstill } from './flat-line.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** A reading each 5 minutes from 0 on. */
const found = (toMs: number, valueAt: (ms: number) => number): FlatLine[] => {
  const state = initialStandstill()
  const all: FlatLine[] = []
  for (let ms = 0; ms < toMs; ms += 5 * minuteMs) {
    const flat = noteStandstill(state, ms, valueAt(ms))
    if (flat !== null) all.push(flat)
  }
  return all
}
const noise = (ms: number): number => Math.sin(ms / 777_777)

it('two hours of one value are told once, where readings had always differed', () => {
  const sinceMs = 2 * dayMs
  const stuck = found(4 * dayMs, (ms) => (ms >= sinceMs && ms < 3 * dayMs ? 0.5 : noise(ms)))
  expect(stuck).toEqual([{ atMs: sinceMs + 2 * hourMs, sinceMs, value: 0.5, readings: 25 }])
})

it('a standstill of less than two hours, or within the first day, is none', () => {
  expect(found(4 * dayMs, (ms) => (ms >= 2 * dayMs && ms < 2 * dayMs + 2 * hourMs ? 0.5 : noise(ms)))).toEqual([])
  expect(found(4 * dayMs, (ms) => (ms >= dayMs - hourMs && ms < dayMs + 10 * hourMs ? 0.5 : noise(ms)))).toEqual([])
})

it('a constant, and a series that rests each night, never stand still too long', () => {
  expect(found(14 * dayMs, () => 42)).toEqual([])
  expect(found(14 * dayMs, (ms) => (ms % dayMs < 8 * hourMs || Math.floor(ms / dayMs) % 7 >= 5 ? 0 : noise(ms)))).toEqual([])
})

it('three times as long as ever before it takes where it has stood still before', () => {
  const rests = (ms: number): boolean => ms >= 1.5 * dayMs && ms < 1.5 * dayMs + hourMs
  const stuck = found(4 * dayMs, (ms) => (rests(ms) || ms >= 3 * dayMs ? 0.5 : noise(ms)))
  expect(stuck.map(({ atMs }) => atMs)).toEqual([3 * dayMs + 3 * hourMs])
})
