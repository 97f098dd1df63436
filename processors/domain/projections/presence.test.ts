import { describe, expect, it } from 'vitest'
import type { DeviceEvent, PresenceBody } from '../../../model/event.ts'
import { arrivalMs, createBench, deviceId, type EventWords, eventOf, readingsOf, tickOf } from '../../../test/stage-fakes.ts'
import { hash32 } from '../hash.ts'
import { judgedPerTickMax, onlinePerShardMax, onlineShards } from './presence.ts'

const told = (atSeconds: number, state: PresenceBody['state'], sessionId: string | null = null, words: EventWords = {}): DeviceEvent =>
  eventOf({ receivedAtMs: arrivalMs + atSeconds * 1_000, bodies: [{ kind: 'Presence', state, sessionId, reason: null }], ...words })

const spoke = (atSeconds: number, words: EventWords = {}): DeviceEvent =>
  eventOf({ receivedAtMs: arrivalMs + atSeconds * 1_000, bodies: [readingsOf(1)], ...words })

/** Ticks every 5 s, the last included. */
const ticks = (
  fromSeconds: number,
  toSeconds: number,
  instance: string,
  startedAtSeconds: number,
  brokerConnected = true,
): DeviceEvent[] => {
  const all: DeviceEvent[] = []
  for (let at = fromSeconds; at <= toSeconds; at += 5) {
    all.push(tickOf(arrivalMs + at * 1_000, { instance, instanceStartedAtMs: arrivalMs + startedAtSeconds * 1_000, brokerConnected }))
  }
  return all
}

const rowsOf = async (...events: DeviceEvent[]): Promise<unknown[]> => {
  const bench = createBench()
  bench.append(...events)
  await bench.run(4)
  return bench.rowsOf('presence').map((row) => [(Number(row['observed_at']) - arrivalMs) / 1_000, row['state'], row['reason']])
}

