/** Every kind of fault leaves in the messages what its truth says: one line per kind, and none may be missing. */
import { describe, expect, it } from 'vitest'
import { faultNames, type FaultName } from './fault-kinds/catalogue.ts'
import { eventsOf, oneFault, planOf, type Said, saidIn, startMs, truthOf } from './world-kit.ts'
import type { Truth } from './plan-types.ts'

const minuteMs = 60_000
/** Messages of one affected device: all, and those sampled (by true time of arrival) between the fault's times. */
type Seen = { all: Said[]; before: Said[]; during: Said[]; after: Said[]; truth: Truth }
type Trace = { rest: string; options?: Parameters<typeof oneFault>[2]; check: (seen: Seen) => void }

const of = (topic: string, said: readonly Said[]): Record<string, unknown>[] =>
  said.flatMap((one) => (one.topic === topic && one.values !== undefined ? [one.values] : []))
const numbers = (said: readonly Said[], topic: string, key: string): number[] =>
  of(topic, said)
    .map((values) => Number(values[key]))
    .filter((value) => !Number.isNaN(value))
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const logged = (said: readonly Said[], pattern: RegExp): number =>
  said.filter(({ topic, payload }) => topic.startsWith('log/') && pattern.test(payload)).length
const words = (said: readonly Said[], topic: string, key: string): unknown[] => of(topic, said).map((values) => values[key])
const wills = (said: readonly Said[]): number => said.filter(({ kind }) => kind === 'will').length
const boots = (said: readonly Said[]): unknown[] => words(said, 'system/boot', 'reason')
const radio = 'hardware/lte'
const wwan = (said: readonly Said[]): Record<string, number>[] =>
  of('network/interfaces', said).map(({ interfaces }) => (interfaces as Record<string, Record<string, number>>)['wwan0'] ?? {})
const backup = { group: ', backup: 1' }
const nothingBetween = (seen: Seen, slackMs = 3 * minuteMs): void => {
  expect(
    seen.during.filter(({ kind, atMs }) => kind === 'message' && atMs > seen.truth.fromMs + 2_000 && atMs < seen.truth.toMs - slackMs),
  ).toEqual([])
}
const share = (said: readonly Said[], key: string): number[] =>
  of('hardware/memory', said)
    .map((values) => Number(values['available']) / Number(values['total']))
    .map((value) => (key === 'available' ? value : 1 - value))

