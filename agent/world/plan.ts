/**
 * From a scenario to what will happen to whom: devices with their identities and places, each with its steps in time, the cells'
 * faults, and the truth. All of it is decided here, before the first message; running it (`router.ts`) decides nothing more.
 */
import type { Random } from '../simulation/random.ts'
import type { Step } from './actions.ts'
import { faultKinds } from './fault-kinds/catalogue.ts'
import { routerModel } from './models.ts'
import { candidatesAt, createNetwork, type Network } from './network.ts'
import { type Plan, type PlanResult, randomFor, type Truth } from './plan-types.ts'
import type { PlannedDevice } from './planned-device.ts'
import type { PlantedFault, Scenario, When } from './scenario.ts'
import { selectCells, selectDevices } from './select.ts'

export const planScenario = (scenario: Scenario, seed: number, fromMs: number): PlanResult => {
  const endMs = fromMs + scenario.duration
  const { masts, spacing_km: spacingKm, latitude, longitude, plmn } = scenario.network
  const network = createNetwork({ masts, spacingKm, latitude, longitude, plmn, sites: scenario.fleet.sites })
  const devices = devicesOf(scenario, network, seed)
  const plan: Plan = { scenario, seed, fromMs, endMs, network, devices, truth: [] }
  const problems: string[] = []
  for (const fault of scenario.faults) plantFault(plan, fault, problems)
  if (problems.length > 0) return { ok: false, problems }
  addHabits(plan)
  addBackground(plan)
  for (const device of devices) device.steps = inOrder(device.steps, endMs)
  plan.truth.sort((a, b) => a.fromMs - b.fromMs || (a.id < b.id ? -1 : 1))
  return { ok: true, value: plan }
}

const devicesOf = ({ fleet, utc_offset: utcOffsetMs }: Scenario, network: Network, seed: number): PlannedDevice[] => {
  const devices: PlannedDevice[] = []
  for (const group of fleet.groups) {
    const model = routerModel(group.model)
    const versions = group.firmware ?? [{ version: model.firmware, share: 1 }]
    for (let count = 0; count < group.count; count++) {
      const index = devices.length
      const random = randomFor(seed, 'identity', index)
      const site = network.sites[index % network.sites.length]
      if (site === undefined) throw new Error('A network has at least one site')
      const place = { eastKm: site.eastKm + random.normal() * 0.15, northKm: site.northKm + random.normal() * 0.15 }
      const hex = index.toString(16).padStart(8, '0')
      devices.push({
        index,
        mac: `02-f2-${hex.slice(0, 2)}-${hex.slice(2, 4)}-${hex.slice(4, 6)}-${hex.slice(6, 8)}`,
        serial: `W${100_000 + index}`,
        modelName: group.model,
        model,
        firmware: weighted(versions, random),
        group: group.name,
        deviceClass: group.class,
        activity: group.activity,
        siteId: site.id,
        place,
        usualCell: candidatesAt(network, model.radio === 'sa' ? 'NR' : 'LTE', place)[0]?.cell,
        hasBackup: random.chance(group.backup),
        counters32: random.chance(group.counters_32_bit),
        noClock: random.chance(group.no_clock),
        utcOffsetMs,
        steps: [],
      })
    }
  }
  return devices
}

const weighted = (versions: readonly { version: string; share: number }[], random: Random): string => {
  let left = random.next() * versions.reduce((sum, version) => sum + version.share, 0)
  for (const { version, share } of versions) {
    left -= share
    if (left < 0) return version
  }
  return versions.at(-1)?.version ?? ''
}

const plantFault = (plan: Plan, fault: PlantedFault, problems: string[]): void => {
  const { id, kind, path, read } = fault
  const declared = faultKinds[kind]
  const fromMs = timeOf(plan, fault.at)
  const lengthMs = fault.forMs ?? read.lengthMs ?? declared.usuallyMs ?? 0
  const toMs = fault.to === undefined ? fromMs + lengthMs : timeOf(plan, fault.to)
  const told = new Date(plan.fromMs).toISOString()
  const range = `from ${told} to ${new Date(plan.endMs).toISOString()}`
  if (fromMs < plan.fromMs || fromMs > plan.endMs)
    problems.push(`${path}.at: expected a time of the run, ${range}, got ${new Date(fromMs).toISOString()}`)
  else if (toMs < fromMs) problems.push(`${path}.to: expected a time after at, got ${new Date(toMs).toISOString()}`)
  else if (toMs > plan.endMs)
    problems.push(
      `${path}.${fault.to === undefined ? 'for' : 'to'}: expected an end within the run, ${range}, got ${new Date(toMs).toISOString()}`,
    )
  const cells = declared.target === 'cell' ? selectCells(plan, fault.who, `${path}.who`, problems) : []
  const devices =
    declared.target === 'cell'
      ? plan.devices.filter(({ usualCell }) => usualCell !== undefined && cells.includes(usualCell))
      : selectDevices(plan, id, fault.who, `${path}.who`, problems)
  const site = read.parameters['site']
  if (typeof site === 'string' && !plan.network.sites.some((known) => known.id === site))
    problems.push(`${path}.with.site: no site "${site}"`)
  if (problems.length > 0) return

  const cellFault = read.cellFault?.(fromMs, toMs)
  if (cellFault !== undefined) for (const cell of cells) cell.faults.push(cellFault)
  const moments: Truth['moments'] = []
  for (const [rank, device] of devices.entries()) {
    const random = randomFor(plan.seed, `fault ${id}`, device.index)
    if (cellFault !== undefined)
      for (const atMs of [fromMs, toMs]) device.steps.push({ atMs: atMs + random.between(500, 8_000), action: { do: 'look' } })
    const steps = read.steps({ id, fromMs, toMs, random, device, network: plan.network, rank })
    for (const step of steps) device.steps.push(step)
    moments.push(...momentsOf(device, steps))
  }
  plan.truth.push({
    id,
    kind,
    origin: 'planted',
    fromMs,
    toMs,
    devices,
    cells: cells.map(({ cellId }) => cellId),
    parameters: read.parameters,
    expects: declared.expects,
    moments,
  })
}

