import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSeenIds, generationMs } from './seen-ids.ts'

const idOf = (n: number): Uint8Array => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setUint32(0, n, true)
  new DataView(bytes.buffer).setUint32(8, Math.imul(n, 2654435761) >>> 0, true)
  return bytes
}
const noon = Date.UTC(2026, 0, 1, 12)

describe('seen ids', () => {
  it('knows an id for 24 hours and has forgotten it after 32', () => {
    const start = Math.floor(noon / generationMs) * generationMs
    const seen = createSeenIds()
    expect(seen.seen(idOf(1), start)).toBe(false)
    expect(seen.seen(idOf(1), start + 4 * generationMs - 1)).toBe(true)
    expect(seen.seen(idOf(1), start + 4 * generationMs)).toBe(false)
    seen.seen(idOf(2), start + generationMs * 5 - 1)
    expect(seen.seen(idOf(2), start + generationMs * 5 - 1 + 86_400_000)).toBe(true)
  })

  it('holds at most its maximum, drops the oldest and says from when on it remembers', () => {
    const seen = createSeenIds(80)
    for (let n = 0; n < 80; n++) seen.seen(idOf(n), noon + n)
    expect({ size: seen.size(), forgotten: seen.state().forgottenBeforeMs }).toEqual({ size: 80, forgotten: 0 })
    seen.seen(idOf(80), noon + 80)
    expect({ size: seen.size(), forgotten: seen.state().forgottenBeforeMs }).toEqual({ size: 71, forgotten: noon + 10 })
    expect(seen.seen(idOf(79), noon + 81)).toBe(true)
    expect(seen.seen(idOf(5), noon + 82)).toBe(false)
  })

  it('takes an id of zeros', () => {
    const seen = createSeenIds()
    expect([seen.seen(new Uint8Array(16), noon), seen.seen(new Uint8Array(16), noon)]).toEqual([false, true])
  })

  it('finds each of 100,000 ids again', () => {
    const seen = createSeenIds()
    for (let n = 0; n < 100_000; n++) if (seen.seen(idOf(n), noon)) throw new Error(`${n} came never before`)
    for (let n = 0; n < 100_000; n++) if (!seen.seen(idOf(n), noon)) throw new Error(`lost ${n}`)
  })

  it('answers the same after it was rebuilt from its segments, wherever batches were cut', () => {
    const calls = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: generationMs })), { maxLength: 80 })
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 4, max: 40 }), (steps, cutEvery, idsMax) => {
        const whole = createSeenIds(idsMax)
        let cut = createSeenIds(idsMax)
        const stored: { atMs: number; bytes: Uint8Array }[] = []
        let now = noon
        for (const [index, [n, laterMs]] of steps.entries()) {
          now += laterMs
          expect(cut.seen(idOf(n), now)).toBe(whole.seen(idOf(n), now))
          if (index % cutEvery !== 0) continue
          const bytes = cut.takeSegment()
          if (bytes !== null) stored.push({ atMs: now, bytes })
          const before = cut.dropBeforeMs()
          const state = cut.state()
          cut = createSeenIds(idsMax)
          cut.load(
            state,
            stored.filter(({ atMs }) => atMs >= before).map((segment) => segment.bytes),
          )
        }
        expect(cut.size()).toBe(whole.size())
      }),
    )
  })
})
