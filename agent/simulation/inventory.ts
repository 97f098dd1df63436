/** The simulated fleet's inventory as the CSV files that `npm run import` takes. */
import type { Cell } from './cells.ts'
import type { Fleet } from './fleet.ts'

export type InventoryFiles = { 'devices.csv': string; 'sites.csv': string; 'cells.csv': string }

const origin = { latitude: 49.4, longitude: 11.0 } // Somewhere with streets; one degree is about 111 km and, here, 72 km.
const regions = ['north', 'south'] as const
const customers = ['Example Transport', 'Sample Energy', 'Test Retail'] as const

export const inventoryOf = ({ network, devices }: Fleet, expectedIntervalSeconds: number): InventoryFiles => {
  const siteName = (site: number): string => `Site ${(site + 1).toString().padStart(2, '0')}`
  const siteId = (site: number): string => `site-${(site + 1).toString().padStart(2, '0')}`
  const region = (site: number): string => regions[site * 2 < network.sites.length ? 0 : 1]
  const customer = (site: number): string => customers[site % customers.length] ?? ''
  const place = (eastKm: number, northKm: number): [string, string] => [
    (origin.latitude + northKm / 111).toFixed(6),
    (origin.longitude + eastKm / 72).toFixed(6),
  ]
  const sitePlace = (site: number): [string, string] => place(network.sites[site]?.eastKm ?? 0, network.sites[site]?.northKm ?? 0)
  const zone = 'Europe/Berlin'

  const deviceRows = devices.map(({ identity: { mac, site, serial, plan, deviceClass } }, index) => [
    mac,
    `${deviceClass === 'vehicle' ? 'Van' : 'Router'} ${index + 1}`,
    siteId(site),
    region(site),
    ...sitePlace(site),
    zone,
    customer(site),
    deviceClass, // biome-ignore format: one row
    String(expectedIntervalSeconds),
    plan,
    serial,
  ])
  const siteRows = network.sites.map(({ index }) => [
    siteId(index),
    siteName(index),
    region(index),
    ...sitePlace(index),
    zone,
    customer(index),
  ])
  const cellRows = network.cells.map((cell: Cell) => [
    String(cell.cellId),
    network.plmn,
    `${siteName(cell.site)} sector ${'ABC'[cell.azimuthDegrees / 120] ?? ''}`,
    siteId(cell.site),
    cell.site % 2 === 0 ? 'Vendor A' : 'Vendor B', // biome-ignore format: one row
    ...place(cell.eastKm, cell.northKm),
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
const csv = (header: string, rows: string[][]): string => `${[header, ...rows.map((row) => row.join(','))].join('\n')}\n`
