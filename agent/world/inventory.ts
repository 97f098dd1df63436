/** A planned fleet's inventory as the CSV files that `npm run import` takes; devices that never connect stand in it too. */
import type { InventoryFiles } from '../simulation/inventory.ts'
import type { Plan } from './plan-types.ts'

/** The zone is the offset's as IANA writes it (`Etc/GMT-1` is one hour east), since a scenario has no daylight saving. */
export const worldInventory = ({ network, devices, scenario }: Plan): InventoryFiles => {
  const hours = Math.round(scenario.utc_offset / 3_600_000)
  const zone = hours === 0 ? 'Etc/UTC' : `Etc/GMT${hours > 0 ? '-' : '+'}${Math.abs(hours)}`
  const site = new Map(network.sites.map((one) => [one.id, one]))
  const expectedSeconds = Math.max(1, Math.round(scenario.telemetry.interval / 1000))
  const deviceRows = devices.map(({ mac, group, index, siteId, deviceClass, serial, model }) => {
    const { region = '', latitude = 0, longitude = 0, customer = '' } = site.get(siteId) ?? {}
    return [mac, `${group} ${index + 1}`, siteId, region, latitude, longitude, zone, customer, deviceClass, expectedSeconds, model.radio === 'lte' ? '10GB' : 'flat', serial]
  }) // biome-ignore format: one row
  const siteRows = network.sites.map(({ id, name, region, latitude, longitude, customer }) => [
    id,
    name,
    region,
    latitude,
    longitude,
    zone,
    customer,
  ])
  const cellRows = network.cells.map(({ cellId, site: mast, azimuthDegrees, rat, latitude, longitude }) => [
    cellId,
    network.plmn,
    `Mast ${mast + 1} sector ${'ABC'[azimuthDegrees / 120] ?? ''}${rat === 'NR' ? ' NR' : ''}`,
    `mast-${mast + 1}`,
    mast % 2 === 0 ? 'Vendor A' : 'Vendor B',
    latitude,
    longitude,
  ])
  return {
    'devices.csv': csv(
      'device_id,name,site,region,latitude,longitude,time_zone,customer,class,expected_interval_seconds,plan,serial',
      deviceRows,
    ),
    'sites.csv': csv('site_id,name,region,latitude,longitude,time_zone,customer', siteRows),
    'cells.csv': csv('cell_id,plmn,name,site,vendor,latitude,longitude', cellRows),
  }
}

/** No value here holds a comma or a quote. */
const csv = (header: string, rows: (string | number)[][]): string => `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`
