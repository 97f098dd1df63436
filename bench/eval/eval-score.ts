/**
 * What was told, held against what was planted. A page is right when a planted fault explains it: it is about one of the fault's
 * devices, cells or sites, of a kind that the fault brings about, while the fault lasts or within its aftermath. A chance event of
 * the background explains the alarms that the truth names for it. All else is a false alarm.
 */
import type { Plan, Truth } from '../../agent/world/plan-types.ts'
import type { EvalOutcome, Raised, Told } from './eval-run.ts'

/** What people may rightly hear of a kind of fault, beside what the scenario's catalogue says without brackets. */
const alsoRight: Readonly<Record<string, readonly string[]>> = {
  power_off: ['presence.offline'],
  power_cut: ['presence.group-outage', 'presence.offline', 'site.power-outage'],
  link_loss: ['presence.group-outage', 'presence.offline'],
  cell_outage: ['cell.exodus', 'presence.group-outage', 'presence.offline', 'device.moved'],
  hang: ['presence.offline', 'device.reboot-unexpected'],
  kernel_panic: ['device.crash', 'device.reboot-unexpected'],
  reboot_loop: ['device.reboot-loop', 'device.reboot-unexpected', 'presence.flapping'],
  presence_flap: ['presence.flapping', 'presence.offline'],
  wan_down: ['wan.down', 'wan.failover-active'],
  modem_lost: ['modem.lost', 'modem.reg-denied', 'wan.failover-active', 'presence.offline'],
  sim_lost: ['modem.sim-fault', 'modem.reg-denied', 'wan.failover-active', 'presence.offline'],
  registration: ['modem.reg-denied', 'wan.failover-active', 'presence.offline'],
  identity_conflict: ['sec.identity-conflict', 'presence.flapping'],
  oom: ['device.oom'],
  temperature_high: ['device.overheated'],
}

/** Alarms of an end come after it: a boot tells its reason, devices come back one by one, a raise is held for 6 minutes. */
const aftermathMs = 30 * 60_000
/** A clock that begins the run with nothing known. */
const comingUpMs = 30 * 60_000

export const typesOf = ({ kind, expects }: Truth): readonly string[] => [
  ...expects.filter((word) => !word.startsWith('(')).flatMap((word) => /^[a-z]+\.[a-z-]+/.exec(word)?.[0] ?? []),
  ...(alsoRight[kind] ?? []),
]

type About = Pick<Told, 'subject' | 'type'> & { atMs: number }

/** Which groups a fault is: its cells, its site, and what lies over them. */
const groupsOf = ({ network, scenario, devices: fleet }: Plan, { devices, cells }: Truth): ReadonlySet<string> => {
  const groups = new Set<string>()
  const all = [...cells, ...devices.flatMap(({ usualCell }) => usualCell?.cellId ?? [])]
  for (const cellId of all) {
    const cell = network.cells.find((one) => one.cellId === cellId)
    groups.add(`group/cell/${scenario.network.plmn}-${cellId}`)
    if (cell === undefined) continue
    groups.add(`group/enb/${scenario.network.plmn}-${cell.enbId}`)
    groups.add(`group/tac/${scenario.network.plmn}-${cell.tac}`)
  }
  for (const { siteId } of devices) groups.add(`group/site/${siteId}`)
  if (devices.length * 2 >= fleet.length) groups.add('group/fleet/all')
  return groups
}

export type FaultScore = {
  id: string
  kind: string
  devices: number
  fromMs: number
  /** Alarms of a right type, told or not. */
  raised: number
  firstDetectedMs: number | null
  firstToldMs: number | null
  pages: number
  worse: number
  types: string[]
}

export type Score = {
  days: number
  devices: number
  faults: FaultScore[]
  /** Raises and reminders that were told, of devices and groups; of the platform; what became worse. */
  pages: number
  platformPages: number
  worse: number
  notificationsPerDay: number
  rightByPlanted: number
  rightByBackground: number
  wrong: Told[]
  precision: number
  recall: number
  pagesPerFault: number
  missed: string[]
  detectP50Ms: number | null
  detectP90Ms: number | null
  /** The same for faults that are there at once: not those that only a count over time or the absence of a return can show. */
  detectAtOnceP90Ms: number | null
  pagesWhileComingUp: number
  pagesAroundRestarts: number
  raises: number
  raisesByType: Record<string, number>
}

/**
 * Not there at once: the rule waits for a return (15 min for a cell, 10 min on the backup uplink) or counts over time, or the
 * device itself says something only some times an hour, or its modem answers keep-alives for a system that hangs.
 */
const slowKinds = new Set([
  'cell_outage',
  'reboot_loop',
  'presence_flap',
  'wan_flap',
  'wan_down',
  'login_bruteforce',
  'flash_error',
  'hang',
  'tunnel_down',
])

