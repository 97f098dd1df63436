/**
 * `AT+QENG="servingcell"` and `AT+QCAINFO` of Quectel modems (RG50xQ, RM5xxQ and EC2x AT manuals, and what firmwares do beside
 * them). Each RAT has an order of its own, cell id and area code are hex without prefix, QENG counts bandwidth by index and
 * QCAINFO in resource blocks, and an NR line's RSRQ and SINR change places between stand-alone and EN-DC.
 */
import type { Carrier, RadioBody } from '../../../model/event.ts'
import { addFact, addGeneric, addMeasurement, type Draft, note } from '../draft.ts'
import { scaleOf } from '../radio-scale.ts'
import { shown } from '../shown.ts'
import { toNumber } from '../values.ts'
import { carriersMax, emptyRadio, integer, plmnOf, radioReading, signalOf } from './radio.ts'
import { bandOf, cellIdOf, digitsOf, enbIdOf, ratOf, roleOf } from './radio-words.ts'

export type Cells = {
  /** The modem's model where the same text tells it. */
  model: string | null
  /** Null until a line tells of a serving cell, or that there is none. */
  radio: RadioBody | null
  /** Of QENG and of QCAINFO; QCAINFO tells more carriers. */
  served: Carrier[]
  aggregated: Carrier[]
  /** Of QCAINFO's primary carrier; carriers have no RSSI of their own. */
  rssiDbm: number | null
  neighbour: { rsrp: number; rsrq: number | null } | null
}

export const createCells = (model: string | null): Cells => ({
  model,
  radio: null,
  served: [],
  aggregated: [],
  rssiDbm: null,
  neighbour: null,
})

export const finishCells = (draft: Draft, cells: Cells): void => {
  const { radio, neighbour, aggregated } = cells
  if (neighbour !== null) {
    addMeasurement(draft, 'cellular.neighbor.rsrp', '', neighbour.rsrp)
    if (neighbour.rsrq !== null) addMeasurement(draft, 'cellular.neighbor.rsrq', '', neighbour.rsrq)
  }
  if (aggregated.length === 0 && radio === null) return
  const primary = aggregated.find(({ role }) => role === 'PCC')
  const { rat, band, earfcn, pci, rsrpDbm, rsrqDb, sinrDb } = primary ?? emptyRadio()
  const body = radio ?? { ...emptyRadio(), rat, band, earfcn, pci, rsrpDbm, rsrqDb, sinrDb, rssiDbm: cells.rssiDbm }
  draft.bodies.push({ ...body, carriers: (aggregated.length > 0 ? aggregated : cells.served).slice(0, carriersMax) })
}

const ltePattern = /^(?:LTE|CAT-?M1?|CAT-?NB\d?|E?MTC|NB-?IOT)$/i

export const readQeng = (draft: Draft, cells: Cells, fields: readonly string[]): void => {
  const scope = fields[0] ?? ''
  if (/^neighbourcell/i.test(scope)) {
    readNeighbour(draft, cells, fields)
    return
  }
  const isServing = /^servingcell$/i.test(scope)
  if (isServing && fields[1] !== undefined) addFact(draft, 'modem.state', fields[1])
  const [word = '', ...rest] = isServing ? fields.slice(2) : fields
  if (isServing) cells.radio ??= emptyRadio()
  if (ltePattern.test(word)) readLte(draft, cells, word, rest)
  else if (/^NR5?G?-?NSA$/i.test(word)) readNsa(draft, cells, word, rest)
  else if (/^NR5?G?(?:-?SA)?$/i.test(word)) readSa(draft, cells, word, rest)
  else if (/^(?:WCDMA|TDSCDMA)$/i.test(word)) readWcdma(draft, cells, word, rest)
  else if (/^GSM$/i.test(word)) readGsm(draft, cells, word, rest)
  else if (word !== '') note(draft, `QENG: not understood: ${shown(fields.join(','))}`)
}

/** Hex without prefix: `4E21`, and `2E4`, and `74` too. */
const hex = (text: string | undefined): number | null =>
  text !== undefined && /^[0-9a-f]{1,9}$/i.test(text) ? Number.parseInt(text, 16) : null
const hexCell = (text: string | undefined, rat: string): number | null => cellIdOf(hex(text), rat)
const hexArea = (text: string | undefined): number | null => integer(hex(text), 0, 0xfffffe, true)
const channel = (text: string | undefined): number | null => integer(text, 0, 3_279_165, false)
const cellNumber = (text: string | undefined): number | null => integer(text, 0, 1007, false)

