/** The past judged by other rules: the same engine, the same alarms, nothing changed. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEventCodec } from '../adapters/avro/event-codec.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { planOf } from '../agent/world/world-kit.ts'
import { createEvalEvents } from '../bench/eval/eval-events.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { RuleSet } from '../model/rule.ts'
import { loadConfig } from '../runtime/config.ts'
import { createBench, rulesEvent } from '../test/stage-fakes.ts'
import { loadRuleSet } from './rules-file.ts'
import { rulesInForce, runWhatIf, versionOf } from './what-if.ts'
import { whatIfJson, whatIfText } from './what-if-report.ts'

const plan = planOf(`
name: what if
duration: 6h
network: { masts: 9 }
fleet:
  sites: 4
  groups:
    - { name: offices, count: 5, model: dwr/961-c1, class: business, activity: machine }
    - { name: homes, count: 4, model: dwr/921-b1 }
telemetry: { interval: 5m }
background: { reboots_per_day: 0, link_losses_per_day: 0, new_sessions_per_day: 0, log_lines_per_hour: 0 }
faults:
  - { id: off, kind: power_off, at: 2h, for: 40m, who: { group: offices, count: 2 } }
  - { id: home-off, kind: power_off, at: 3h, for: 50m, who: { group: homes, count: 1 } }
  - { id: oops, kind: kernel_oops, at: 4h, who: { group: offices, count: 1 } }
`)
const dataDir = mkdtempSync(join(tmpdir(), 'what-if-test-'))
const shipped = loadRuleSet('')
/** Of the time in which the records were written. */
const ofThen: RuleSet = { rules: shipped.rules.filter(({ id }) => id === 'device.crash'), overrides: [] }
const events: DeviceEvent[] = [rulesEvent(ofThen), ...createEvalEvents(plan)]

beforeAll(async () => {
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: systemClock, partitions: 1, diskFreeBytesMin: 0 })
  const codec = createEventCodec()
  await log.append(
    'device-events',
    events.map((event) => ({ partition: 0, key: event.subject.id, value: Uint8Array.from(codec.encode(event)) })),
  )
  await log.close()
  await environment.close()
})
afterAll(() => {
  rmSync(dataDir, { recursive: true, force: true })
})

const config = loadConfig(() => '', { DATA_DIR: dataDir, ADMIN_TOKEN: 'what-if-token-0123456789' })
const named = (name: string, ruleSet: RuleSet) => ({ name, version: versionOf(ruleSet), ruleSet })
const judged = (ruleSets: Parameters<typeof runWhatIf>[0]['ruleSets'], changes: Partial<Parameters<typeof runWhatIf>[0]> = {}) =>
  runWhatIf({ config, ruleSets, fromMs: null, toMs: null, devices: null, models: null, workers: 1, say: () => undefined, ...changes })

describe('a what-if', () => {
  it('counts the raises that the stage makes of the same records by the same rules, whatever rules held then', async () => {
    const live = createBench()
    live.append(rulesEvent(shipped), ...createEvalEvents(plan))
    await live.run()
    const raised = live.rowsOf('alarm_events').filter((row) => row['kind'] === 'AlarmRaised')
    const past = await judged([named('shipped', shipped)])
    const [{ tally } = { tally: undefined }] = past.rules
    expect(past.devices).toBe(9)
    expect(raised.length).toBeGreaterThan(2)
    expect(Object.fromEntries(Object.entries(tally?.rules ?? {}).map(([type, { raises }]) => [type, raises]))).toEqual(
      Object.fromEntries(
        [...new Set(raised.map((row) => row['type']))].map((type) => [type, raised.filter((row) => row['type'] === type).length]),
      ),
    )
  }, 60_000)

  it('pages for what notifies: offices, not homes', async () => {
    const past = await judged([named('shipped', shipped)])
    const classes = past.rules[0]?.tally.classes
    expect(classes?.['home']).toEqual({ raises: 1, pages: 0 })
    expect(classes?.['business']?.pages).toBeGreaterThanOrEqual(3)
  }, 60_000)

  it('is the same by one worker and by several, and shows beside it what an edit changes', async () => {
    const edited = { ...shipped, rules: shipped.rules.map((rule) => (rule.id === 'presence.offline' ? { ...rule, enabled: false } : rule)) }
    const sets = [named('shipped', shipped), named('edited', edited)]
    const [one, three] = [await judged(sets), await judged(sets, { workers: 3 })]
    expect(three.rules).toEqual(one.rules)
    expect(one.rules.map(({ tally }) => tally.rules['presence.offline']?.raises ?? 0)).toEqual([3, 0])
    expect(one.rules.map(({ tally }) => tally.rules['device.crash']?.raises)).toEqual([1, 1])
    expect(whatIfText(one)).toContain('presence.offline   -3 raises')
    expect(JSON.parse(whatIfJson(one))).toMatchObject({ devices: 9, rules: [{ name: 'shipped' }, { name: 'edited' }] })
  }, 120_000)

  it('counts only the time, the devices and the models that are asked for', async () => {
    const halfMs = plan.fromMs + 3.5 * 3_600_000
    const late = await judged([named('shipped', shipped)], { fromMs: halfMs })
    expect(late.rules[0]?.tally.rules['presence.offline']).toBe(undefined)
    expect(late.rules[0]?.tally.rules['device.crash']?.raises).toBe(1)
    const early = await judged([named('shipped', shipped)], { toMs: halfMs })
    expect(early.rules[0]?.tally.rules['presence.offline']?.raises).toBe(3)
    const homes = await judged([named('shipped', shipped)], { models: ['921-b1'] })
    expect(homes.rules[0]?.tally.all.raises).toBe(1)
    const [device] = plan.truth.find(({ id }) => id === 'oops')?.devices ?? []
    const single = await judged([named('shipped', shipped)], { devices: [device?.mac ?? ''] })
    expect([single.devices, single.rules[0]?.tally.rules['device.crash']?.raises]).toEqual([1, 1])
  }, 120_000)

  it('changes nothing: the log ends where it ended, and nothing else is made', async () => {
    await judged([named('shipped', shipped)])
    const environment = openEnvironment(dataDir)
    const log = openEventLog({ environment, clock: systemClock, diskFreeBytesMin: 0 })
    expect(await log.bounds('device-events', 0)).toMatchObject({ first: 0, next: events.length })
    for (const topic of ['alarms', 'dead-letters'] as const) expect(await log.bounds(topic, 0)).toMatchObject({ next: 0 })
    await log.close()
    await environment.close()
    expect(readdirSync(dataDir)).toEqual(['log'])
    expect(await rulesInForce(dataDir)).toBe(null)
  }, 60_000)
})
