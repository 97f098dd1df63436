/** What holds for every world: the same seed gives the same bytes, seq has no holes, late uploads are what was sampled, wills fit. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { faultKinds, faultNames } from './fault-kinds/catalogue.ts'
import { type Plan, truthLine } from './plan-types.ts'
import type { WorldEvent } from './outbound.ts'
import { eventsOf, oneFault, planOf, saidIn, startMs, truthOf } from './world-kit.ts'

const line = ({ kind, atMs, topic, payload, retain, dup, sessionId }: WorldEvent): string =>
  JSON.stringify([kind, atMs, topic, payload, retain, dup, sessionId])
const shipped = (name: string): string => readFileSync(join(import.meta.dirname, `../scenarios/${name}.yaml`), 'utf8')
const hashOf = (lines: readonly string[]): string => {
  const hash = createHash('sha256')
  for (const text of lines) hash.update(text).update('\n')
  return hash.digest('hex')
}

/** Several faults of every room on a small fleet. */
const busyScenario = (kinds: readonly string[]): string => `
name: many
duration: 3h
network: { masts: 4 }
telemetry: { interval: 2m }
fleet:
  sites: 3
  groups:
    - { name: a, count: 3, model: dwr/921-b1, activity: home, backup: 0.5, no_clock: 0.5, night_off: 0.3 }
    - { name: b, count: 2, model: edge/gw-60, class: critical, activity: machine }
    - { name: c, count: 1, model: van/m-12, activity: vehicle }
background: { reboots_per_day: 4, link_losses_per_day: 12, new_sessions_per_day: 12, log_lines_per_hour: 12 }
faults:
${kinds.map((kind, index) => `  - { id: f${index}, kind: ${kind}, at: ${10 + index * 7}m${faultKinds[kind as 'hang'].lasts === 'span' && kind !== 'never_connects' ? ', for: 40m' : ''}, who: ${faultKinds[kind as 'hang'].target === 'cell' ? '{ cell: busiest }' : '{ share: 0.6 }'}${needed[kind] ?? ''} }`).join('\n')}
`
const needed: Record<string, string> = {
  firmware_update: ', with: { version: 9.1.0 }',
  log_line: ', with: { text: strange }',
  apn_change: ', with: { apn: x.example }',
  traffic: ', with: { factor: 9 }',
  device_moved: ', with: { site: site-2 }',
  clock_drift: ', with: { per_million: -900 }',
  clock_offset: ', with: { by: -1h }',
}
const someKinds = fc.subarray(
  faultNames.filter((name) => name !== 'never_connects'),
  { minLength: 1, maxLength: 6 },
)