/** duplex, mcc, mnc, cell, pci, earfcn, band, ul bandwidth, dl bandwidth, tac, rsrp, rsrq, rssi, sinr, and what the firmware adds. */
const readLte = (draft: Draft, cells: Cells, mode: string, fields: readonly string[]): void => {
  const cellId = hexCell(fields[3], 'LTE')
  const signal = signalOf(draft, { rsrp: fields[10], rsrq: fields[11], sinr: fields[13] }, 'QENG', 'LTE', cells.model)
  const [earfcn, pci, band] = [channel(fields[5]), cellNumber(fields[4]), bandOf(told(fields[6]), 'LTE')]
  const extras = lteExtras(fields.slice(14))
  const radio: RadioBody = {
    ...emptyRadio(),
    rat: 'LTE',
    mode,
    plmn: plmnOf(fields[1], fields[2]),
    tac: hexArea(fields[9]),
    cellId,
    enbId: enbIdOf(cellId, 'LTE'),
    pci,
    band,
    earfcn,
    ...signal,
    rssiDbm: radioReading(draft, 'rssi', fields[12], 'QENG', 'LTE', cells.model),
    cqi: cqiOf(extras.cqi),
  }
  cells.radio = radio
  addExtra(draft, 'srxlev', extras.srxlev)
  addExtra(draft, 'tx_power', extras.txPower)
  cells.served.push(carrier('PCC', 'LTE', { band, earfcn, pci, bandwidthMhz: mhzOf(lteMhzByIndex, fields[8]), ...signal, active: true }))
}

/** Behind sinr: srxlev; or cqi, tx power, srxlev; or srxlev, cqi, tx power, aggregated bandwidth. */
const lteExtras = (fields: readonly string[]): { srxlev?: string; cqi?: string; txPower?: string } => {
  const [first = '-', second = '-', third = '-'] = fields
  if (fields.length === 1) return { srxlev: first }
  if (fields.length === 3) return { cqi: first, txPower: second, srxlev: third }
  return fields.length >= 4 ? { srxlev: first, cqi: second, txPower: third } : {}
}

const cqiOf = (text: string | undefined): number | null => integer(text, 0, 15, false)

const addExtra = (draft: Draft, name: string, text: string | undefined): void => {
  const number = text === undefined ? null : toNumber(text)
  if (typeof number === 'number' && number !== -32768) addGeneric(draft, `modem.qeng.${name}`, number)
}

/** mcc, mnc, pci, rsrp, sinr, rsrq, arfcn, band, bandwidth, scs: SINR stands before RSRQ. */
const readNsa = (draft: Draft, cells: Cells, mode: string, fields: readonly string[]): void => {
  const signal = signalOf(draft, { rsrp: fields[3], sinr: fields[4], rsrq: fields[5] }, 'QENG', 'NR', cells.model)
  const measured = signal.rsrpDbm !== null
  cells.radio = { ...(cells.radio ?? emptyRadio()), mode }
  cells.served.push(
    carrier('PSCC', 'NR', {
      pci: cellNumber(fields[2]),
      ...signal,
      earfcn: channel(fields[6]),
      band: bandOf(told(fields[7]), 'NR'),
      bandwidthMhz: mhzOf(nrMhzByIndex, fields[8]),
      active: measured ? true : null,
    }),
  )
}

/** duplex, mcc, mnc, cell, pci, tac, arfcn, band, bandwidth, rsrp, rsrq, sinr, scs, srxlev. */
const readSa = (draft: Draft, cells: Cells, mode: string, fields: readonly string[]): void => {
  const signal = signalOf(draft, { rsrp: fields[9], rsrq: fields[10], sinr: fields[11] }, 'QENG', 'NR', cells.model)
  const [earfcn, pci, band] = [channel(fields[6]), cellNumber(fields[4]), bandOf(told(fields[7]), 'NR')]
  cells.radio = {
    ...emptyRadio(),
    rat: 'NR',
    mode,
    plmn: plmnOf(fields[1], fields[2]),
    tac: hexArea(fields[5]),
    cellId: hexCell(fields[3], 'NR'),
    pci,
    band,
    earfcn,
    ...signal,
  }
  addExtra(draft, 'srxlev', fields[13])
  const bandwidthMhz = mhzOf(nrMhzByIndex, fields[8])
  cells.served.push(carrier('PCC', 'NR', { band, earfcn, pci, bandwidthMhz, ...signal, active: true }))
}