const momentsOf = ({ mac }: PlannedDevice, steps: readonly Step[]): Truth['moments'] =>
  steps.flatMap(({ atMs, action }) => {
    const what =
      action.do === 'power'
        ? action.on
          ? 'power on'
          : 'power off'
        : action.do === 'reboot'
          ? `reboot ${action.reason}`
          : action.do === 'reconnect'
            ? 'connection lost'
            : ''
    return what === '' ? [] : [{ device: mac, atMs: Math.round(atMs), what }]
  })

/** Night-off devices and clocks without battery: no fault, but to be known when alarms are judged. */
const addHabits = (plan: Plan): void => {
  const { scenario, seed, fromMs, endMs, network } = plan
  const shares = new Map(scenario.fleet.groups.map((group) => [group.name, group.night_off]))
  const { night_off } = faultKinds
  const read = night_off.read({}, '', [])
  for (const device of plan.devices) {
    const random = randomFor(seed, 'habits', device.index)
    if (!random.chance(shares.get(device.group) ?? 0)) continue
    const steps = read.steps({ id: 'night-off', fromMs, toMs: endMs, random, device, network, rank: 0 })
    if (steps.length === 0) continue
    device.steps.push(...steps)
    plan.truth.push({ id: `night-off-${device.index}`, kind: 'night_off', origin: 'habit', fromMs, toMs: endMs, devices: [device], cells: [], parameters: read.parameters, expects: night_off.expects, moments: momentsOf(device, steps) }) // biome-ignore format: one record
  }
}

const backgroundReasons = ['power', 'power', 'watchdog', 'unknown', 'commanded'] as const

/** What befalls a healthy fleet by chance: single reboots, short losses of the link, new data sessions. */
const addBackground = (plan: Plan): void => {
  const { reboots_per_day, link_losses_per_day, new_sessions_per_day } = plan.scenario.background
  for (const device of plan.devices) {
    const random = randomFor(plan.seed, 'background', device.index)
    const note = (kind: string, fromMs: number, toMs: number, parameters: Record<string, unknown>, expects: readonly string[], steps: Step[]): void => {
      device.steps.push(...steps)
      plan.truth.push({ id: `${kind}-${device.index}-${fromMs}`, kind, origin: 'background', fromMs, toMs, devices: [device], cells: [], parameters, expects, moments: momentsOf(device, steps) })
    } // biome-ignore format: one record
    for (const atMs of chanceTimes(plan, reboots_per_day, random)) {
      const reason = random.pick(backgroundReasons)
      const commanded = reason === 'commanded'
      note('reboot', atMs, atMs, { reason }, commanded ? [] : ['device.reboot-unexpected'], [
        { atMs, action: { do: 'reboot', reason, clean: commanded, ...(commanded ? { taskId: `task-${device.index}-${atMs}` } : {}) } },
      ])
    }
    for (const atMs of chanceTimes(plan, link_losses_per_day, random)) {
      const toMs = atMs + random.between(5_000, 110_000)
      note(
        'link_loss',
        atMs,
        toMs,
        {},
        [],
        [
          { atMs, action: { do: 'block', key: `background-${atMs}`, what: 'all', on: true } },
          { atMs: toMs, action: { do: 'block', key: `background-${atMs}`, what: 'all', on: false } },
        ],
      )
    }
    // Not told in the truth: an operator renews sessions and nobody minds.
    for (const atMs of chanceTimes(plan, new_sessions_per_day, random))
      device.steps.push({ atMs, action: { do: 'wan', set: {}, newSession: true } })
  }
}

/** Days that pass between chance events are about exponential; a straight line through it would cluster nothing. */
const chanceTimes = ({ fromMs, endMs }: Plan, perDay: number, random: Random): number[] => {
  const times: number[] = []
  if (perDay === 0) return times
  const settledMs = 10 * 60_000 // First connect and first readings come first.
  for (let atMs = fromMs + settledMs; ; ) {
    atMs += Math.round((-Math.log(1 - random.next()) / perDay) * 86_400_000)
    if (atMs >= endMs) return times
    times.push(atMs)
  }
}

const timeOf = ({ fromMs, scenario: { utc_offset: utcOffsetMs } }: Plan, at: When): number => {
  if (at.kind === 'absolute') return at.ms
  if (at.kind === 'offset') return fromMs + at.ms
  const midnightMs = Math.floor((fromMs + utcOffsetMs) / 86_400_000) * 86_400_000 - utcOffsetMs
  return midnightMs + (at.day - 1) * 86_400_000 + at.ms
}

/** By time; steps of one moment stay in the order in which they were planned. */
const inOrder = (steps: readonly Step[], endMs: number): Step[] => steps.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