describe('a world', () => {
  it('is the same, byte for byte, for the same seed and scenario, and another for another seed', () => {
    const all = (seed: number): string => hashOf(eventsOf(planOf(busyScenario(['late_upload', 'reboot_loop', 'wan_down']), seed)).map(line))
    expect(all(5)).toBe(all(5))
    expect(all(6)).not.toBe(all(5))
  })

  it('is the same on every machine and in every release', () => {
    const plan = planOf(shipped('crash-at-0310'), 1, Date.parse('2026-01-04T23:30:00Z'))
    expect(hashOf([...plan.truth.map(truthLine), ...eventsOf(plan).map(line)])).toMatchInlineSnapshot(
      `"7a883183d296ebf33e914fc17ac3aca0ad9a1b456bf613ae0d99e5bb7edb9900"`,
    )
  })

  it('is made in parts as it is made whole', () => {
    const yaml = busyScenario(['cell_outage', 'duplicates', 'power_cut'])
    const sorted = (lines: string[]): string[] => lines.sort()
    const parts = [0, 1, 2].flatMap((index) => eventsOf(planOf(yaml), { index, of: 3 }).map(line))
    expect(sorted(parts)).toEqual(sorted(eventsOf(planOf(yaml)).map(line)))
  })

  const planted = (name: string, check: (plan: Plan) => string[], kinds = someKinds) =>
    it(name, () => {
      fc.assert(
        fc.property(kinds, fc.integer({ min: 1, max: 1000 }), (chosen, seed) => {
          expect(check(planOf(busyScenario(chosen), seed))).toEqual([])
        }),
        { numRuns: 15 },
      )
    }, 30_000)

  planted('comes in the order of time, whatever is planted', (plan) => {
    let lastMs = 0
    return eventsOf(plan).flatMap(({ atMs, kind }) => {
      const beforeMs = lastMs
      lastMs = atMs
      return atMs < beforeMs ? [`${kind} at ${atMs} after ${beforeMs}`] : []
    })
  })

  planted(
    'counts seq from 1 without holes in each boot, however late, shuffled or twice messages come',
    (plan) => {
      const seen = new Map<string, Map<number, string>>()
      const wrong: string[] = []
      for (const { kind, bootId, seq, dup, payload, deviceIndex } of eventsOf(plan)) {
        if (kind !== 'message') continue
        const id = `${deviceIndex} ${bootId}`
        const known = seen.get(id) ?? new Map<number, string>()
        seen.set(id, known)
        const first = known.get(seq)
        if (dup ? first !== payload : first !== undefined) wrong.push(`${id} ${seq} ${dup ? 'again, but other' : 'twice'}`)
        known.set(seq, payload)
      }
      for (const [id, known] of seen) {
        // What a device had not sent at the end is missing; a status may have overtaken it.
        const kept = [...known.keys()].filter((seq) => !known.has(seq + 1)).length
        if (kept > 2) wrong.push(`${id} has ${kept - 1} holes`)
      }
      return wrong
    },
    someKinds.filter((kinds) => !kinds.includes('identity_conflict')),
  )

  planted(
    'sends online first on each connection, one will per lost session, and nothing of a device while it has no connection',
    (plan) => {
      const state = new Map<number, { connected: boolean; session: string; told: boolean }>()
      const wrong: string[] = []
      for (const { kind, deviceIndex, sessionId, topic, payload, atMs } of eventsOf(plan)) {
        const known = state.get(deviceIndex) ?? { connected: false, session: '', told: false }
        state.set(deviceIndex, known)
        const complain = (what: string): void => void wrong.push(`device ${deviceIndex} at ${atMs}: ${what}`)
        if (kind !== 'connect' && sessionId !== known.session) complain(`${kind} of session ${sessionId} in ${known.session}`)
        if (kind === 'connect') Object.assign(known, { connected: true, session: sessionId, told: false })
        else if (kind === 'lost' || kind === 'disconnect') known.connected = false
        else if (kind === 'will') {
          if (payload !== `{"state":"offline","sessionId":"${sessionId}","reason":"connection lost"}`) complain(payload)
        } else {
          if (!known.connected) complain(`${topic} without connection`)
          if (!known.told && !topic.endsWith('/status')) complain(`${topic} before online`)
          known.told = true
        }
      }
      return wrong
    },
  )
})