/** mcc, mnc, lac, cell, uarfcn, scrambling code, rac, rscp, ecio: other quantities than RSRP and RSRQ, so other names. */
const readWcdma = (draft: Draft, cells: Cells, mode: string, fields: readonly string[]): void => {
  cells.radio = {
    ...emptyRadio(),
    rat: 'UMTS',
    mode,
    plmn: plmnOf(fields[0], fields[1]),
    tac: hexArea(fields[2]),
    cellId: hexCell(fields[3], 'UMTS'),
    earfcn: channel(fields[4]),
  }
  if (!/^WCDMA$/i.test(mode)) return // TD-SCDMA lines have an order that no manual at hand fixes.
  addMeasurement(draft, 'cellular.rscp', '', fields[7] ?? null)
  addMeasurement(draft, 'cellular.ecio', '', fields[8] ?? null)
}

/** mcc, mnc, lac, cell, bsic, arfcn, band, rxlev in dBm. */
const readGsm = (draft: Draft, cells: Cells, mode: string, fields: readonly string[]): void => {
  cells.radio = {
    ...emptyRadio(),
    rat: 'GSM',
    mode,
    plmn: plmnOf(fields[0], fields[1]),
    tac: hexArea(fields[2]),
    cellId: hexCell(fields[3], 'GSM'),
    earfcn: channel(fields[5]),
    rssiDbm: radioReading(draft, 'rssi', fields[7], 'QENG', 'GSM', cells.model),
  }
}

/** `"neighbourcell intra","LTE",earfcn,pci,rsrq,rsrp,rssi,sinr,...`: RSRQ stands before RSRP. The serving cell is listed too. */
const readNeighbour = (draft: Draft, cells: Cells, fields: readonly string[]): void => {
  if (!/^LTE$/i.test(fields[1] ?? '')) return
  const serving = cells.radio
  if (serving?.pci !== null && serving?.pci === cellNumber(fields[3]) && serving.earfcn === channel(fields[2])) return
  const { rsrpDbm, rsrqDb } = signalOf(draft, { rsrq: fields[4], rsrp: fields[5] }, 'QENG', 'LTE', cells.model)
  if (rsrpDbm === null || (cells.neighbour !== null && cells.neighbour.rsrp >= rsrpDbm)) return
  cells.neighbour = { rsrp: rsrpDbm, rsrq: rsrqDb }
}

/** role, arfcn, bandwidth, band, then by RAT and role. */
export const readQcainfo = (draft: Draft, cells: Cells, fields: readonly string[]): void => {
  const role = roleOf(fields[0])
  const band = fields[3] ?? ''
  if (role === null || fields.length < 4) {
    note(draft, `QCAINFO: not understood: ${shown(fields.join(','))}`)
    return
  }
  const rest = fields.slice(4)
  const isNr = /NR/i.test(band)
  const common = {
    earfcn: channel(fields[1]),
    band: bandOf(told(band), isNr ? 'NR' : 'LTE'),
    bandwidthMhz: mhzOf(isNr ? nrMhzByIndex : lteMhzByBlocks, fields[2]),
  }
  const parts = isNr ? nrCarrier(draft, cells, role, rest) : lteCarrier(draft, cells, role, rest)
  cells.aggregated.push(carrier(role, isNr ? 'NR' : 'LTE', { ...common, ...parts }))
}

/** state, pci, rsrp, rsrq, rssi, sinr, and for SCC the uplink's configuration. */
const lteCarrier = (draft: Draft, cells: Cells, role: string, fields: readonly string[]): Partial<Carrier> => {
  if (role === 'PCC') cells.rssiDbm = radioReading(draft, 'rssi', fields[4], 'QCAINFO', 'LTE', cells.model)
  return {
    pci: cellNumber(fields[1]),
    ...signalOf(draft, { rsrp: fields[2], rsrq: fields[3], sinr: fields[5] }, 'QCAINFO', 'LTE', cells.model),
    active: activeOf(role, fields[0]),
  }
}

/**
 * PCC, and SCC of some firmwares: pci, and perhaps rsrp, rsrq, sinr. Others: state, pci, uplink configured, its bandwidth, its
 * ARFCN (2079167: none), and perhaps rsrp, rsrq, sinr.
 */
