/** What `plan.ts` makes of a scenario, and how a line of the truth file looks. */
import { createRandom, type Random } from '../simulation/random.ts'
import type { Network } from './network.ts'
import type { PlannedDevice } from './planned-device.ts'
import type { Scenario } from './scenario.ts'

/** `planted` stands in the file; `habit` and `background` belong to the fleet's shape. */
export type Truth = {
  id: string
  kind: string
  origin: 'planted' | 'habit' | 'background'
  fromMs: number
  toMs: number
  devices: PlannedDevice[]
  cells: number[]
  parameters: Readonly<Record<string, unknown>>
  expects: readonly string[]
  /** Reboots, power and lost connections of each device, as they will be. */
  moments: { device: string; atMs: number; what: string }[]
}

export type Plan = {
  scenario: Scenario
  seed: number
  fromMs: number
  endMs: number
  network: Network
  devices: PlannedDevice[]
  truth: Truth[]
}
export type PlanResult = { ok: true; value: Plan } | { ok: false; problems: string[] }

/** Randomness of one purpose and device, apart from all others: a fault more in the file changes no other device. */
export const randomFor = (seed: number, purpose: string, deviceIndex: number): Random => createRandom(seed ^ hash(purpose), deviceIndex)

/** FNV-1a. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value >>> 0
}

/** One line of the truth file. */
export const truthLine = ({ id, kind, origin, fromMs, toMs, devices, cells, parameters, expects, moments }: Truth): string =>
  JSON.stringify({
    id,
    kind,
    origin,
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    devices: devices.map(({ mac }) => mac),
    ...(cells.length > 0 ? { cells } : {}),
    parameters,
    expects,
    ...(moments.length > 0
      ? { moments: moments.map(({ device, atMs, what }) => ({ device, at: new Date(atMs).toISOString(), what })) }
      : {}),
  })
