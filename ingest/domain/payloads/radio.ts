/**
 * `hardware/lte`, `nr`, `radio`: a snapshot of the modem's serving cell and its carriers. Readings outside the physical range
 * are null (RSRP -200, RSRQ -204, 2079167, 99, 255), and so are RSRQ and SINR 0 beside an RSRP of 0: the modem measured nothing.
 */
import type { Carrier, RadioBody } from '../../../model/event.ts'
import { type MetricName, measurementCatalogue } from '../../../model/measurement-catalogue.ts'
import { addUnknown, addUnknownKey, type Draft, inRange, isReading, noteOutOfRange, refuse } from '../draft.ts'
import { type FieldReader, fieldTable, measure, readObject } from '../fields.ts'
import { canonicalKey, snakeKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { type RadioSource, scaledReading, type ScaledReading, scaleOf } from '../radio-scale.ts'
import { numberWithUnit } from '../units.ts'
import { isObject, toFlag, toNumber, toWord } from '../values.ts'
import { bandOf, cellIdOf, digitsOf, enbIdOf, ratOf, roleOf } from './radio-words.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

/** LTE-A Pro knows 32 component carriers (3GPP TS 36.331 6.4, maxServCell-r13). */
export const carriersMax = 32

export const radio: Profile = {
  mayBeForeign: true,
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected one object; a radio snapshot has one time')
      return
    }
    readRadio(draft, value)
  },
  text: (draft, text) => {
    const value = scalarOf(text)
    if (!isReading('cellular.rsrp', value)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected JSON or a bare RSRP, got "${shown(text)}"`)
      return
    }
    readRadio(draft, { rsrp: value })
  },
}

export const emptyRadio = (): RadioBody => ({
  kind: 'Radio',
  rat: null,
  mode: null,
  plmn: null,
  tac: null,
  cellId: null,
  enbId: null,
  pci: null,
  band: null,
  earfcn: null,
  rsrpDbm: null,
  rsrqDb: null,
  sinrDb: null,
  rssiDbm: null,
  cqi: null,
  carriers: [],
})

/** What one snapshot's keys said; the RAT decides how cell, band and PCI are read, so it comes first. */
type Slots = Partial<Record<Slot, unknown>>
type Slot =
  | 'rat'
  | 'mode'
  | 'plmn'
  | 'mcc'
  | 'mnc'
  | 'tac'
  | 'cell'
  | 'rawCell'
  | 'enb'
  | 'pci'
  | 'band'
  | 'earfcn'
  | 'rsrp'
  | 'rsrq'
  | 'sinr'
  | 'rssi'
  | 'cqi'
  | 'carriers'
  | 'role'
  | 'bandwidth'
  | 'active'

const spellings: Record<Slot, string> = {
  rat: 'rat accesstechnology technology networktype',
  mode: 'mode networkmode servicemode',
  plmn: 'plmn operatorcode mccmnc plmnid',
  mcc: 'mcc',
  mnc: 'mnc',
  tac: 'tac lac trackingareacode',
  cell: 'cell cellid cid ci eci servingcell',
  rawCell: 'rawcellid rawcell nci globalcellid cellidentity ecgi',
  enb: 'enb enbid enodebid enodeb nodeid',
  pci: 'pci physicalcellid phycellid pcid',
  band: 'band currentband bandname',
  earfcn: 'earfcn arfcn nrarfcn channel uarfcn',
  rsrp: 'rsrp rsrpdbm value',
  rsrq: 'rsrq rsrqdb',
  sinr: 'sinr snr sinrdb snrdb rssnr rssinr',
  rssi: 'rssi rssidbm',
  cqi: 'cqi',
  carriers: 'carriers carrieraggregation ca componentcarriers',
  role: 'role type',
  bandwidth: 'bandwidthmhz bandwidth bw bwmhz',
  active: 'active enabled state',
}

const slotOf = new Map(Object.entries(spellings).flatMap(([slot, words]) => words.split(' ').map((word) => [word, slot as Slot] as const)))

// The snapshot being read; readers of the table know only the draft. Nothing here awaits.
let slots: Slots = {}
const keep =
  (slot: Slot): FieldReader =>
  (draft, value, key) => {
    if (slots[slot] === undefined) slots[slot] = value
    else addUnknownKey(draft, draft.route.prefix, key, value)
  }
const servingSlots = Object.entries(spellings).filter(([slot]) => !['role', 'bandwidth', 'active'].includes(slot))
const fields = fieldTable({
  ...Object.fromEntries(servingSlots.map(([slot, words]) => [words, keep(slot as Slot)])),
  'neighborrsrp neighbourrsrp nrxrsrp': measure('cellular.neighbor.rsrp'),
  'neighborrsrq neighbourrsrq nrxrsrq': measure('cellular.neighbor.rsrq'),
  // Of 3G: other quantities than RSRP and RSRQ, so they have names of their own.
  'rscp rscpdbm': measure('cellular.rscp'),
  'ecio ecno': measure('cellular.ecio'),
})

/** One snapshot: one object of the keys above, whoever made it. */
export const readRadio = (draft: Draft, value: Record<string, unknown>): void => {
  slots = {}
  readObject(draft, fields, value)
  const told = slots
  const mode = toWord(told.mode) ?? null
  const rat =
    ratOf(toWord(told.rat)) ??
    ratOf(mode) ??
    (draft.route.metric === 'nr' ? 'NR' : draft.route.metric === 'lte' && mode === null ? 'LTE' : null)
  const cellId = cellIdOf(told.rawCell, rat) ?? cellIdOf(told.cell, rat)
  const body: RadioBody = {
    ...emptyRadio(),
    rat,
    mode: mode ?? toWord(told.rat) ?? null,
    plmn: digitsOf(told.plmn) ?? plmnOf(told.mcc, told.mnc),
    tac: integer(told.tac, 0, 0xfffffe, true),
    cellId,
    enbId: integer(told.enb, 0, 0xfffff, false) ?? enbIdOf(cellId, rat),
    pci: integer(told.pci, 0, 1007, false),
    band: bandOf(toWord(told.band), rat),
    earfcn: integer(told.earfcn, 0, 3_279_165, false),
    ...signal(draft, told, rat),
    rssiDbm: radioReading(draft, 'rssi', told.rssi, 'json', rat),
    cqi: reading(draft, 'cellular.cqi', told.cqi),
  }
  if (told.rawCell !== undefined && told.cell !== undefined) addUnknown(draft, `${draft.route.prefix}.cell`, told.cell)
  body.carriers = carriersOf(draft, told.carriers, rat)
  draft.bodies.push(body)
}

type Signal = Pick<RadioBody, 'rsrpDbm' | 'rsrqDb' | 'sinrDb'>

const signal = (draft: Draft, told: Slots, rat: string | null): Signal => signalOf(draft, told, 'json', rat)

/** RSRP, RSRQ and SINR of one cell, scaled as the model's firmware needs it; 0 beside an RSRP of 0 is no reading. */
export const signalOf = (
  draft: Draft,
  told: { rsrp?: unknown; rsrq?: unknown; sinr?: unknown },
  source: RadioSource,
  rat: string | null,
  modem: string | null = null,
): Signal => {
  const nothingMeasured = toNumber(told.rsrp) === 0
  const beside = (name: ScaledReading, value: unknown): number | null =>
    nothingMeasured && toNumber(value) === 0 ? null : radioReading(draft, name, value, source, rat, modem)
  return {
    rsrpDbm: radioReading(draft, 'rsrp', told.rsrp, source, rat, modem),
    rsrqDb: beside('rsrq', told.rsrq),
    sinrDb: beside('sinr', told.sinr),
  }
}

const metricOf = { rsrp: 'cellular.rsrp', rsrq: 'cellular.rsrq', sinr: 'cellular.sinr', rssi: 'cellular.rssi' } as const

export const radioReading = (
  draft: Draft,
  name: ScaledReading,
  value: unknown,
  source: RadioSource,
  rat: string | null,
  modem: string | null = null,
): number | null => {
  const { radioScales } = draft.route
  const number = radioScales.length === 0 ? value : toNumber(value)
  if (radioScales.length === 0 || typeof number !== 'number') return reading(draft, metricOf[name], value)
  return reading(draft, metricOf[name], scaledReading(scaleOf(radioScales, name, source, rat, modem), number))
}

const reading = (draft: Draft, metric: MetricName, value: unknown): number | null => {
  if (value === undefined) return null
  const definition = measurementCatalogue[metric]
  const number = toNumber(value) ?? (typeof value === 'string' ? numberWithUnit(value, definition.unit) : undefined)
  if (number === undefined) {
    if (toNumber(value) === undefined) addUnknown(draft, `${draft.route.prefix}.${metric.slice(metric.indexOf('.') + 1)}`, value)
    return null
  }
  const read = inRange(definition, number)
  if (read === null) noteOutOfRange(draft, metric, definition, number)
  return read
}

/** TAC and LAC come as decimal numbers, or as hex text with a letter in it. 0xFFFF is "no area" (3GPP TS 23.003 19.4.2.3). */
export const integer = (value: unknown, least: number, greatest: number, area: boolean): number | null => {
  const number =
    typeof value === 'string' && area && /^[0-9a-f]*[a-f][0-9a-f]*$/i.test(value.trim()) ? Number.parseInt(value, 16) : toNumber(value)
  if (typeof number !== 'number' || !Number.isInteger(number) || number < least || number > greatest) return null
  return area && number === 0xffff ? null : number
}

export const plmnOf = (mcc: unknown, mnc: unknown): string | null => {
  const [country, network] = [toWord(mcc), toWord(mnc)]
  if (!country || !network) return null
  return digitsOf(country.padStart(3, '0') + network.padStart(2, '0'))
}

/** An array, or an object `{"pcc":{...},"scc1":{...}}`. */
const carriersOf = (draft: Draft, value: unknown, rat: string | null): Carrier[] => {
  const list = Array.isArray(value) ? value.map((item) => ['', item] as const) : isObject(value) ? Object.entries(value) : []
  if (list.length === 0 && value !== undefined && value !== null && !Array.isArray(value))
    addUnknown(draft, `${draft.route.prefix}.carriers`, value)
  if (list.length > carriersMax) refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${carriersMax} carriers, got ${list.length}`)
  return list.slice(0, carriersMax).flatMap(([name, item], index): Carrier[] => {
    if (!isObject(item)) {
      addUnknown(draft, `${draft.route.prefix}.carriers.${name === '' ? index : snakeKey(name)}`, item)
      return []
    }
    return [carrierOf(draft, name, item, index, rat)]
  })
}

const carrierOf = (draft: Draft, name: string, item: Record<string, unknown>, index: number, servingRat: string | null): Carrier => {
  const told: Slots = {}
  for (const key in item) {
    const slot = slotOf.get(canonicalKey(key))
    if (slot !== undefined && told[slot] === undefined) told[slot] = item[key]
    else addUnknownKey(draft, `${draft.route.prefix}.carriers.${index}`, key, item[key])
  }
  const role = roleOf(toWord(told.role) ?? name)
  const rat = ratOf(toWord(told.rat)) ?? ratOf(toWord(told.mode)) ?? servingRat
  return {
    role,
    rat,
    band: bandOf(toWord(told.band), rat),
    bandwidthMhz: bandwidth(told.bandwidth),
    earfcn: integer(told.earfcn, 0, 3_279_165, false),
    pci: integer(told.pci, 0, 1007, false),
    ...signal(draft, told, rat),
    active: toFlag(told.active),
  }
}

const bandwidth = (value: unknown): number | null => {
  const hertz = typeof value === 'string' ? numberWithUnit(value, 'Hz') : undefined
  const number = hertz === undefined ? toNumber(value) : hertz / 1e6
  return typeof number === 'number' && number > 0 && number <= 2000 ? number : null
}
