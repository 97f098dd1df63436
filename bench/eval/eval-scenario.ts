/**
 * The fleet that alarms are judged on: homes that are switched off at night, offices, vans, pumps, chance events, two broker
 * restarts, and thirty planted faults that somebody should hear of. Shares of classes stay, whatever the number of devices; times and places
 * of the faults come from the seed.
 */
import { createRandom } from '../../agent/simulation/random.ts'
import { planScenario } from '../../agent/world/plan.ts'
import type { Plan } from '../../agent/world/plan-types.ts'
import { parseScenario } from '../../agent/world/scenario.ts'

export type EvalSize = { devices: number; days: number; seed: number; interval: string }

/** Monday, midnight in the scenario's own zone. */
export const evalFromMs = Date.parse('2026-01-05T00:00:00+01:00')

type Fault = {
  id: string
  kind: string
  who: string
  /** Minutes; null: a moment, or the kind's own length. */
  minutes: number | null
  with?: string
  /** Hours of local time between which it begins; a fault of an office that is shut is as real. */
  hours?: readonly [number, number]
}

const office = '{ group: offices, count: 1 }'
const withBackup = '{ group: offices, backup: true, count: 1 }'
const pump = '{ group: pumps, count: 1 }'

/** One page each is right, whatever the number of devices in it. */
const faults: readonly Fault[] = [
  { id: 'cell-dead-1', kind: 'cell_outage', who: '{ cell: busiest }', minutes: 120 },
  { id: 'cell-dead-2', kind: 'cell_outage', who: '{ cell: busiest-4 }', minutes: 90 },
  { id: 'power-cut-1', kind: 'power_cut', who: 'SITE-3', minutes: 45, with: '{ back_within: 3m }' },
  { id: 'power-cut-2', kind: 'power_cut', who: 'SITE-7', minutes: 70, with: '{ back_within: 5m }' },
  { id: 'backhaul-1', kind: 'link_loss', who: 'SITE-11', minutes: 50 },
  { id: 'backhaul-2', kind: 'link_loss', who: 'SITE-14', minutes: 35 },
  { id: 'off-office', kind: 'power_off', who: office, minutes: 90 },
  { id: 'off-pump', kind: 'power_off', who: pump, minutes: 60 },
  { id: 'off-office-2', kind: 'power_off', who: office, minutes: 200 },
  { id: 'hang-pump', kind: 'hang', who: pump, minutes: 60 },
  { id: 'hang-office', kind: 'hang', who: office, minutes: 80 },
  { id: 'panic-pump', kind: 'kernel_panic', who: pump, minutes: null },
  { id: 'panic-office', kind: 'kernel_panic', who: office, minutes: null },
  { id: 'oops-office', kind: 'kernel_oops', who: office, minutes: null },
  { id: 'loop-office', kind: 'reboot_loop', who: office, minutes: 60 },
  { id: 'loop-pump', kind: 'reboot_loop', who: pump, minutes: 45 },
  { id: 'modem-office', kind: 'modem_lost', who: withBackup, minutes: 40 },
  { id: 'modem-pump', kind: 'modem_lost', who: pump, minutes: 60 },
  { id: 'sim-office', kind: 'sim_lost', who: withBackup, minutes: 60 },
  { id: 'wan-office', kind: 'wan_down', who: withBackup, minutes: 60 },
  { id: 'wan-pump', kind: 'wan_down', who: pump, minutes: 90 },
  { id: 'tunnel-office', kind: 'tunnel_down', who: office, minutes: 60 },
  { id: 'flap-wan', kind: 'wan_flap', who: office, minutes: 60 },
  { id: 'flap-presence', kind: 'presence_flap', who: office, minutes: 60 },
  { id: 'flash-office', kind: 'flash_error', who: office, minutes: 30 },
  { id: 'oom-office', kind: 'oom', who: office, minutes: null },
  { id: 'conntrack-office', kind: 'conntrack_full', who: office, minutes: 10 },
  { id: 'denied-office', kind: 'registration', who: withBackup, minutes: 60, with: '{ state: denied }' },
  { id: 'swap-office', kind: 'sim_swap', who: office, minutes: null },
  { id: 'scan-pump', kind: 'login_bruteforce', who: pump, minutes: 20 },
]

