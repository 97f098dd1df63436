/**
 * A modem at a place: which cell serves it, what it measures, which carriers it aggregates. It leaves a cell only for a clearly
 * better one (event A3), and at once when its cell goes off the air.
 */
import type { Random } from '../simulation/random.ts'
import { type Candidate, candidatesAt, cellLoss, type Network, type Place, type RadioCell } from './network.ts'

export type RadioEffects = {
  /** Own losses of this device (antenna, water in the cable), dB. */
  levelLossDb: number
  sinrLossDb: number
  /** Aggregates nothing though it could. */
  noCarriers: boolean
  /** Forced to a lower technology. */
  rat: 'LTE' | 'UMTS' | undefined
  /** Jumps between the two strongest cells with each reading. */
  pingPong: boolean
}

/** `cell` undefined: no service. */
export type RadioReading = {
  cell: RadioCell | undefined
  rsrpDbm: number
  rsrqDb: number
  sinrDb: number
  neighbor: { rsrpDbm: number; rsrqDb: number } | undefined
  handover: boolean
}

export type Modem = {
  read: (atMs: number, busy: number, effects: RadioEffects) => RadioReading
  /** The values of the message `hardware/lte` or `hardware/nr`, without braces. */
  text: (reading: RadioReading, plmn: string, effects: RadioEffects) => string
  moveTo: (place: Place) => void
  /** After a reboot or a lost modem. */
  forget: () => void
  servingCellId: () => number | undefined
  candidates: () => readonly Candidate[]
}

const handoverMarginDb = 3
/** Below this level a modem finds no cell (cell selection, qRxLevMin). */
const serviceFromDbm = -120
const movedKm = 0.15 // Candidates are looked up anew after so far; finer steps change no serving cell.

export type ModemOptions = { network: Network; ability: 'lte' | 'nsa' | 'sa'; carriersMax: number; place: Place; random: Random }

