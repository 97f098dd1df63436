/** Everything that a scenario's fleet sends is understood by the front door, but for what `bad_payload` cuts on purpose. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { worldInventory } from '../agent/world/inventory.ts'
import { oneFault, planOf } from '../agent/world/world-kit.ts'
import { messagesOf } from '../agent/world/world.ts'
import { classOf } from '../processors/domain/log-classes.ts'
import { headerProblem, parseInventoryRow } from '../ingest/domain/inventory.ts'
import { parseMessage } from '../ingest/domain/parse-message.ts'
import { mapOf, pseudonym, shippedTopics } from './parse-kit.ts'

const topicMap = mapOf(shippedTopics())
const read = (topic: string, payload: string, receivedAtMs: number) =>
  parseMessage(topic, Buffer.from(payload), { topicMap, receivedAtMs, pseudonym })
const expectedKinds: Record<string, string> = { 'hardware/lte': 'Radio', 'hardware/nr': 'Radio', 'network/interfaces': 'Counters', 'system/boot': 'Boot', status: 'Presence', 'log/syslog': 'LogLines', 'log/dmesg': 'LogLines', 'system/info': 'Facts', 'network/wan': 'Facts', 'modem/status': 'Facts', 'hardware/loadavg': 'Measurements', 'network/probe': 'Measurements' } // biome-ignore format: one table

const everything = `
name: everything
duration: 8h
network: { masts: 9 }
fleet:
  sites: 4
  groups:
    - { name: lte, count: 8, model: dwr/961-c1, class: business, backup: 0.5, no_clock: 0.3 }
    - { name: nsa, count: 3, model: edge/gw-40 }
    - { name: sa, count: 3, model: edge/gw-60 }
    - { name: vans, count: 2, model: van/m-12, activity: vehicle }
telemetry: { interval: 2m }
background: { reboots_per_day: 6, link_losses_per_day: 6, log_lines_per_hour: 10 }
faults:
  - { id: a1, kind: kernel_panic, at: 20m, who: { group: lte } }
  - { id: a2, kind: memory_leak, at: 40m, for: 1h, who: { group: lte }, with: { ends: reboot } }
  - { id: a3, kind: flash_error, at: 1h, who: { group: lte }, with: { read_only: true } }
  - { id: a4, kind: kernel_stall, at: 70m, who: { group: lte } }
  - { id: a5, kind: kernel_oops, at: 75m, who: { group: lte } }
  - { id: a6, kind: modem_lost, at: 2h, for: 5m, who: { group: lte } }
  - { id: a7, kind: usb_errors, at: 130m, who: { group: lte } }
  - { id: a8, kind: conntrack_full, at: 2h30m, who: { group: lte } }
  - { id: a9, kind: process_crashloop, at: 3h, who: { group: lte } }
  - { id: b1, kind: login_bruteforce, at: 4h, who: { group: lte } }
  - { id: b2, kind: temperature_high, at: 4h, for: 30m, who: { group: lte }, with: { critical: true } }
  - { id: b3, kind: tx_timeout, at: 5h, who: { group: lte } }
  - { id: b4, kind: rat_fallback, at: 3h, for: 1h, who: { all: true } }
  - { id: b5, kind: sim_lost, at: 5h, for: 10m, who: { all: true } }
  - { id: b6, kind: registration, at: 5h30m, for: 10m, who: { all: true } }
  - { id: b7, kind: roaming, at: 6h, for: 10m, who: { all: true } }
  - { id: b8, kind: clock_offset, at: 6h30m, for: 20m, who: { group: nsa }, with: { by: 3h } }
  - { id: b9, kind: identity_conflict, at: 7h, for: 10m, who: { group: nsa } }
  - { id: c1, kind: cell_outage, at: 7h, for: 20m, who: { cell: busiest } }
  - { id: c2, kind: late_upload, at: 7h, for: 30m, who: { group: sa }, with: { duplicates: 0.2, shuffled: true } }
`

describe('messages of a scenario', () => {
  it('are each understood as what they are, with time, boot and number', () => {
    const plan = planOf(everything)
    const classes = new Set<string>()
    const notes = new Set<string>()
    let count = 0
    for (const { topic, payload, kind, bootId, seq, atMs, deviceIndex } of messagesOf(plan)) {
      count++
      const outcome = read(topic, payload, atMs)
      if (outcome.kind !== 'message') throw new Error(`${topic} ${payload}: ${JSON.stringify(outcome)}`)
      const { message } = outcome
      for (const note of message.notes) notes.add(note)
      expect(message.subject).toEqual({ kind: 'device', id: plan.devices[deviceIndex]?.mac })
      expect(message.bodies.map((body) => body.kind)).toContain(expectedKinds[topic.split('/').slice(3).join('/')] ?? 'Measurements')
      for (const body of message.bodies) if (body.kind === 'LogLines') for (const item of body.items) classes.add(classOf(item.message))
      if (kind === 'will') continue
      const { ts } = JSON.parse(payload) as { ts: number }
      expect({ bootId: message.bootId, seq: message.seq }).toEqual({ bootId, seq })
      // Before 2010 a number of milliseconds may be read as seconds; the recorder believes neither.
      if (ts > Date.UTC(2010, 0, 1)) expect(message.observedAtMs).toBe(ts)
      else expect(message.observedAtMs).toBeLessThan(Date.UTC(2010, 0, 1))
    }
    expect(count).toBeGreaterThan(20_000)
    expect([...notes]).toEqual([])
    expect(classes).toEqual(
      new Set([
        '',
        'panic',
        'oops',
        'oom',
        'stall',
        'modem-tx',
        'usb-gone',
        'usb-error',
        'flash',
        'read-only-fs',
        'conntrack',
        'segv',
        'crash-loop',
        'thermal',
        'auth',
      ]),
    )
  }, 60_000)

  it('are dead letters where bad_payload says so, and only there', () => {
    const plan = planOf(oneFault('bad_payload', 'at: 1h, for: 30m, with: { share: 0.5 }', { duration: '2h' }))
    const refused = [...messagesOf(plan)].filter(({ topic, payload, atMs }) => read(topic, payload, atMs).kind !== 'message')
    expect(refused.length).toBeGreaterThan(100)
    expect(new Set(refused.map(({ deviceIndex }) => plan.devices[deviceIndex]?.group))).toEqual(new Set(['tested']))
    expect(refused.every(({ atMs }) => atMs >= plan.fromMs + 3_600_000 && atMs < plan.fromMs + 5_401_000)).toBe(true)
  })

  it('come with an inventory that the import takes', () => {
    const files = worldInventory(planOf(readFileSync(join(import.meta.dirname, '../agent/scenarios/quiet-week.yaml'), 'utf8')))
    for (const kind of ['devices', 'sites', 'cells'] as const) {
      const [header = '', ...lines] = files[`${kind}.csv`].trimEnd().split('\n')
      const columns = header.split(',')
      expect(headerProblem(kind, columns)).toBeNull()
      for (const line of lines)
        expect(
          parseInventoryRow(kind, Object.fromEntries(line.split(',').map((value, index) => [columns[index] ?? '', value]))),
        ).toMatchObject({ ok: true })
    }
  })
})
