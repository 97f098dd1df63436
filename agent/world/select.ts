/** Which devices or cells a fault's `who` means. Conditions are joined by and; `share` and `count` choose by the seed. */
import type { RadioCell } from './network.ts'
import { type Plan, randomFor } from './plan-types.ts'
import type { PlannedDevice } from './planned-device.ts'
import type { Selector } from './scenario.ts'

/** A condition that nothing in the fleet can meet is a problem: a fault planted on nobody would score as missed. */
export const selectDevices = (plan: Plan, faultId: string, who: Selector, path: string, problems: string[]): PlannedDevice[] => {
  const before = problems.length
  const cells = who.cell === undefined && who.enb === undefined ? undefined : selectCells(plan, who, path, problems)
  const known = <T>(key: keyof Selector, wanted: readonly T[] | undefined, has: (value: T) => boolean): void => {
    for (const value of wanted ?? []) if (!has(value)) problems.push(`${path}.${key}: the fleet has no ${key} "${String(value)}"`)
  }
  known('device', who.device, (mac) => plan.devices.some((device) => device.mac === mac))
  known('site', who.site, (site) => plan.network.sites.some(({ id }) => id === site))
  known('group', who.group, (group) => plan.scenario.fleet.groups.some(({ name }) => name === group))
  const fitting = plan.devices.filter(
    (device) =>
      among(who.device, device.mac) &&
      among(who.site, device.siteId) &&
      among(who.model, device.modelName) &&
      among(who.firmware, device.firmware) &&
      among(who.group, device.group) &&
      among(who.class, device.deviceClass) &&
      (who.backup === undefined || who.backup === device.hasBackup) &&
      (cells === undefined || (device.usualCell !== undefined && cells.includes(device.usualCell))),
  )
  if (fitting.length === 0 && before === problems.length) problems.push(`${path}: no device meets all conditions`)
  const wanted = who.count ?? (who.share === undefined ? fitting.length : Math.ceil(fitting.length * who.share))
  if (who.count !== undefined && who.count > fitting.length && fitting.length > 0)
    problems.push(`${path}.count: expected at most the ${fitting.length} devices that meet the conditions, got ${who.count}`)
  if (wanted >= fitting.length) return fitting
  return fitting
    .map((device) => ({ device, lot: randomFor(plan.seed, `who ${faultId}`, device.index).next() }))
    .sort((a, b) => a.lot - b.lot || a.device.index - b.device.index)
    .slice(0, wanted)
    .map(({ device }) => device)
    .sort((a, b) => a.index - b.index)
}

const among = <T>(wanted: readonly T[] | undefined, value: T): boolean => wanted === undefined || wanted.includes(value)

/** `busiest` is the cell with the most devices at home, `busiest-2` the next. */
export const selectCells = (plan: Plan, { cell: wantedCells, enb }: Selector, path: string, problems: string[]): RadioCell[] => {
  const ranked = ranking(plan)
  const chosen = new Set<RadioCell>()
  for (const wanted of wantedCells ?? []) {
    const rank = wanted.startsWith('busiest') ? Number(wanted.slice('busiest-'.length) || '1') : undefined
    const found = rank === undefined ? plan.network.cells.find(({ cellId }) => String(cellId) === wanted) : ranked[rank - 1]
    if (found === undefined)
      problems.push(`${path}.cell: no cell "${wanted}"${rank === undefined ? '' : `; ${ranked.length} cells have devices`}`)
    else chosen.add(found)
  }
  for (const wanted of enb ?? []) {
    const found = plan.network.cells.filter(({ enbId, rat }) => enbId === wanted && rat === 'LTE')
    if (found.length === 0) problems.push(`${path}.enb: no eNB ${wanted}`)
    for (const cell of found) chosen.add(cell)
  }
  return [...chosen]
}

const ranking = ({ devices }: Plan): RadioCell[] => {
  const counts = new Map<RadioCell, number>()
  for (const { usualCell } of devices) if (usualCell !== undefined) counts.set(usualCell, (counts.get(usualCell) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || a.cellId - b.cellId).map(([cell]) => cell)
}
