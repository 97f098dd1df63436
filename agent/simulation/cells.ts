/** A small radio network: sites on a grid, three cells each, and what a modem at a place hears of them. */
import type { Random } from './random.ts'

export type Cell = {
  cellId: number
  enbId: number
  pci: number
  site: number
  azimuthDegrees: number
  eastKm: number
  northKm: number
  earfcn: number
  band: number
}
export type Network = {
  plmn: string
  tac: number
  cells: Cell[]
  sites: { index: number; eastKm: number; northKm: number }[]
  widthKm: number
}
export type Reading = { cell: Cell; rsrpDbm: number; rsrqDb: number; sinrDb: number; rssiDbm: number; cqi: number }

const spacingKm = 1.8
const firstEnb = 74_500

/** `columns` x `columns` sites. Nothing is random here: cell ids and places are the same for every seed. */
export const createNetwork = (columns: number): Network => {
  const sites = Array.from({ length: columns * columns }, (_, index) => ({
    index,
    eastKm: (index % columns) * spacingKm,
    northKm: Math.floor(index / columns) * spacingKm,
  }))
  const cells = sites.flatMap(({ index, eastKm, northKm }) =>
    [0, 1, 2].map((sector) => ({
      cellId: (firstEnb + index) * 256 + sector + 1,
      enbId: firstEnb + index,
      pci: (index * 3 + sector) % 504,
      site: index,
      azimuthDegrees: sector * 120,
      eastKm,
      northKm,
      earfcn: 1300,
      band: 3,
    })),
  )
  return { plmn: '00101', tac: 4711, cells, sites, widthKm: (columns - 1) * spacingKm }
}

/** The level of one cell at a place: distance loss of an urban macro cell, and up to 20 dB less behind the antenna. */
export const levelDbm = (cell: Cell, eastKm: number, northKm: number): number => {
  const east = eastKm - cell.eastKm
  const north = northKm - cell.northKm
  const distanceKm = Math.max(0.05, Math.sqrt(east * east + north * north))
  const bearing = (Math.atan2(east, north) * 180) / Math.PI
  const off = Math.abs(((bearing - cell.azimuthDegrees + 540) % 360) - 180)
  return -94 - 36 * Math.log10(distanceKm) - Math.min(20, 12 * (off / 70) ** 2)
}

const handoverMarginDb = 3 // A3 event: the neighbour must be this much better, or the modem would flap at the edge.

/** What the modem reads now. It leaves `serving` only for a clearly better cell. */
export const readRadio = (
  network: Network,
  serving: Cell | undefined,
  eastKm: number,
  northKm: number,
  shadowDb: number,
  random: Random,
): Reading => {
  const levels = network.cells.map((cell) => ({ cell, dbm: levelDbm(cell, eastKm, northKm) })).sort((a, b) => b.dbm - a.dbm)
  const best = levels[0]
  if (best === undefined) throw new Error('A network has at least one cell')
  const held = levels.find(({ cell }) => cell.cellId === serving?.cellId)
  const chosen = held !== undefined && best.dbm - held.dbm < handoverMarginDb ? held : best
  const strongestOther = levels.find(({ cell }) => cell !== chosen.cell)?.dbm ?? -140
  const rsrpDbm = limited(Math.round(chosen.dbm + shadowDb), -140, -44)
  const sinrDb = limited(Math.round((chosen.dbm - strongestOther + 3 + random.normal() * 2 + shadowDb / 2) * 10) / 10, -20, 30)
  return {
    cell: chosen.cell,
    rsrpDbm,
    rsrqDb: limited(Math.round(-13 + sinrDb / 3), -20, -3),
    sinrDb,
    rssiDbm: limited(rsrpDbm + 28 + random.between(-1, 1), -110, -25),
    cqi: limited(Math.round(7 + sinrDb / 3), 1, 15),
  }
}

const limited = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))
