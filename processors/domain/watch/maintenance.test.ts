import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MaintenanceWindowBody } from '../../../model/event.ts'
import { readSelector, selectorCharsMax, windowsMax } from '../../../model/maintenance.ts'
import { profileOf, initialWatched } from './watched.ts'
import { activeWindows, holdingMax, markOf, nextBeginMs, noteWindow, openWindows, overKeptMax, type WindowsInForce } from './maintenance.ts'

const startMs = Date.UTC(2025, 2, 1)
const hourMs = 3_600_000
const window = (changes: Partial<MaintenanceWindowBody> = {}): MaintenanceWindowBody => ({
  kind: 'MaintenanceWindow',
  id: 'w1',
  version: 1,
  changeId: 'c1',
  selector: '{"site":["depot-*"]}',
  fromMs: startMs + hourMs,
  toMs: startMs + 2 * hourMs,
  reason: 'works',
  withdrawn: false,
  ...changes,
})
const device = (site: string) => ({ ...profileOf('00-11-22-33-44-55', initialWatched().profile), site })
const noted = (...bodies: MaintenanceWindowBody[]): WindowsInForce => {
  const windows = openWindows(null)
  for (const body of bodies) noteWindow(windows, body, startMs)
  return windows
}

describe('maintenance windows', () => {
  it('hold from their beginning to just before their end, for devices that fit', () => {
    const windows = noted(window())
    const active = (site: string, atMs: number) => activeWindows(windows, device(site), startMs + atMs)
    expect(active('depot-1', hourMs - 1)).toEqual([])
    expect(active('depot-1', hourMs)).toEqual([{ id: 'w1', untilMs: startMs + 2 * hourMs, reason: 'works' }])
    expect(active('depot-1', 2 * hourMs - 1)).toHaveLength(1)
    expect(active('depot-1', 2 * hourMs)).toEqual([])
    expect(active('office', hourMs)).toEqual([])
  })

  it('tell when the next one begins', () => {
    const windows = noted(window(), window({ id: 'w2', fromMs: startMs + 5 * hourMs, toMs: startMs + 6 * hourMs }))
    expect(nextBeginMs(windows, device('depot-1'), startMs)).toBe(startMs + hourMs)
    expect(nextBeginMs(windows, device('depot-1'), startMs + hourMs)).toBe(startMs + 5 * hourMs)
    expect(nextBeginMs(windows, device('office'), startMs)).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('end with the telling that withdraws them, and an older one does not bring them back', () => {
    const windows = noted(window(), window({ version: 2, withdrawn: true }))
    expect(activeWindows(windows, device('depot-1'), startMs + hourMs)).toEqual([])
    expect(noteWindow(windows, window(), startMs)).toBe('older')
    expect(noteWindow(windows, window({ version: 2, withdrawn: true }), startMs)).toBe('older')
    expect(activeWindows(windows, device('depot-1'), startMs + hourMs)).toEqual([])
  })

  it('come out the same in whatever order two changes of one window arrive', () => {
    const telling = fc.record({
      version: fc.integer({ min: 1, max: 3 }),
      changeId: fc.constantFrom('a', 'b', 'c'),
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(telling, { selector: ({ version, changeId }) => `${version} ${changeId}` }),
        fc.infiniteStream(fc.nat()),
        (tellings, order) => {
          const bodies = tellings.map(({ version, changeId }) => window({ version, changeId, reason: `${version} ${changeId}` }))
          const ranks = new Map(bodies.map((body) => [body, order.next().value as number]))
          const shuffled = [...bodies].sort((one, other) => (ranks.get(one) ?? 0) - (ranks.get(other) ?? 0))
          expect(noted(...shuffled).stored).toEqual(noted(...bodies).stored)
        },
      ),
    )
  })

  it(`are ${String(windowsMax)} at most that are not over; one that is known can still be changed, and one that is over makes room`, () => {
    const windows = noted(...Array.from({ length: windowsMax }, (_, n) => window({ id: `w${String(n)}` })))
    expect(noteWindow(windows, window({ id: 'more' }), startMs)).toBe('full')
    expect(noteWindow(windows, window({ id: 'w7', version: 2, withdrawn: true }), startMs)).toBe('noted')
    expect(noteWindow(windows, window({ id: 'more' }), startMs)).toBe('noted')
  })

  it('are forgotten a day after their end', () => {
    const windows = noted(window())
    const nextMs = startMs + 2 * hourMs + 24 * hourMs
    noteWindow(windows, window({ id: 'w2', toMs: nextMs + hourMs }), nextMs - 1)
    expect(windows.stored?.windows.map(({ window: { id } }) => id)).toEqual(['w1', 'w2'])
    noteWindow(windows, window({ id: 'w3', toMs: nextMs + hourMs }), nextMs)
    expect(windows.stored?.windows.map(({ window: { id } }) => id)).toEqual(['w2', 'w3'])
  })

  it(`that are over are ${String(overKeptMax)} at most, the ones that were over last`, () => {
    const windows = openWindows(null)
    for (let n = 0; n <= overKeptMax + 1; n++) {
      noteWindow(windows, window({ id: `w${String(n)}` }), startMs + n)
      noteWindow(windows, window({ id: `w${String(n)}`, version: 2, withdrawn: true }), startMs + n)
    }
    const ids = windows.stored?.windows.map(({ window: { id } }) => id) ?? []
    expect([ids.length, ids[0], ids.at(-1)]).toEqual([overKeptMax + 1, 'w1', `w${String(overKeptMax + 1)}`])
  })

  it('withdrawn long before their beginning are forgotten a day after that', () => {
    const windows = noted(window({ fromMs: startMs + 999 * hourMs, toMs: startMs + 1000 * hourMs }))
    noteWindow(windows, window({ version: 2, withdrawn: true, fromMs: startMs + 999 * hourMs, toMs: startMs + 1000 * hourMs }), startMs)
    noteWindow(windows, window({ id: 'w2', toMs: startMs + 99 * hourMs }), startMs + 24 * hourMs)
    expect(windows.stored?.windows.map(({ window: { id } }) => id)).toEqual(['w2'])
  })

  it(`hold a device by ${String(holdingMax)} at most, those that end last`, () => {
    const windows = noted(
      ...Array.from({ length: holdingMax + 2 }, (_, n) => window({ id: `w${String(n)}`, toMs: startMs + (2 + n) * hourMs })),
    )
    expect(activeWindows(windows, device('depot-1'), startMs + hourMs).map(({ id }) => id)).toEqual(['w5', 'w4', 'w3', 'w2'])
  })

  it('are asked anew after a change, and of what the device is now', () => {
    const windows = noted(window())
    const active = (site: string) => activeWindows(windows, device(site), startMs + hourMs).length
    expect([active('depot-1'), active('office')]).toEqual([1, 0])
    noteWindow(windows, window({ version: 2, selector: '{"site":["office"]}' }), startMs)
    expect([active('depot-1'), active('office')]).toEqual([0, 1])
  })

  it('leave a mark that differs when another one holds, or its end is put off', () => {
    expect(markOf([])).toBe('')
    const one = { id: 'w1', untilMs: 1, reason: '' }
    expect(new Set([[one], [{ ...one, untilMs: 2 }], [one, { ...one, id: 'w2' }]].map(markOf)).size).toBe(3)
  })
})

describe('what a maintenance window selects', () => {
  it('is kept as the fields that were given', () => {
    const read = readSelector({ site: 'depot-*', class: ['home', 'business'] })
    expect(read.ok && read.value.text).toBe('{"class":["home","business"],"site":["depot-*"]}')
  })

  it.each([
    [{}, 'expected at least one of device, site'],
    [{ group: ['a'] }, 'devices have no groups yet'],
    [{ sites: ['a'] }, 'sites: expected one of class, model, site'],
    [{ site: [] }, 'site: expected a list of 1 to 200'],
    [{ site: [7] }, 'site.0: expected a text'],
    ['depot', 'expected a mapping of'],
    [
      { device: Array.from({ length: 200 }, (_, n) => `${'x'.repeat(100)}${String(n)}`) },
      `expected at most ${String(selectorCharsMax)} characters`,
    ],
  ])('%j is refused: %s', (given, reason) => {
    const read = readSelector(given)
    expect(read.ok ? '' : read.reason).toContain(reason)
  })
})