export const scoreOf = (plan: Plan, { told, raised }: EvalOutcome): Score => {
  const days = (plan.endMs - plan.fromMs) / 86_400_000
  const faults = plan.truth.filter(({ origin, kind }) => origin === 'planted' && kind !== 'broker_restart')
  const explainers = createExplainers(plan, faults)
  const scores = new Map<string, FaultScore>(
    faults.map((fault) => [
      fault.id,
      { id: fault.id, kind: fault.kind, devices: fault.devices.length, fromMs: fault.fromMs, raised: 0, firstDetectedMs: null, firstToldMs: null, pages: 0, worse: 0, types: [] },
    ]),
  ) // biome-ignore format: one record
  for (const one of raised) {
    const own = scores.get(explainers.planted({ ...one, atMs: one.detectedAtMs })?.id ?? '')
    if (own === undefined) continue
    own.raised++
    own.firstDetectedMs = Math.min(own.firstDetectedMs ?? Number.POSITIVE_INFINITY, one.detectedAtMs)
  }
  const out = told.filter(({ kind }) => kind === 'raise' || kind === 'again')
  const pages = out.filter((one) => one.class !== 'platform')
  const worse = told.filter(({ kind, class: own }) => kind === 'worse' && own !== 'platform')
  let [rightByPlanted, rightByBackground] = [0, 0]
  const wrong: Told[] = []
  for (const page of pages) {
    const fault = explainers.planted(page)
    const own = scores.get(fault?.id ?? '')
    if (own !== undefined) {
      rightByPlanted++
      own.pages++
      own.firstToldMs ??= page.atMs
      if (!own.types.includes(page.type)) own.types.push(page.type)
    } else if (explainers.background(page)) rightByBackground++
    else wrong.push(page)
  }
  for (const one of worse) {
    const own = scores.get(explainers.planted(one)?.id ?? '')
    if (own !== undefined) own.worse++
  }
  const all = [...scores.values()]
  const heard = all.filter(({ pages: own }) => own > 0)
  const delays = (of: readonly FaultScore[]): number[] =>
    of.flatMap(({ firstDetectedMs, fromMs }) => (firstDetectedMs === null ? [] : [firstDetectedMs - fromMs]))
  const restarts = plan.truth.filter(({ kind }) => kind === 'broker_restart')
  const near = (one: Told, fromMs: number, toMs: number): boolean =>
    one.atMs >= fromMs && one.atMs < toMs && explainers.planted(one) === undefined && !explainers.background(one)
  return {
    days,
    devices: plan.devices.length,
    faults: all,
    pages: pages.length,
    platformPages: out.length - pages.length,
    worse: worse.length,
    notificationsPerDay: (out.length + worse.length) / days,
    rightByPlanted,
    rightByBackground,
    wrong,
    precision: pages.length === 0 ? 1 : (rightByPlanted + rightByBackground) / pages.length,
    recall: all.length === 0 ? 1 : heard.length / all.length,
    pagesPerFault: heard.length === 0 ? 0 : rightByPlanted / heard.length,
    missed: all.filter(({ pages: own }) => own === 0).map(({ id }) => id),
    detectP50Ms: quantile(delays(all), 0.5),
    detectP90Ms: quantile(delays(all), 0.9),
    detectAtOnceP90Ms: quantile(delays(all.filter(({ kind }) => !slowKinds.has(kind))), 0.9),
    pagesWhileComingUp: pages.filter((one) => near(one, plan.fromMs, plan.fromMs + comingUpMs)).length,
    pagesAroundRestarts: pages.filter((one) => restarts.some(({ fromMs, toMs }) => near(one, fromMs, toMs + aftermathMs))).length,
    raises: raised.length,
    raisesByType: countBy(raised),
  }
}

const createExplainers = (plan: Plan, faults: readonly Truth[]) => {
  const planted = faults.map((fault) => ({
    fault,
    types: new Set(typesOf(fault)),
    devices: new Set(fault.devices.map(({ mac }) => mac)),
    groups: fault.devices.length > 1 || fault.cells.length > 0 ? groupsOf(plan, fault) : new Set<string>(),
  }))
  const chance = new Map<string, Truth[]>()
  for (const truth of plan.truth) {
    if (truth.origin === 'planted') continue
    for (const { mac } of truth.devices) {
      const own = chance.get(mac) ?? []
      chance.set(mac, own)
      own.push(truth)
    }
  }
  const isDuring = ({ fromMs, toMs }: Truth, atMs: number): boolean => atMs >= fromMs && atMs < toMs + aftermathMs
  return {
    /** The one that began last. */
    planted: ({ subject, type, atMs }: About): Truth | undefined =>
      planted
        .filter(
          ({ fault, types, devices, groups }) => types.has(type) && isDuring(fault, atMs) && (devices.has(subject) || groups.has(subject)),
        )
        .map(({ fault }) => fault)
        .sort((one, other) => other.fromMs - one.fromMs)[0],
    background: ({ subject, type, atMs }: About): boolean =>
      (chance.get(subject) ?? []).some((truth) => isDuring(truth, atMs) && truth.expects.some((word) => word.startsWith(type))),
  }
}

const countBy = (raised: readonly Raised[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { type } of raised) counts[type] = (counts[type] ?? 0) + 1
  return Object.fromEntries(Object.entries(counts).sort(([, one], [, other]) => other - one))
}

const quantile = (values: readonly number[], share: number): number | null => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? null
}