describe('presence', () => {
  it('is written when it changes, by arrival: a will carries the time of its connect', async () => {
    const claim = { observedAtMs: arrivalMs }
    expect(
      await rowsOf(told(0, 'online', null, claim), told(5, 'online', null, claim), told(9, 'offline', null, claim), told(10, 'online')),
    ).toEqual([
      [0, 'online', null],
      [9, 'offline', null],
      [10, 'online', null],
    ])
  })

  it('ignores a will of an older session, and writes a new session', async () => {
    expect(await rowsOf(told(0, 'online', 's1'), told(5, 'online', 's2'), told(6, 'offline', 's1'), told(9, 'offline', 's2'))).toEqual([
      [0, 'online', null],
      [5, 'online', null],
      [9, 'offline', null],
    ])
  })

  it('is filled by a stored copy only where absent or older', async () => {
    const copy = (claimed: number | null) => ({
      source: { storedCopy: true },
      observedAtMs: claimed === null ? null : arrivalMs + claimed * 1_000,
    })
    expect(await rowsOf(told(9, 'online', null, copy(2)))).toEqual([[2, 'online', null]])
    expect(await rowsOf(told(5, 'offline'), told(9, 'online', null, copy(5)), told(9, 'online', null, copy(null)))).toEqual([
      [5, 'offline', null],
    ])
    expect(await rowsOf(told(5, 'offline'), told(9, 'online', null, copy(6)))).toEqual([
      [5, 'offline', null],
      [6, 'online', null],
    ])
  })

  it('is unknown for who was online and stays silent through 150 s of healthy ticks of a new front door', async () => {
    const other = { device: '00-00-00-00-00-02', source: { topic: 'other' } }
    const before = [...ticks(0, 5, 'front-1', 0), told(1, 'online'), told(1, 'online', null, other)]
    const restarted = ticks(100, 245, 'front-2', 98)
    expect((await rowsOf(...before, ...restarted, spoke(246, other))).length).toBe(2)
    expect(
      await rowsOf(...before, ...restarted.slice(0, 3), spoke(112, other), ...restarted.slice(3), ...ticks(250, 250, 'front-2', 98)),
    ).toEqual([
      [1, 'online', null],
      [1, 'online', null],
      [250, 'unknown', 'front-door-restart'],
    ])
  })

  it('is online again once it speaks', async () => {
    const events = [...ticks(0, 5, 'front-1', 0), told(1, 'online'), ...ticks(100, 250, 'front-1', 98), spoke(260), spoke(261)]
    expect((await rowsOf(...events)).slice(1)).toEqual([
      [250, 'unknown', 'front-door-restart'],
      [260, 'online', 'spoke'],
    ])
  })

  it('is unknown after the broker was away for 150 s, and online again with its next message', async () => {
    const events = [...ticks(0, 5, 'front-1', 0), told(1, 'online'), ...ticks(10, 400, 'front-1', 0, false), spoke(401)]
    expect(await rowsOf(...events)).toEqual([
      [1, 'online', null],
      [175, 'unknown', 'front-door-away'],
      [401, 'online', 'spoke'],
    ])
  })

  it('is left alone while ticks are missing, and when another front door only joins', async () => {
    const before = [...ticks(0, 5, 'front-1', 0), told(1, 'online')]
    expect(
      await rowsOf(...before, ...[100, 120, 140, 160, 180, 200, 220, 240, 260, 280].flatMap((at) => ticks(at, at, 'front-2', 98))),
    ).toHaveLength(1)
    const both = [...ticks(10, 400, 'front-1', 0), ...ticks(12, 402, 'front-2', 11)].sort((a, b) => a.receivedAtMs - b.receivedAtMs)
    expect(await rowsOf(...before, ...both)).toHaveLength(1)
  })

  it('judges a large fleet over several ticks', async () => {
    const devices = Array.from({ length: judgedPerTickMax * 2 }, (_, n) =>
      told(1, 'online', null, { device: `device-${n}`, source: { topic: `t${n}` } }),
    )
    const bench = createBench()
    bench.append(...ticks(0, 0, 'front-1', 0), ...devices, ...ticks(100, 250, 'front-2', 98))
    await bench.run()
    const unknowns = () => bench.rowsOf('presence').filter((row) => row['state'] === 'unknown').length
    const first = unknowns()
    expect(first).toBeGreaterThanOrEqual(judgedPerTickMax)
    expect(first).toBeLessThan(devices.length)
    bench.append(...ticks(255, 265, 'front-2', 98))
    await bench.run()
    expect(unknowns()).toBe(devices.length)
  })

  it('indexes 2,000 online devices a shard; one beyond is online all the same, and counted', async () => {
    const bench = createBench()
    for (let n = 0, found = 0; found <= onlinePerShardMax; n++) {
      if (hash32(`device-${n}`) % onlineShards !== 0) continue
      found++
      bench.append(told(1, 'online', null, { device: `device-${n}` }))
    }
    await bench.run()
    expect(bench.rowsOf('presence')).toHaveLength(onlinePerShardMax + 1)
    expect(bench.counts['online-per-shard']).toBe(1)
  })

  it('after the clock was set back, what comes later in the log is newer; only re-driven events are history', async () => {
    const year = 365 * 86_400
    const bench = createBench()
    bench.append(told(year, 'online'), told(1, 'offline'), told(2, 'offline'), told(3, 'online'))
    bench.append(told(1, 'offline', null, { source: { redriveOf: '0:3' } }))
    await bench.run(1)
    expect(bench.rowsOf('presence').map((row) => [(Number(row['received_at']) - arrivalMs) / 1_000, row['state']])).toEqual([
      [year, 'online'],
      [1, 'offline'],
      [3, 'online'],
      [1, 'offline'],
    ])
    expect(bench.store.get('device-events', 0, `core:${deviceId}`)).toMatchObject({
      presence: { state: 'online', atMs: arrivalMs + 3_000 },
    })
  })

  it('is judged after a restart of the front door though its clock was a year ahead before', async () => {
    const year = 365 * 86_400
    const before = [...ticks(year, year + 5, 'front-1', year), told(year + 1, 'online')]
    expect((await rowsOf(...before, ...ticks(100, 250, 'front-2', 98))).slice(1)).toEqual([[250, 'unknown', 'front-door-restart']])
    expect((await rowsOf(...before, ...ticks(100, 250, 'front-2', 98), spoke(251))).slice(2)).toEqual([[251, 'online', 'spoke']])
  })
})