describe('a late upload', () => {
  it('keeps ts and seq of what was sampled, also shuffled and partly twice', () => {
    const run = (rest: string) => {
      const plan = planOf(oneFault('late_upload', rest, { duration: '3h' }))
      const { fromMs, toMs, devices } = truthOf(plan, 'tested-fault')
      const said = saidIn(plan, eventsOf(plan)).filter(({ device, kind }) => kind === 'message' && device === devices[0]?.mac)
      return { fromMs, toMs, said, late: said.filter(({ ts, atMs }) => ts >= fromMs && ts < toMs && atMs >= toMs) }
    }
    const plain = run('at: 30m, for: 2h')
    expect(plain.late.length).toBeGreaterThan(600)
    for (const [index, { seq, ts }] of plain.late.entries()) {
      const before = plain.late[index - 1]
      if (before === undefined) continue
      expect(seq).toBe(before.seq + 1)
      expect(ts).toBeGreaterThanOrEqual(before.ts - 1_000)
    }
    const wild = run('at: 30m, for: 2h, with: { shuffled: true, duplicates: 0.2 }')
    const inOrder = wild.late.filter(({ dup }) => !dup).sort((a, b) => a.seq - b.seq)
    expect(inOrder.map(({ ts, topic, seq }) => [ts, topic, seq])).toEqual(plain.late.map(({ ts, topic, seq }) => [ts, topic, seq]))
    expect(wild.late.map(({ seq }) => seq)).not.toEqual(plain.late.map(({ seq }) => seq))
    expect(wild.late.filter(({ dup }) => dup).length / plain.late.length).toBeGreaterThan(0.1)
  })

  it('that a lost link cuts short goes on later with what had not left, and nothing is lost or twice', () => {
    const late = oneFault('late_upload', 'at: 30m, for: 2h', { duration: '4h' })
    const yaml = `${late}  - { id: cut, kind: link_loss, at: 150m2s, for: 20m, who: { group: tested }, with: { spread: 0s } }\nconnection: { upload_per_second: 10 }`
    const plan = planOf(yaml)
    const { fromMs, toMs, devices } = truthOf(plan, 'tested-fault')
    const said = saidIn(plan, eventsOf(plan)).filter(({ device, kind }) => kind === 'message' && device === devices[0]?.mac)
    const kept = said.filter(({ ts, topic }) => ts >= fromMs && ts < toMs && topic !== 'status')
    expect(kept.filter(({ atMs }) => atMs < toMs + 3_000).length).toBeGreaterThan(10)
    expect(kept.filter(({ atMs }) => atMs >= toMs + 3_000 && atMs < toMs + 20 * 60_000)).toEqual([])
    expect(kept.filter(({ atMs }) => atMs > toMs + 20 * 60_000).length).toBeGreaterThan(500)
    expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_, index) => (kept[0]?.seq ?? 0) + index))
  })

  it('of more than a device can keep loses the oldest and leaves a gap', () => {
    const yaml = `${oneFault('late_upload', 'at: 30m, for: 2h', { duration: '3h' })}\nconnection: { buffer_messages_max: 100 }`
    const plan = planOf(yaml)
    const { fromMs, toMs, devices } = truthOf(plan, 'tested-fault')
    const late = saidIn(plan, eventsOf(plan)).filter(
      ({ device, ts, atMs }) => device === devices[0]?.mac && ts >= fromMs && ts < toMs && atMs >= toMs,
    )
    expect(late).toHaveLength(100)
    expect(late[0]?.ts).toBeGreaterThan(toMs - 20 * 60_000)
  })
})

describe('the crash at 03:10', () => {
  it('is told in the order in which it happened, by messages that came two hours late', () => {
    const plan = planOf(shipped('crash-at-0310'), 1, Date.parse('2026-01-04T23:30:00Z'))
    const at = (clock: string): number => Date.parse(`2026-01-05T${clock}+01:00`)
    const said = saidIn(plan, eventsOf(plan)).filter(({ device }) => device === '02-f2-00-00-00-03')
    const find = (topic: string, pattern: RegExp) =>
      said.find((one) => one.topic === topic && pattern.test(one.payload) && one.ts > at('02:50:00'))
    const story = {
      will: said.find(({ kind }) => kind === 'will')?.atMs,
      firmware: find('system/firmware', /"3\.02\.0","previous":"3\.01\.7"/),
      failover: find('network/wan', /"active":"eth1"/),
      oom: find('log/dmesg', /Out of memory: Killed process/),
      boot: find('system/boot', /"reason":"watchdog"/),
    }
    expect(story.will).toBeGreaterThan(at('02:57:00'))
    expect(story.will).toBeLessThan(at('02:58:31'))
    expect(story.firmware?.ts).toBe(at('02:58:00'))
    expect(story.failover?.ts).toBe(at('03:04:00'))
    expect(story.oom?.ts).toBeGreaterThan(at('03:08:00'))
    expect(story.boot?.ts).toBeGreaterThan(at('03:10:00'))
    expect(story.boot?.ts).toBeLessThan(at('03:11:00'))
    for (const one of [story.firmware, story.failover, story.oom, story.boot]) {
      expect(one?.atMs).toBeGreaterThan(at('05:10:00'))
      expect(one?.atMs).toBeLessThan(at('05:11:30'))
    }
    expect(said.filter(({ atMs }) => atMs > at('02:59:00') && atMs < at('05:10:00'))).toEqual([])
  })
})

it('truth and start are told in UTC', () => {
  const plan = planOf(oneFault('reboot', 'at: 1h'))
  expect(JSON.parse(truthLine(truthOf(plan, 'tested-fault')))).toMatchObject({ id: 'tested-fault', kind: 'reboot', origin: 'planted', from: new Date(startMs + 3_600_000).toISOString(), to: new Date(startMs + 3_600_000).toISOString(), devices: plan.devices.filter(({ group }) => group === 'tested').map(({ mac }) => mac), parameters: { reason: 'unknown', times: 1 } }) // biome-ignore format: one record
})
