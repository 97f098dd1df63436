/**
 * The operator's network: masts on a grid with three sectors, each sector an LTE cell and an NR cell, with coordinates. Cell faults
 * are functions of time, so every device sees them alike and none depends on another.
 */
import { type Cell, levelDbm } from '../simulation/cells.ts'

/** `outage`: not on air. `level`: all who hear it lose `db`. `interference`: level stays, SINR loses `db`. */
export type CellFault = { kind: 'outage' | 'level' | 'interference'; fromMs: number; toMs: number; db: number }
export type RadioCell = Cell & {
  rat: 'LTE' | 'NR'
  tac: number
  bandwidthMhz: number
  latitude: number
  longitude: number
  faults: CellFault[]
}
export type Place = { eastKm: number; northKm: number }
export type Site = Place & { id: string; name: string; region: string; customer: string; latitude: number; longitude: number }
export type Network = { plmn: string; masts: number; widthKm: number; cells: RadioCell[]; sites: Site[] }
export type NetworkOptions = {
  masts: number
  spacingKm: number
  latitude: number
  longitude: number
  plmn: string
  sites: number
}

const firstEnb = 74_500
const customers = ['Example Transport', 'Sample Energy', 'Test Retail'] as const
const kmPerDegree = 111.2
/** The golden angle lays places evenly over a disc, without chance: the same sites for every seed. */
const goldenAngle = 2.399963229728653

export const createNetwork = ({ masts, spacingKm, latitude, longitude, plmn, sites: siteCount }: NetworkOptions): Network => {
  const columns = Math.ceil(Math.sqrt(masts))
  const widthKm = Math.max(1, columns - 1) * spacingKm
  const degrees = ({ eastKm, northKm }: Place): { latitude: number; longitude: number } => ({
    latitude: Number((latitude + northKm / kmPerDegree).toFixed(6)),
    longitude: Number((longitude + eastKm / (kmPerDegree * Math.cos((latitude * Math.PI) / 180))).toFixed(6)),
  })
  const cells = Array.from({ length: masts }, (_, mast) => {
    const place = { eastKm: (mast % columns) * spacingKm, northKm: Math.floor(mast / columns) * spacingKm }
    const common = { ...place, ...degrees(place), enbId: firstEnb + mast, site: mast, tac: 4711 + (mast % columns < columns / 2 ? 0 : 1) }
    return [0, 1, 2].flatMap((sector): RadioCell[] => [
      { ...common, rat: 'LTE', cellId: (firstEnb + mast) * 256 + sector + 1, pci: (mast * 3 + sector) % 504, azimuthDegrees: sector * 120, earfcn: 1300, band: 3, bandwidthMhz: 20, faults: [] },
      { ...common, rat: 'NR', cellId: (firstEnb + mast) * 4096 + sector + 1, pci: (mast * 3 + sector) % 1008, azimuthDegrees: sector * 120, earfcn: 636_666, band: 78, bandwidthMhz: 80, faults: [] },
    ]) // biome-ignore format: one line per cell
  }).flat()
  const sites = Array.from({ length: siteCount }, (_, index): Site => {
    const radiusKm = (widthKm / 2) * Math.sqrt((index + 0.5) / siteCount)
    const place = {
      eastKm: widthKm / 2 + radiusKm * Math.cos(index * goldenAngle),
      northKm: widthKm / 2 + radiusKm * Math.sin(index * goldenAngle),
    }
    const number = (index + 1).toString().padStart(String(siteCount).length, '0')
    const region = place.northKm > widthKm / 2 ? 'north' : 'south'
    return { ...place, ...degrees(place), id: `site-${number}`, name: `Site ${number}`, region, customer: customers[index % 3] ?? '' }
  })
  return { plmn, masts, widthKm, cells, sites }
}

/** Beyond this no modem hears a cell; it bounds the candidates of a place. */
const hearableDbm = -124
const hearableKm = 7 // Where the level of a cell in its main direction falls below that.

export type Candidate = { cell: RadioCell; dbm: number }
const candidatesMax = 8

/** The cells of one technology that can be heard at a place, strongest first, faults left out of account. */
export const candidatesAt = (network: Network, rat: 'LTE' | 'NR', { eastKm, northKm }: Place): Candidate[] => {
  const heard: Candidate[] = []
  for (const cell of network.cells) {
    if (cell.rat !== rat || Math.abs(cell.eastKm - eastKm) > hearableKm || Math.abs(cell.northKm - northKm) > hearableKm) continue
    const dbm = levelDbm(cell, eastKm, northKm)
    if (dbm >= hearableDbm) heard.push({ cell, dbm })
  }
  return heard.sort((a, b) => b.dbm - a.dbm || a.cell.cellId - b.cell.cellId).slice(0, candidatesMax)
}

/** What the cell loses now: level and SINR in dB; Infinity when it is off the air. */
export const cellLoss = ({ faults }: RadioCell, atMs: number): { levelDb: number; sinrDb: number } | undefined => {
  let loss: { levelDb: number; sinrDb: number } | undefined
  for (const fault of faults) {
    if (atMs < fault.fromMs || atMs >= fault.toMs) continue
    loss ??= { levelDb: 0, sinrDb: 0 }
    if (fault.kind === 'outage') loss.levelDb = Infinity
    else if (fault.kind === 'level') loss.levelDb += fault.db
    else loss.sinrDb += fault.db
  }
  return loss
}
