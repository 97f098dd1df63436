import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadPlan } from './simulate-scenario.ts'
import { writeMessages, writeTruth } from './simulate-file.ts'
import { simulateWorld } from './simulate-world.ts'
import { startTestBroker, type TestBroker } from './test-broker.ts'
import { worldInventory } from './world/inventory.ts'
import { planOf, startMs } from './world/world-kit.ts'
import { createWorld, messagesOf } from './world/world.ts'

const yaml = `
name: small
duration: 1h
fleet: { sites: 2, groups: [{ name: a, count: 8, model: dwr/961-c1, backup: 0.5 }] }
network: { masts: 4 }
background: { reboots_per_day: 20, link_losses_per_day: 20 }
telemetry: { interval: 2m }
faults:
  - { id: dark, kind: power_cut, at: 10m, for: 10m, who: { site: site-1 } }
  - { id: late, kind: late_upload, at: 30m, for: 20m, who: { site: site-2, count: 2 }, with: { duplicates: 0.2 } }
  - { id: flap, kind: presence_flap, at: 5m, for: 30m, who: { site: site-2 }, with: { per_hour: 20 } }
`

describe('a world over MQTT', () => {
  let broker: TestBroker
  let folder = ''
  beforeEach(async () => {
    broker = await startTestBroker()
    folder = mkdtempSync(join(tmpdir(), 'world-'))
  })
  afterEach(async () => {
    await broker.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const run = (connections: number) => {
    const plan = planOf(yaml)
    return simulateWorld({
      plan,
      world: createWorld(plan),
      speed: Infinity,
      endMs: plan.endMs,
      signal: AbortSignal.timeout(60_000),
      url: broker.url,
      clientOptions: { protocolVersion: 4 },
      connections,
      ackFile: join(folder, 'acks'),
      drainWithinMs: 20_000,
      say: () => undefined,
      backoff: { firstMs: 20, maxMs: 50 },
    })
  }
  const expected = [...messagesOf(planOf(yaml))]
  const received = (): string[] => broker.received.map(({ topic, payload, retain }) => `${topic} ${payload} ${retain}`)
  const wanted = expected.map(({ topic, payload, retain }) => `${topic} ${payload} ${retain}`)

  it('over few connections sends exactly what the world says, in the order of each device', async () => {
    expect(await run(3)).toMatchObject({ generated: wanted.length, acknowledged: wanted.length, unacknowledged: 0 })
    for (let index = 0; index < 8; index++) {
      const own = (lines: readonly string[]): string[] => lines.filter((line) => line.includes(`/02-f2-00-00-00-0${index}/`))
      expect(own(received())).toEqual(own(wanted))
    }
    const acks = readFileSync(join(folder, 'acks'), 'utf8').trimEnd().split('\n')
    expect(acks).toHaveLength(expected.filter(({ seq }) => seq > 0).length)
  }, 60_000)

  it('over one connection each lets the broker publish the wills: the same messages, in the order of each device', async () => {
    const summary = await run(8)
    expect(summary.unacknowledged).toBe(0)
    expect(expected.filter(({ kind }) => kind === 'will').length).toBeGreaterThan(20)
    // The test broker records what devices publish; a will carries its device's client id as well.
    for (let index = 0; index < 8; index++) {
      const own = (lines: readonly string[]): string[] => lines.filter((line) => line.includes(`/02-f2-00-00-00-0${index}/`))
      expect(own(received())).toEqual(own(wanted))
    }
  }, 60_000)

  it('to a file is the same bytes each time, a line per message with wills and repeats marked', () => {
    const path = join(folder, 'out.jsonl')
    const write = (): string => {
      const plan = planOf(yaml)
      expect(writeMessages(path, createWorld(plan), plan.endMs, new AbortController().signal)).toBe(wanted.length)
      writeTruth(join(folder, 'truth.jsonl'), plan.truth)
      return readFileSync(path, 'utf8') + readFileSync(join(folder, 'truth.jsonl'), 'utf8')
    }
    expect(write()).toBe(write())
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      expected.map(({ kind, atMs, topic, payload, retain, dup }) => ({
        ts: atMs,
        topic,
        payload,
        ...(retain ? { retain } : {}),
        ...(dup ? { dup } : {}),
        ...(kind === 'will' ? { will: true } : {}),
      })),
    )
  })
})

describe('npm run simulate -- --scenario', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scenario-'))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const simulate = (...flags: string[]): string =>
    execFileSync(process.execPath, [join(import.meta.dirname, 'simulate-main.ts'), ...flags], { encoding: 'utf8', stdio: 'pipe' })

  it('writes messages, truth and inventory, the same for any number of connections', () => {
    const file = (name: string): string => join(folder, name)
    rmSync(folder, { recursive: true, force: true })
    execFileSync('mkdir', ['-p', folder])
    writeFileSync(file('s.yaml'), yaml)
    const flags = [
      '--scenario',
      file('s.yaml'),
      '--from',
      new Date(startMs).toISOString(),
      '--truth-file',
      file('truth'),
      '--inventory-dir',
      file('inventory'),
    ]
    expect(simulate(...flags, '--out', file('a'), '--connections', '1')).toContain(`${wantedCount()} messages written`)
    simulate(...flags, '--out', file('b'), '--connections', '7', '--speed', 'max')
    expect(readFileSync(file('a'), 'utf8')).toBe(readFileSync(file('b'), 'utf8'))
    expect(readFileSync(file('truth'), 'utf8')).toContain('"id":"dark","kind":"power_cut","origin":"planted"')
    expect(readFileSync(file('inventory/devices.csv'), 'utf8')).toBe(worldInventory(planOf(yaml))['devices.csv'])
  }, 60_000)

  it('tells every mistake of a file with its path and ends with 2', () => {
    execFileSync('mkdir', ['-p', folder])
    writeFileSync(join(folder, 'bad.yaml'), yaml.replace('at: 10m', 'at: soon').replace('duplicates: 0.2', 'duplicate: 0.2'))
    let error: { status?: number; stderr?: string } = {}
    try {
      simulate('--scenario', join(folder, 'bad.yaml'), '--out', join(folder, 'x'))
    } catch (caught) {
      error = caught as typeof error
    }
    expect(error.status).toBe(2)
    expect(error.stderr).toContain('faults[0].at: expected an offset like 2h30m')
    expect(error.stderr).toContain('faults[1].with.duplicate: unknown; known are connected, shuffled, duplicates')
  })

  it('by default begins where the file says, or so long ago that it ends now', () => {
    execFileSync('mkdir', ['-p', folder])
    writeFileSync(join(folder, 's.yaml'), yaml)
    expect(loadPlan(join(folder, 's.yaml'), undefined, undefined, (durationMs) => 10_000_000_000 - durationMs).fromMs).toBe(
      10_000_000_000 - 3_600_000,
    )
    writeFileSync(join(folder, 's.yaml'), `${yaml}\nfrom: 2026-01-05T00:00:00+01:00\n`)
    expect(loadPlan(join(folder, 's.yaml'), 7, undefined, () => 0)).toMatchObject({ fromMs: Date.UTC(2026, 0, 4, 23), seed: 7 })
  })
})

const wantedCount = (): number => [...messagesOf(planOf(yaml))].length
