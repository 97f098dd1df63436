/** `npm run simulate -- --scenario`: reads and plans the file, then writes or publishes what its fleet says. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from './arguments.ts'
import { addTruth, writeMessages, writeTruth } from './simulate-file.ts'
import { simulateWorld, type WorldOptions } from './simulate-world.ts'
import { worldInventory } from './world/inventory.ts'
import { planScenario } from './world/plan.ts'
import type { Plan, Truth } from './world/plan-types.ts'
import { parseScenario } from './world/scenario.ts'
import { createWorld } from './world/world.ts'

export type ScenarioRun = Omit<WorldOptions, 'plan' | 'world' | 'endMs' | 'connections'> & {
  file: string
  seed: number | undefined
  fromMs: number | undefined
  /** Ends after so many simulated seconds; undefined: at the scenario's end. */
  seconds: number | undefined
  connections: number | undefined
  truthFile: string | undefined
  outFile: string | undefined
  inventoryDir: string | undefined
}

const connectionsDefaultMax = 1_000

/** Every problem of the file at once, as a usage error. `nowMs` is the start where neither flag nor file names one. */
export const loadPlan = (
  file: string,
  seed: number | undefined,
  fromMs: number | undefined,
  fallbackMs: (durationMs: number) => number,
): Plan => {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--scenario: ${(error as Error).message}`)
  }
  const parsed = parseScenario(text)
  if (!parsed.ok) throw new UsageError(`${file}:\n${parsed.problems.map((problem) => `  ${problem}`).join('\n')}`)
  const scenario = parsed.value
  const planned = planScenario(scenario, seed ?? scenario.seed, fromMs ?? scenario.from ?? fallbackMs(scenario.duration))
  if (!planned.ok) throw new UsageError(`${file}:\n${planned.problems.map((problem) => `  ${problem}`).join('\n')}`)
  return planned.value
}

export const runScenario = async (run: ScenarioRun): Promise<number> => {
  const { say } = run
  const nowMs = Math.floor(Date.now() / 1000) * 1000
  // Faster than time, the present would soon be left behind, and the recorder believes nobody from the future: the run ends now.
  const plan = loadPlan(run.file, run.seed, run.fromMs, (durationMs) =>
    run.speed === 1 && run.outFile === undefined ? nowMs : nowMs - durationMs,
  )
  const endMs = run.seconds === undefined ? plan.endMs : Math.min(plan.endMs, plan.fromMs + run.seconds * 1000)
  if (run.truthFile !== undefined) writeTruth(run.truthFile, plan.truth)
  if (run.inventoryDir !== undefined) {
    mkdirSync(run.inventoryDir, { recursive: true })
    for (const [name, text] of Object.entries(worldInventory(plan))) writeFileSync(join(run.inventoryDir, name), text)
  }
  const planted = plan.truth.filter(({ origin }) => origin === 'planted').length
  const span = `${new Date(plan.fromMs).toISOString()} to ${new Date(endMs).toISOString()}`
  say(`${plan.scenario.name}: ${plan.devices.length} devices, seed ${plan.seed}, ${span}, ${planted} faults planted`)
  const seen: Truth[] = []
  const world = createWorld(plan, undefined, (truth) => seen.push(truth))
  const tellSeen = (): void => {
    if (run.truthFile !== undefined) addTruth(run.truthFile, seen)
  }
  if (run.outFile !== undefined) {
    const startedAt = performance.now()
    const count = writeMessages(run.outFile, world, endMs, run.signal)
    tellSeen()
    say(`${count} messages written to ${run.outFile} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
    return 0
  }
  const connections = Math.min(run.connections ?? connectionsDefaultMax, plan.devices.length)
  if (connections < 1) throw new UsageError('--connections: expected at least 1')
  const summary = await simulateWorld({ ...run, plan, world, endMs, connections })
  tellSeen()
  say(
    `${summary.generated} messages made, ${summary.sent} sent, ${summary.acknowledged} acknowledged, ${summary.reboots} boots, ` +
      `${summary.lostConnections} connections lost, ${summary.seconds.toFixed(1)} s`,
  )
  if (summary.unacknowledged > 0) say(`${summary.unacknowledged} messages were not acknowledged`)
  return summary.unacknowledged > 0 ? 1 : 0
}