const traces: Record<FaultName, Trace> = {
  power_off: { rest: 'at: 1h, for: 30m', check: (seen) => { nothingBetween(seen); expect(wills(seen.during)).toBe(1); expect(boots(seen.after)).toEqual(['power']) } },
  power_cut: { rest: 'at: 1h, for: 30m', check: (seen) => { nothingBetween(seen); expect(wills(seen.during)).toBe(1); expect(boots(seen.after)).toEqual(['power']) } },
  night_off: { rest: 'at: 0s, for: 40h', options: { duration: '40h', interval: '10m' }, check: ({ all, truth }) => { expect(boots(all)).toEqual(['power']); expect(truth.moments.filter(({ what }) => what === 'power off')).toHaveLength(4) } },
  hang: { rest: 'at: 1h, for: 20m', check: (seen) => { nothingBetween(seen, 1); expect(wills(seen.during)).toBe(0); expect(boots(seen.after)).toEqual(['watchdog']) } },
  reboot: { rest: 'at: 1h, with: { reason: power, times: 3, every: 20m }', check: ({ all, truth }) => { expect(boots(all)).toEqual(['power', 'power', 'power']); expect(truth.toMs - truth.fromMs).toBe(40 * minuteMs) } },
  reboot_loop: { rest: 'at: 1h', check: ({ all }) => expect(boots(all).length).toBeGreaterThanOrEqual(7) },
  kernel_panic: { rest: 'at: 1h', check: ({ all }) => { expect(boots(all)).toEqual(['panic']); expect(logged(all, /Kernel panic - not syncing/)).toBe(1) } },
  kernel_oops: { rest: 'at: 1h', check: ({ all }) => { expect(boots(all)).toEqual([]); expect(logged(all, /Oops: /)).toBe(1) } },
  firmware_update: { rest: 'at: 1h, with: { version: 9.9.9 }', check: ({ all, after }) => { expect(boots(all)).toEqual(['fota']); expect(words(after, 'system/firmware', 'version')).toEqual(['9.9.9']) } },
  presence_flap: { rest: 'at: 1h, with: { per_hour: 10 }', check: ({ all }) => { expect(wills(all)).toBe(10); expect(words(all.filter(({ kind }) => kind === 'message'), 'status', 'state').length).toBe(11) } },
  link_loss: { rest: 'at: 1h, for: 20m', check: (seen) => { nothingBetween(seen); expect(wills(seen.during)).toBe(1); expect(numbers(seen.after, 'hardware/cpu', 'ts').filter((ts) => ts > seen.truth.fromMs && ts < seen.truth.toMs).length).toBeGreaterThan(17) } },
  broker_restart: { rest: 'at: 1h', check: ({ all }) => { expect(wills(all)).toBe(0); expect(words(all, 'status', 'state')).toEqual(['online', 'online']) } },
  never_connects: { rest: 'at: 0s, for: 4h', check: ({ all }) => expect(all).toEqual([]) },
  identity_conflict: { rest: 'at: 1h', check: ({ during }) => { expect(wills(during)).toBeGreaterThan(30); expect(new Set(during.map(({ bootId }) => bootId).filter(Boolean)).size).toBe(2) } },
  cpu_high: { rest: 'at: 1h, for: 1h', check: ({ before, during }) => { expect(Math.max(...numbers(during, 'hardware/cpu', 'idle'))).toBeLessThan(10); expect(Math.min(...numbers(before, 'hardware/cpu', 'idle'))).toBeGreaterThan(50); expect(Math.max(...numbers(during, 'hardware/loadavg', 'load15'))).toBeGreaterThan(8) } },
  memory_low: { rest: 'at: 1h, for: 1h', check: ({ before, during }) => { expect(Math.max(...share(during, 'available'))).toBeLessThan(0.1); expect(Math.min(...share(before, 'available'))).toBeGreaterThan(0.2) } },
  memory_leak: { rest: 'at: 1h, for: 2h, with: { ends: reboot }', check: ({ all, during }) => { const shares = share(during, 'available'); expect(shares[0]).toBeGreaterThan(0.2); expect(shares.at(-1)).toBeLessThan(0.06); expect(mean(shares.slice(0, 30))).toBeGreaterThan(mean(shares.slice(-30))); expect(logged(all, /Killed process \d+ \(collectord\) total-vm/)).toBe(2); expect(boots(all)).toEqual(['watchdog']); expect(share(all, 'available').at(-1)).toBeGreaterThan(0.3) } },
  oom: { rest: 'at: 1h', check: ({ all }) => expect(logged(all, /invoked oom-killer/)).toBe(1) },
  flash_full: { rest: 'at: 1h, for: 1h', check: ({ during }) => { const mounts = of('hardware/storage', during).map((values) => (values['mounts'] as Record<string, { total: number; available: number }>)['/overlay']); expect(mounts.length).toBeGreaterThan(2); for (const mount of mounts) expect((mount?.available ?? 1) / (mount?.total ?? 1)).toBeCloseTo(0.05, 3) } },
  flash_error: { rest: 'at: 1h, for: 1h, with: { per_hour: 6, read_only: true }', check: ({ all }) => { expect(logged(all, /UBIFS error|ECC error|Buffer I\/O error/)).toBe(6); expect(logged(all, /switched to read-only mode/)).toBe(1) } },
  temperature_high: { rest: 'at: 1h, for: 1h, with: { critical: true }', check: ({ during, before }) => { expect(Math.min(...numbers(during, 'hardware/temperature', 'cpu'))).toBeGreaterThan(90); expect(Math.max(...numbers(before, 'hardware/temperature', 'cpu'))).toBeLessThan(75); expect(logged(during, /critical temperature reached/)).toBe(1) } },
  kernel_stall: { rest: 'at: 1h', check: ({ all }) => expect(logged(all, /soft lockup - CPU#\d stuck/)).toBe(1) },
  process_crashloop: { rest: 'at: 1h', check: ({ during }) => { expect(logged(during, /segfault at/)).toBe(12); expect(logged(during, /in a crash loop \d+ crashes/)).toBe(7) } },
  conntrack_full: { rest: 'at: 1h', check: ({ during }) => expect(logged(during, /nf_conntrack: table full, dropping packet/)).toBe(10) },
  login_bruteforce: { rest: 'at: 1h', check: ({ during }) => expect(logged(during, /Bad password attempt for/)).toBe(80) },
  log_line: { rest: 'at: 1h, for: 2h, with: { text: never seen before }', check: ({ during }) => expect(logged(during, /never seen before/)).toBe(12) },
  log_storm: { rest: 'at: 1h', check: ({ during }) => expect(logged(during, /./)).toBe(1200) },
  telemetry_gap: { rest: 'at: 1h, for: 1h', check: ({ before, during, after }) => { expect(of('hardware/memory', during)).toEqual([]); expect(of('hardware/memory', before).length).toBeGreaterThan(50); expect(of('hardware/memory', after).length).toBeGreaterThan(50); expect(of('hardware/cpu', during).length).toBeGreaterThan(50) } },
  bad_payload: { rest: 'at: 1h, for: 1h', check: ({ during, before }) => { const cut = during.filter(({ values }) => values === undefined).length; expect(cut / during.length).toBeGreaterThan(0.2); expect(cut / during.length).toBeLessThan(0.4); expect(before.every(({ values }) => values !== undefined)).toBe(true) } },
  wan_down: { rest: 'at: 1h, for: 20m', options: backup, check: ({ during, after }) => { expect(words(during, 'network/wan', 'up')).toContain(false); expect(words(during, 'network/wan', 'active')).toContain('eth1'); expect(words(after, 'network/wan', 'active')).toContain('wwan0'); expect(logged(during, /failing over to wanb/)).toBe(1) } },
  wan_flap: { rest: 'at: 1h', check: ({ during }) => { expect(words(during, 'network/wan', 'up').filter((up) => up === false)).toHaveLength(12); expect(wills(during)).toBe(0) } },
  wan_failover: { rest: 'at: 1h, for: 30m', options: backup, check: ({ during, after }) => { expect(words(during, 'network/wan', 'active')).toContain('eth1'); expect(words(after, 'network/wan', 'active')[0]).toBe('wwan0') } },
  wan_session_flap: { rest: 'at: 1h', check: ({ during }) => expect(new Set(words(during, 'network/wan', 'ip')).size).toBeGreaterThanOrEqual(10) },
  wan_no_address: { rest: 'at: 1h, for: 30m', check: (seen) => { nothingBetween(seen); expect(words(seen.after, 'network/wan', 'ip')).toContain(undefined); expect(words(seen.after, 'network/wan', 'up')).toContain(false) } },
  tunnel_down: { rest: 'at: 1h, for: 30m', check: ({ during, before }) => { const up = (said: Said[]): unknown[] => of('network/interfaces', said).map(({ interfaces }) => (interfaces as { tun0: { up: boolean } }).tun0.up); expect(new Set(up(during))).toEqual(new Set([false])); expect(new Set(up(before))).toEqual(new Set([true])) } },
  apn_change: { rest: 'at: 1h, with: { apn: other.example }', check: ({ all }) => { expect(words(all, 'modem/status', 'apn').at(-1)).toBe('other.example'); expect(words(all, 'network/wan', 'apn').at(-1)).toBe('other.example') } },
  quota: { rest: 'at: 1h', check: ({ all }) => { const last = of('network/wan', all).at(-1); expect(Number(last?.['usedBytes']) / Number(last?.['quotaBytes'])).toBeGreaterThan(0.95) } },
  sim_lost: { rest: 'at: 1h, for: 20m', options: backup, check: ({ during, after }) => { expect(words(during, 'modem/status', 'sim')).toContain('absent'); expect(words(after, 'modem/status', 'sim')[0]).toBe('ready'); expect(of(radio, during).length).toBe(0) } },
  sim_swap: { rest: 'at: 1h', check: ({ all }) => expect(words(all, 'modem/status', 'iccid').at(-1)).toBe('8999901999999999999') },
  registration: { rest: 'at: 1h, for: 20m', check: (seen) => { nothingBetween(seen); expect(words(seen.after, 'modem/status', 'registration')).toContain('denied') } },
  roaming: { rest: 'at: 1h, for: 1h', check: ({ during, after }) => { expect(words(during, 'modem/status', 'roaming')).toContain(true); expect(words(during.slice(3), radio, 'plmn')).toContain('00102'); expect(words(after, 'modem/status', 'plmn')[0]).toBe('00101') } },
  modem_lost: { rest: 'at: 1h, for: 20m', options: backup, check: ({ all, during }) => { expect(logged(all, /usb 1-1: USB disconnect, device number/)).toBe(1); expect(logged(all, /new high-speed USB device/)).toBe(1); expect(of(radio, during)).toEqual([]); expect(words(during, 'network/wan', 'active')).toContain('eth1') } },
  usb_errors: { rest: 'at: 1h', check: ({ during }) => expect(logged(during, /descriptor read\/64, error -|not accepting address \d+, error -71/)).toBe(10) },
  tx_timeout: { rest: 'at: 1h', check: ({ all }) => expect(logged(all, /NETDEV WATCHDOG: .*transmit queue 0 timed out/)).toBe(1) },
  packet_loss: { rest: 'at: 1h, for: 1h, with: { loss: 0.3, rtt_ms: 400 }', check: ({ before, during }) => { expect(mean(numbers(during, 'network/probe', 'lossRatio'))).toBeGreaterThan(0.2); expect(mean(numbers(before, 'network/probe', 'lossRatio'))).toBeLessThan(0.1) } },
  traffic: { rest: 'at: 1h, for: 1h, with: { factor: 0.02 }', check: ({ before, during }) => { const rate = (said: Said[]): number => { const all = wwan(said); return ((all.at(-1)?.['rxBytes'] ?? 0) - (all[0]?.['rxBytes'] ?? 0)) / all.length }; expect(rate(during)).toBeLessThan(rate(before) * 0.1) } },
  interface_errors: { rest: 'at: 1h, for: 1h', check: ({ during }) => { const all = wwan(during); const grown = (key: string): number => (all.at(-1)?.[key] ?? 0) - (all[0]?.[key] ?? 0); expect(grown('rxErrors') / grown('rxPackets')).toBeCloseTo(0.03, 2) } },
  counter_reset: { rest: 'at: 1h', check: ({ before, after, all }) => { expect(wwan(after)[0]?.['rxBytes']).toBeLessThan(wwan(before).at(-1)?.['rxBytes'] ?? 0); expect(boots(all)).toEqual([]) } },
  cell_outage: { rest: 'at: 1h, for: 1h', options: { who: '{ cell: busiest }' }, check: ({ during, truth }) => { const seen = words(during.filter(({ atMs }) => atMs > truth.fromMs + 10_000), radio, 'cell'); expect(seen).not.toContain(truth.cells[0]) } },
  cell_level_drop: { rest: 'at: 1h, for: 1h, with: { db: 12 }', options: { who: '{ cell: busiest }' }, check: ({ before, during }) => { expect(mean(numbers(before, radio, 'rsrp')) - mean(numbers(during, radio, 'rsrp'))).toBeGreaterThan(2) } },
  cell_interference: { rest: 'at: 1h, for: 1h', options: { who: '{ cell: busiest }' }, check: ({ before, during }) => { expect(mean(numbers(before, radio, 'sinr')) - mean(numbers(during, radio, 'sinr'))).toBeGreaterThan(10); expect(Math.abs(mean(numbers(before, radio, 'rsrp')) - mean(numbers(during, radio, 'rsrp')))).toBeLessThan(3) } },
  signal_drop: { rest: 'at: 1h, for: 1h, with: { db: 18 }', check: ({ before, during }) => expect(mean(numbers(before, radio, 'rsrp')) - mean(numbers(during, radio, 'rsrp'))).toBeGreaterThan(14) },
  signal_interference: { rest: 'at: 1h, for: 1h', check: ({ before, during }) => expect(mean(numbers(before, radio, 'sinr')) - mean(numbers(during, radio, 'sinr'))).toBeGreaterThan(12) },
  cell_pingpong: { rest: 'at: 1h, for: 1h', check: ({ before, during }) => { const changes = (said: Said[]): number => { const all = words(said, radio, 'cell'); return all.filter((cell, index) => index > 0 && cell !== all[index - 1]).length }; expect(changes(during)).toBeGreaterThan(50); expect(changes(before)).toBeLessThan(6) } },
  rat_fallback: { rest: 'at: 1h, for: 2h', check: ({ before, during }) => { expect(new Set(words(during, radio, 'mode'))).toEqual(new Set(['HSPA+'])); expect(new Set(words(before, radio, 'mode'))).toEqual(new Set(['LTE'])) } },
  carriers_lost: { rest: 'at: 1h, for: 1h', check: ({ before, during }) => { const most = (said: Said[]): number => Math.max(...of(radio, said).map(({ carriers }) => (carriers as unknown[]).length)); expect(most(during)).toBe(1); expect(most(before)).toBe(3) } },
  device_moved: { rest: 'at: 1h, for: 2h, with: { site: site-4 }', check: ({ before, during, truth, all }) => { expect(truth.devices.length).toBe(4); expect(new Set([...words(before, radio, 'cell'), ...words(during, radio, 'cell')]).size).toBeGreaterThan(1); expect(boots(all)).toEqual([]) } },
  clock_unset: { rest: 'at: 1h, for: 1h', check: ({ all }) => { expect(boots(all)).toEqual(['power']); const old = all.filter(({ ts }) => ts < Date.UTC(2010, 0, 1)); expect(old.length).toBeGreaterThan(3); expect(old.length).toBeLessThan(60) } },
  clock_drift: { rest: 'at: 1h, for: 2h, with: { per_million: 20000 }', check: ({ during, after }) => { const last = during.filter(({ kind }) => kind === 'message').at(-1); expect((last?.ts ?? 0) - (last?.atMs ?? 0)).toBeGreaterThan(130_000); for (const { ts, atMs, kind } of after) if (kind === 'message') expect(Math.abs(ts - atMs)).toBeLessThan(1_000) } },
  clock_offset: { rest: 'at: 1h, for: 1h, with: { by: 3h }', check: ({ during, after }) => { for (const { ts, atMs, kind } of during) if (kind === 'message') expect(Math.abs(ts - atMs - 3 * 3_600_000)).toBeLessThan(1_000); for (const { ts, atMs, kind } of after.slice(1)) if (kind === 'message') expect(Math.abs(ts - atMs)).toBeLessThan(1_000) } },
  late_upload: { rest: 'at: 1h, for: 2h', check: (seen) => { nothingBetween(seen, 1); expect(wills(seen.during)).toBe(1); expect(seen.after.filter(({ ts }) => ts < seen.truth.toMs).length).toBeGreaterThan(500) } },
  duplicates: { rest: 'at: 1h, for: 1h, with: { share: 0.25 }', check: ({ during, all }) => { const twice = all.filter(({ dup }) => dup); expect(twice.length / during.length).toBeGreaterThan(0.1); const first = new Set(all.filter(({ dup }) => !dup).map(({ payload }) => payload)); expect(twice.every(({ payload }) => first.has(payload))).toBe(true) } },
  shuffled: { rest: 'at: 1h, for: 1h', check: ({ during, before }) => { const fallen = (said: Said[]): number => said.filter(({ seq }, index) => index > 0 && seq < (said[index - 1]?.seq ?? 0)).length; expect(fallen(during)).toBeGreaterThan(100); expect(fallen(before)).toBeLessThanOrEqual(1) } },
} // biome-ignore format: a table, one line per kind

describe('a planted fault', () => {
  it.each(faultNames)('%s leaves the traces that its truth tells', (kind) => {
    const { rest, options, check } = traces[kind]
    const plan = planOf(oneFault(kind, rest, options))
    const truth = truthOf(plan, 'tested-fault')
    expect(truth).toMatchObject({
      kind,
      origin: 'planted',
      fromMs: kind === 'night_off' || kind === 'never_connects' ? startMs : startMs + 3_600_000,
    })
    expect(truth.devices.length).toBeGreaterThan(0)
    const affected = truth.devices.find(({ model }) => model.radio !== 'sa')
    const all = saidIn(plan, eventsOf(plan)).filter(({ device }) => device === affected?.mac)
    const { fromMs, toMs } = truth
    check({
      all,
      before: all.filter(({ atMs }) => atMs < fromMs),
      during: all.filter(({ atMs }) => atMs >= fromMs && atMs < toMs),
      after: all.filter(({ atMs }) => atMs >= toMs),
      truth,
    })
  })

  it('touches nobody but those whom its truth names', () => {
    const rest = 'at: 1h, for: 1h'
    const text = (yaml: string): string => {
      const plan = planOf(yaml)
      return saidIn(plan, eventsOf(plan)).filter(({ device }) => !plan.devices.some(({ mac, group }) => mac === device && group === 'tested')).map(({ payload }) => payload).join('\n') // biome-ignore format: one chain
    }
    expect(text(oneFault('cpu_high', rest))).toBe(text(oneFault('power_off', rest)))
  })
})