export const evalScenario = (size: EvalSize, isPlanted = true): string => {
  const { devices, days, seed, interval } = size
  const sites = Math.max(20, Math.round(devices / 50))
  const masts = Math.min(400, Math.max(16, Math.round(devices / 100)))
  const random = createRandom(seed ^ 0x5eed, 1)
  const counts = { offices: Math.round(devices * 0.25), vans: Math.round(devices * 0.05), pumps: Math.max(6, Math.round(devices * 0.05)) }
  const homes = devices - counts.offices - counts.vans - counts.pumps
  const old = Math.round(homes * 0.2)
  const lengthMinutes = days * 1_440
  // The first day is for coming up and learning where there is more than one; faults stand apart, so that each can be told from the next.
  const beginMinute = days > 1 ? 1_440 : 300
  const endMinute = lengthMinutes - 300
  const slot = (endMinute - beginMinute) / faults.length
  const order = faults.map((fault) => ({ fault, lot: random.next() })).sort((one, other) => one.lot - other.lot)
  const takeDevice = isPlanted ? devicesApart(size) : () => ''
  const planted = (isPlanted ? order : []).map(({ fault }, at) => {
    const minute = Math.round(beginMinute + slot * at + random.next() * slot * 0.5)
    const day = Math.floor(minute / 1_440) + 1
    const clock = `${String(Math.floor((minute % 1_440) / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`
    const who = fault.who
      .replace(/^SITE-(\d+)$/, (_, n: string) => `{ site: site-${n.padStart(String(sites).length, '0')} }`)
      .replace(/^\{ group: (\w+)(, backup: true)?, count: 1 \}$/, (_, group: string, backup: string | undefined) =>
        takeDevice(group, backup !== undefined),
      )
    const more = `${fault.minutes === null ? '' : `, for: ${fault.minutes}m`}${fault.with === undefined ? '' : `, with: ${fault.with}`}`
    return `  - { id: ${fault.id}, kind: ${fault.kind}, at: "day ${day} ${clock}", who: ${who}${more} }`
  })
  const restartDay = Math.max(1, Math.floor(days / 2))
  return `
name: alarms judged
seed: ${seed}
duration: ${days}d
network: { masts: ${masts} }
fleet:
  sites: ${sites}
  groups:
    - { name: homes, count: ${homes - old}, model: dwr/921-b1, night_off: 0.15, no_clock: 0.5 }
    - { name: old-homes, count: ${old}, model: dwr/311-a1, night_off: 0.2, counters_32_bit: 1 }
    - { name: offices, count: ${counts.offices}, model: dwr/961-c1, class: business, activity: office, backup: 0.7 }
    - { name: vans, count: ${counts.vans}, model: van/m-12, class: business, activity: vehicle }
    - { name: pumps, count: ${counts.pumps}, model: edge/gw-40, class: critical, activity: machine, backup: 1 }
background: { log_lines_per_hour: 0.25 }
telemetry:
  interval: ${interval}
  every: { radio: 1, loadavg: 0, cpu: 0, memory: 16, interfaces: 3, probe: 0, temperature: 16, storage: 48, wan: 4, modem: 4 }
faults:
  - { id: broker-update, kind: broker_restart, at: "day ${restartDay} 02:15", for: 40s, who: { all: true } }
  - { id: recorder-restart, kind: broker_restart, at: "day ${restartDay} 03:45", for: 50s, who: { all: true } }
${planted.join('\n')}
`
}

export const planOf = (text: string, seed: number): Plan => {
  const parsed = parseScenario(text)
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'))
  const planned = planScenario(parsed.value, seed, evalFromMs)
  if (!planned.ok) throw new Error(planned.problems.join('\n'))
  return planned.value
}

/** Each fault of a single device has one of its own, away from the sites and cells that fail as a whole: two faults on one device could not be told apart. */
const devicesApart = (size: EvalSize): ((group: string, backup: boolean) => string) => {
  const { devices, network } = planOf(evalScenario(size, false), size.seed)
  const random = createRandom(size.seed ^ 0xde71ce, 2)
  const taken = new Set<string>()
  const failing = new Set([3, 7, 11, 14].map((number) => network.sites[number - 1]?.id))
  return (group, backup) => {
    const open = devices.filter(
      (device) => device.group === group && !taken.has(device.mac) && !failing.has(device.siteId) && (!backup || device.hasBackup),
    )
    const chosen = open[random.between(0, open.length - 1)]
    if (chosen === undefined) throw new Error(`expected a device of ${group} for each fault, got none left`)
    taken.add(chosen.mac)
    return `{ device: ${chosen.mac} }`
  }
}

export const evalPlan = (size: EvalSize): Plan => planOf(evalScenario(size), size.seed)