const nrCarrier = (draft: Draft, cells: Cells, role: string, fields: readonly string[]): Partial<Carrier> => {
  const hasState = fields.length === 2 || fields.length >= 5
  const [state, pci] = hasState ? fields : [undefined, fields[0]]
  const [rsrp, rsrq, sinr] = fields.slice(hasState ? 5 : 1)
  const active = activeOf(role, state)
  return {
    pci: cellNumber(pci),
    ...nrSignal(draft, cells, { rsrp, rsrq, sinr }),
    // The state of an EN-DC leg is written as 1 while it carries data; only 2 and 0 are sure.
    active: role === 'PCC' ? (active ?? true) : active === false && state !== '0' ? null : active,
  }
}

/** One of the three far outside its range shows another unit: without a scale for the model none of them is believed. */
const nrSignal = (
  draft: Draft,
  cells: Cells,
  told: { rsrp?: string | undefined; rsrq?: string | undefined; sinr?: string | undefined },
) => {
  const scaled = (name: 'rsrp' | 'rsrq' | 'sinr'): boolean =>
    scaleOf(draft.route.radioScales, name, 'QCAINFO', 'NR', cells.model) !== undefined
  const numbers = (['rsrp', 'rsrq', 'sinr'] as const).filter((name) => !scaled(name)).map((name) => toNumber(told[name] ?? null))
  if (!numbers.some((number) => typeof number === 'number' && number !== -32768 && Math.abs(number) > 160))
    return signalOf(draft, told, 'QCAINFO', 'NR', cells.model)
  note(draft, `QCAINFO: NR readings ${shown(Object.values(told).join(','))} are in another unit; name the model in radioScales: no reading`)
  return { rsrpDbm: null, rsrqDb: null, sinrDb: null }
}

/** SCC: 0 deconfigured, 1 configured and inactive, 2 active. PCC: 0 not served, 1 registered. Some firmwares write words. */
const activeOf = (role: string, state: string | undefined): boolean | null => {
  const word = state?.toUpperCase() ?? ''
  if (word === 'ACTIVE' || word === 'ACTIVATED' || word === 'REGISTERED') return true
  if (word === 'INACTIVE' || word === 'DEACTIVATED' || word === 'DECONFIGURED' || word === 'CONFIGURED') return false
  if (word === '0') return false
  return word === '1' ? role === 'PCC' : word === '2' ? true : null
}

/** `+QNWINFO: "FDD LTE","00101","LTE BAND 3",1300`: less than QENG tells, so only where that is missing. */
export const readQnwinfo = (cells: Cells, [act, operator, band, arfcn]: readonly string[]): void => {
  const rat = ratOf(act?.replace(/^(?:FDD|TDD)\s+/i, '')) ?? null
  if (cells.radio !== null || rat === null || band === undefined) return
  cells.radio = { ...emptyRadio(), rat, mode: act ?? null, plmn: digitsOf(operator), band: bandOf(band, rat), earfcn: channel(arfcn) }
}

const told = (text: string | undefined): string | null => (text === undefined || text === '-' || text === '' ? null : text)

const carrier = (role: Carrier['role'], rat: string, parts: Partial<Carrier>): Carrier => ({
  role,
  rat,
  band: null,
  bandwidthMhz: null,
  earfcn: null,
  pci: null,
  rsrpDbm: null,
  rsrqDb: null,
  sinrDb: null,
  active: null,
  ...parts,
})

const mhzOf = (table: Readonly<Record<number, number>>, text: string | undefined): number | null =>
  text !== undefined && /^\d{1,3}$/.test(text) ? (table[Number(text)] ?? null) : null

const lteMhzByIndex: Readonly<Record<number, number>> = { 0: 1.4, 1: 3, 2: 5, 3: 10, 4: 15, 5: 20 }
/** 3GPP TS 36.101 table 5.6-1. */
const lteMhzByBlocks: Readonly<Record<number, number>> = { 6: 1.4, 15: 3, 25: 5, 50: 10, 75: 15, 100: 20 }
const nrMhzByIndex: Readonly<Record<number, number>> = {
  0: 5,
  1: 10,
  2: 15,
  3: 20,
  4: 25,
  5: 30,
  6: 40,
  7: 50,
  8: 60,
  9: 70,
  10: 80,
  11: 90,
  12: 100,
  13: 200,
  14: 400,
  15: 35,
  16: 45,
}
