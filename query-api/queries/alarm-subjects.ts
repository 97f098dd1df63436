/** Whom alarms are about: names, class and site of devices, groups and sites, by the inventory as it is now. */
import type { Scope } from './scope.ts'
import { askTogether } from './together.ts'

export type SubjectNames = { name: string; class: string; site: string; site_name: string }

/** Inventory names of these subjects, else what a device calls itself; a subject that is not there has none. */
export const subjectNames = async (scope: Scope, subjects: readonly string[]): Promise<Map<string, SubjectNames>> => {
  if (subjects.length === 0) return new Map()
  const params = { tenant: scope.tenant, subjects: [...new Set(subjects)] }
  const [devices, sites, hosts] = await askTogether(scope.warehouse, [
    {
      cells: ['device_id', 'name', 'class', 'site'],
      read: ([id, name, deviceClass, site]: [string, string, string, string]) => ({ id, name, class: deviceClass, site }),
      from: 'devices FINAL WHERE tenant = {tenant:String} AND device_id IN {subjects:Array(String)}',
      params,
    },
    {
      cells: ['site_id', 'name'],
      read: ([id, name]: [string, string]) => ({ id, name }),
      from: 'sites FINAL WHERE tenant = {tenant:String} AND (site_id IN {subjects:Array(String)} OR site_id IN (SELECT site FROM devices FINAL WHERE tenant = {tenant:String} AND device_id IN {subjects:Array(String)}))',
      params,
    },
    {
      cells: ['subject', "ifNull(tupleElement(argMax(tuple(value), (observed_at, offset)), 1), '')"],
      read: ([id, name]: [string, string]) => ({ id, name }),
      from: "facts WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND name = 'device.hostname' GROUP BY subject",
      params,
    },
  ])
  const siteNames = new Map(sites.map(({ id, name }) => [id, name]))
  const hostNames = new Map(hosts.map(({ id, name }) => [id, name]))
  const known = new Map(devices.map((device) => [device.id, device]))
  return new Map(
    params.subjects.map((id) => {
      const device = known.get(id)
      const name = device === undefined || device.name === '' ? (hostNames.get(id) ?? siteNames.get(id) ?? '') : device.name
      const site = device?.site ?? ''
      return [id, { name, class: device?.class ?? '', site, site_name: siteNames.get(site) ?? '' }]
    }),
  )
}