export const createModem = ({ network, ability, carriersMax, place: firstPlace, random }: ModemOptions): Modem => {
  const ownRat = ability === 'sa' ? 'NR' : 'LTE'
  let place = firstPlace
  let lookedUpAt = firstPlace
  let rat: 'LTE' | 'NR' = ownRat
  let candidates = candidatesAt(network, rat, place)
  let serving: RadioCell | undefined
  let shadowDb = random.normal() * 2

  const lookUp = (wanted: 'LTE' | 'NR'): void => {
    rat = wanted
    lookedUpAt = place
    candidates = candidatesAt(network, rat, place)
  }

  return {
    servingCellId: () => serving?.cellId,
    candidates: () => candidates,
    forget: () => {
      serving = undefined
    },
    moveTo: (next) => {
      place = next
      if (Math.abs(place.eastKm - lookedUpAt.eastKm) + Math.abs(place.northKm - lookedUpAt.northKm) > movedKm) lookUp(rat)
    },
    read: (atMs, busy, effects) => {
      const wanted = effects.rat === undefined ? ownRat : 'LTE'
      if (wanted !== rat) lookUp(wanted)
      shadowDb = shadowDb * 0.9 + random.normal() * 0.9
      let best: RadioCell | undefined
      let bestDbm = -Infinity
      let secondDbm = -Infinity
      let second: RadioCell | undefined
      let heldDbm = -Infinity
      for (const { cell, dbm } of candidates) {
        const level = cell.faults.length === 0 ? dbm : dbm - (cellLoss(cell, atMs)?.levelDb ?? 0)
        if (level === -Infinity) continue
        if (cell === serving) heldDbm = level
        if (level > bestDbm) {
          second = best
          secondDbm = bestDbm
          best = cell
          bestDbm = level
        } else if (level > secondDbm) {
          second = cell
          secondDbm = level
        }
      }
      const before = serving
      let chosen = heldDbm > -Infinity && bestDbm - heldDbm < handoverMarginDb ? before : best
      if (effects.pingPong && second !== undefined) chosen = before === best ? second : best
      const chosenDbm = chosen === best ? bestDbm : chosen === second ? secondDbm : heldDbm
      const otherDbm = chosen === best ? secondDbm : bestDbm
      const level = chosenDbm + shadowDb - effects.levelLossDb
      if (chosen === undefined || level < serviceFromDbm) {
        serving = undefined
        return { cell: undefined, rsrpDbm: 0, rsrqDb: 0, sinrDb: 0, neighbor: undefined, handover: false }
      }
      serving = chosen
      const rsrpDbm = limited(Math.round(level), -140, -44)
      const fadedDb = shadowDb / 2
      const noiseDb = Math.max(0, -105 - level) * 0.7 // Near the noise floor the level itself costs SINR.
      const ownDb = Math.min(24, chosenDbm - Math.max(otherDbm, -125) + 6)
      const interferenceDb = chosen.faults.length === 0 ? 0 : (cellLoss(chosen, atMs)?.sinrDb ?? 0)
      const sinr = ownDb + fadedDb - noiseDb - 4 * busy - interferenceDb - effects.sinrLossDb + random.normal() * 1.2
      const sinrDb = limited(Math.round(sinr * 10) / 10, -20, 30)
      const rsrqDb = limited(Math.round(-8 - 4 * busy - Math.max(0, 12 - sinrDb) / 3), -20, -3)
      const heardOther = otherDbm + shadowDb - effects.levelLossDb
      return {
        cell: chosen,
        rsrpDbm,
        rsrqDb,
        sinrDb,
        neighbor: heardOther < -135 ? undefined : { rsrpDbm: Math.round(heardOther), rsrqDb: limited(rsrqDb - 4, -25, -3) },
        handover: before !== undefined && before !== chosen,
      }
    },
    text: ({ cell, rsrpDbm, rsrqDb, sinrDb, neighbor }, plmn, effects) => {
      if (cell === undefined) return '"mode":"-","rsrp":"-","rsrq":"-","sinr":"-"'
      const beside = neighbor === undefined ? '' : `,"neighborRsrp":${neighbor.rsrpDbm},"neighborRsrq":${neighbor.rsrqDb}`
      if (effects.rat === 'UMTS')
        return `"mode":"HSPA+","plmn":"${plmn}","lac":${cell.tac},"cell":${cell.cellId},"rscp":${rsrpDbm - 4},"rssi":${rsrpDbm + 6}`
      const nsa = ability === 'nsa' && effects.rat === undefined && rsrpDbm > -112
      const mode = cell.rat === 'NR' ? 'SA' : nsa ? 'NSA' : 'LTE'
      const cqi = limited(Math.round(7 + sinrDb / 3), 1, 15)
      const level = `"rsrp":${rsrpDbm},"rsrq":${rsrqDb},"sinr":${sinrDb}`
      const rssi = limited(rsrpDbm + 29 - Math.round(rsrqDb / 4), -110, -25)
      const carriers = [
        `{"role":"PCC","band":"${bandName(cell)}","bandwidthMHz":${cell.bandwidthMhz},"earfcn":${cell.earfcn},"pci":${cell.pci},${level},"active":true}`,
      ]
      if (!effects.noCarriers) {
        for (const [index, layer] of secondaryLayers[cell.rat].slice(0, carriersMax - 1).entries()) {
          const own = rsrpDbm - layer.lossDb
          if (own > -118)
            carriers.push(`{"role":"SCC","band":"${layer.band}","bandwidthMHz":${layer.bandwidthMhz},"earfcn":${layer.earfcn},"pci":${(cell.pci + 7 * (index + 1)) % 504},"rsrp":${limited(own, -140, -44)},"rsrq":${limited(rsrqDb - 1, -20, -3)},"sinr":${Math.round((sinrDb - 1.5) * 10) / 10},"active":true}`)
        }
        if (nsa) carriers.push(`{"role":"PSCC","rat":"NR","band":"n78","bandwidthMHz":80,"earfcn":636666,"pci":${cell.pci},"rsrp":${limited(rsrpDbm - 6, -140, -44)},"rsrq":${limited(rsrqDb, -20, -3)},"sinr":${Math.round((sinrDb + 2) * 10) / 10},"active":true}`)
      } // biome-ignore format: one line per carrier
      return `"mode":"${mode}","plmn":"${plmn}","tac":${cell.tac},"cell":${cell.cellId},"pci":${cell.pci},"band":"${bandName(cell)}","earfcn":${cell.earfcn},${level},"rssi":${rssi},"cqi":${cqi}${beside},"carriers":[${carriers.join(',')}]`
    },
  }
}

const secondaryLayers = {
  LTE: [
    { band: 'B7', bandwidthMhz: 10, earfcn: 2850, lossDb: 5 },
    { band: 'B20', bandwidthMhz: 10, earfcn: 6300, lossDb: -4 },
  ],
  NR: [{ band: 'n28', bandwidthMhz: 10, earfcn: 152_600, lossDb: -6 }],
} as const

const bandName = ({ rat, band }: RadioCell): string => `${rat === 'NR' ? 'n' : 'B'}${band}`
const limited = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))
