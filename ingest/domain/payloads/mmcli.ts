/**
 * `mmcli --output-json` (ModemManager): `--signal-get`, `-m`, `--location-get`, `-b`, `-i`. Numbers are texts ("-97.00"), "--" is
 * no reading. Refresh rate and thresholds are settings, not readings. LTE and 5G with values at once are EN-DC: the LTE cell
 * serves, the NR cell is a carrier. 3G has RSCP and Ec/Io, which are neither RSRP nor RSRQ. Credentials are sealed.
 */
import type { Carrier, RadioBody } from '../../../model/event.ts'
import { attributesOf } from '../attributes.ts'
import { addCounter, addFact, addMeasurement, addPersonal, addUnknownKey, type Draft, note, personalName, refuse } from '../draft.ts'
import { type FieldReader, fieldTable, readUnknown } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import type { Profile } from '../profile.ts'
import { isObject, toFlag, toNumber, toWord } from '../values.ts'
import { emptyRadio, integer, plmnOf, radioReading, signalOf } from './radio.ts'
import { cellIdOf, digitsOf } from './radio-words.ts'

export const mmcli: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', "expected mmcli's JSON, one object")
      return
    }
    for (const key in value) {
      const part = value[key]
      if (key === 'modem' && isObject(part)) readModem(draft, part)
      else if (key === 'bearer' && isObject(part)) readBearer(draft, part)
      else if (key === 'sim' && isObject(part)) readSim(draft, part)
      else readBeside(draft, part, key)
    }
  },
  text: (draft) => refuse(draft, 'PAYLOAD_SHAPE', 'expected JSON: mmcli --output-json'),
}

type Group = Record<string, unknown>

/** What a script put beside mmcli's output: its time and sequence, or something of its own. */
const envelope = fieldTable({})
const readBeside: FieldReader = (draft, value, key) => {
  const reader = envelope.readerOf(key)
  if (reader === readUnknown) addUnknownKey(draft, 'modem', key, value)
  else reader(draft, value, key)
}

const readModem = (draft: Draft, modem: Group): void => {
  const radio = emptyRadio()
  let hasRadio = false
  for (const key in modem) {
    const part = modem[key]
    if (key === 'signal' && isObject(part)) {
      readSignal(draft, part, radio)
      hasRadio = true
    } else if (key === 'location' && isObject(part)) hasRadio = readLocation(draft, part, radio) || hasRadio
    else if (key === 'generic' && isObject(part)) readGroup(draft, part, generic, 'modem')
    else if (key === '3gpp' && isObject(part)) readGroup(draft, part, gpp, 'modem')
    else addUnknownKey(draft, 'modem', key, part)
  }
  if (hasRadio) draft.bodies.push(radio)
}

/** A modem without signal gives a snapshot of nothing: what was there before is over. */
const readSignal = (draft: Draft, signal: Group, radio: RadioBody): void => {
  const lte = cellOf(draft, signal['lte'], 'LTE')
  const nr = cellOf(draft, signal['5g'], 'NR')
  const umts = isObject(signal['umts']) ? signal['umts'] : {}
  const serving = lte ?? nr
  if (serving !== null) Object.assign(radio, { rat: serving.rat, ...readings(serving) })
  radio.rssiDbm = rssiOf(draft, signal['lte'], 'LTE') ?? rssiOf(draft, signal['umts'], 'UMTS') ?? rssiOf(draft, signal['gsm'], 'GSM')
  if (radio.rat === null && hasNumber(umts)) radio.rat = 'UMTS'
  if (radio.rat === null && hasNumber(signal['gsm'])) radio.rat = 'GSM'
  if (lte !== null && nr !== null) radio.mode = 'EN-DC'
  if (serving !== null) radio.carriers.push({ ...serving, role: 'PCC' })
  if (lte !== null && nr !== null) radio.carriers.push({ ...nr, role: 'PSCC' })
  if (hasNumber(umts)) {
    addMeasurement(draft, 'cellular.rscp', '', umts['rscp'] ?? null)
    addMeasurement(draft, 'cellular.ecio', '', umts['ecio'] ?? null)
  }
  for (const [name, rat] of errorRates) {
    const part = signal[name]
    const rate = isObject(part) ? toNumber(part['error-rate']) : undefined
    if (typeof rate === 'number') addMeasurement(draft, 'cellular.error_rate', attributesOf({ 'cellular.rat': rat }), rate, 0.01)
  }
  for (const key in signal) {
    const part = signal[key]
    if (key === 'refresh' || key === 'threshold') readSettings(draft, key, part)
    else if (!knownSignals.has(key) || !isObject(part)) addUnknownKey(draft, 'modem.signal', key, part)
  }
}

const errorRates = [
  ['5g', 'NR'],
  ['lte', 'LTE'],
  ['umts', 'UMTS'],
  ['gsm', 'GSM'],
] as const
const knownSignals = new Set(['5g', 'lte', 'umts', 'gsm', 'cdma1x', 'evdo'])

const readings = ({ rsrpDbm, rsrqDb, sinrDb }: Carrier) => ({ rsrpDbm, rsrqDb, sinrDb })

/** Null where none of the three has a value. */
const cellOf = (draft: Draft, part: unknown, rat: string): Carrier | null => {
  if (!isObject(part)) return null
  const signal = signalOf(draft, { rsrp: part['rsrp'], rsrq: part['rsrq'], sinr: part['snr'] }, 'json', rat)
  if (signal.rsrpDbm === null && signal.rsrqDb === null && signal.sinrDb === null) return null
  return { role: null, rat, band: null, bandwidthMhz: null, earfcn: null, pci: null, ...signal, active: true }
}

const rssiOf = (draft: Draft, part: unknown, rat: string): number | null =>
  isObject(part) ? radioReading(draft, 'rssi', part['rssi'], 'json', rat) : null

const hasNumber = (part: unknown): boolean => isObject(part) && Object.values(part).some((value) => typeof toNumber(value) === 'number')

/** `refresh.rate` in seconds, `threshold.rssi` and `threshold.error-rate`: how the modem was told to report. */
const readSettings = (draft: Draft, group: string, part: unknown): void => {
  if (isObject(part)) for (const key in part) addFact(draft, `modem.signal.${group}.${snakeKey(key)}`, part[key])
}

/** Numbers of cells are hex texts here. */
const readLocation = (draft: Draft, location: Group, radio: RadioBody): boolean => {
  const gpp3 = location['3gpp']
  for (const key in location) {
    if (key === '3gpp') continue
    const personal = personalName(key)
    if (personal === undefined && key !== 'cdma-bs') addUnknownKey(draft, 'modem.location', key, location[key])
    else if (hasWord(location[key])) addPersonal(draft, personal ?? 'position', location[key])
  }
  if (!isObject(gpp3)) return false
  const hex = (key: string): number | null => {
    const text = toWord(gpp3[key]) ?? ''
    return /^[0-9a-f]{1,9}$/i.test(text) ? Number.parseInt(text, 16) : null
  }
  radio.plmn = digitsOf(gpp3['operator-code']) ?? plmnOf(gpp3['mcc'], gpp3['mnc'])
  // LTE cells have a TAC, and for its LAC 0000 or FFFE; 3G and 2G have a LAC and the TAC 0.
  const tac = integer(hex('tac'), 1, 0xfffffd, true)
  radio.tac = tac ?? integer(hex('lac'), 1, 0xfffd, true)
  radio.cellId = cellIdOf(hex('cid') ?? hex('ci'), radio.rat)
  if (radio.rat === 'LTE' && radio.cellId !== null) radio.enbId = radio.cellId >> 8
  return true
}

const hasWord = (value: unknown): boolean =>
  isObject(value) ? Object.values(value).some(hasWord) : Array.isArray(value) ? value.some(hasWord) : typeof toWord(value) === 'string'

type Reader = (draft: Draft, value: unknown) => void
const fact =
  (name: string): Reader =>
  (draft, value) =>
    addFact(draft, name, Array.isArray(value) ? wordsOf(value) : value)

/** A list of words as one fact; an empty list says none. */
const wordsOf = (list: readonly unknown[]): string | null => {
  const words = list.map(toWord).filter((word) => typeof word === 'string')
  return words.length === 0 ? null : words.join(',')
}

const signalQuality: Reader = (draft, value) => {
  const told = isObject(value) ? value['value'] : value
  const isOld = isObject(value) && toFlag(value['recent']) === false
  if (isOld && typeof toNumber(told) === 'number') note(draft, `signal-quality ${String(told)} is not recent: no reading`)
  addMeasurement(draft, 'cellular.signal_quality', '', isOld ? null : told, 0.01)
}

const generic: Record<string, Reader> = {
  'access-technologies': fact('modem.access_technology'),
  'current-bands': fact('modem.bands'),
  'equipment-identifier': (draft, value) => addPersonal(draft, 'modem.imei', value),
  manufacturer: fact('modem.manufacturer'),
  model: fact('modem.model'),
  revision: fact('modem.firmware'),
  'hardware-revision': fact('modem.hardware'),
  'power-state': fact('modem.power_state'),
  'signal-quality': signalQuality,
  state: fact('modem.state'),
  'state-failed-reason': fact('modem.state_failed_reason'),
  'unlock-required': fact('modem.unlock_required'),
  'primary-sim-slot': fact('modem.sim_slot'),
  'own-numbers': (draft, value) => {
    if (hasWord(value)) addPersonal(draft, 'modem.msisdn', Array.isArray(value) ? wordsOf(value) : value)
  },
}

const gpp: Record<string, Reader> = {
  'operator-code': (draft, value) => addFact(draft, 'modem.plmn', digitsOf(value) ?? value),
  'operator-name': fact('modem.operator'),
  'registration-state': (draft, value) => {
    addFact(draft, 'modem.registration', value)
    const word = toWord(value)
    if (word === 'roaming' || word === 'home') addFact(draft, 'modem.roaming', word === 'roaming')
  },
  'packet-service-state': fact('modem.packet_service'),
}

/** Known keys by the table; of the others words become facts by path, groups their parts, and `--` in them is left out. */
const readGroup = (draft: Draft, group: Group, table: Record<string, Reader>, path: string): void => {
  for (const key in group) {
    const value = group[key]
    const reader = Object.hasOwn(table, key) ? table[key] : undefined
    if (reader !== undefined) reader(draft, value)
    else readOther(draft, value, key, path)
  }
}

const readOther = (draft: Draft, value: unknown, key: string, path: string): void => {
  const personal = personalName(key)
  if (personal !== undefined) {
    if (hasWord(value)) addPersonal(draft, personal, value)
  } else if (key === 'apn') addFact(draft, 'modem.apn', value)
  else if (isObject(value)) for (const inner in value) readOther(draft, value[inner], inner, `${path}.${snakeKey(key)}`)
  else if (Array.isArray(value)) {
    if (value.length > 0) addFact(draft, `${path}.${snakeKey(key)}`, wordsOf(value))
  } else if (hasWord(value)) addFact(draft, `${path}.${snakeKey(key)}`, value)
}

/** Counters of a connection, which begin anew with each. */
const readBearer = (draft: Draft, bearer: Group): void => {
  const stats = isObject(bearer['stats']) ? bearer['stats'] : {}
  const status = isObject(bearer['status']) ? bearer['status'] : {}
  const name = toWord(status['interface']) ?? null
  const directions = [
    ['receive', 'rx'],
    ['transmit', 'tx'],
  ] as const
  for (const [direction, letters] of directions) {
    const bytes = stats[`bytes-${letters}`]
    const attributes = attributesOf({ ...(name === null ? {} : { 'hw.id': name }), 'network.io.direction': direction })
    if (bytes !== undefined) addCounter(draft, 'cellular.io', attributes, bytes)
  }
  const connected = toFlag(status['connected'])
  if (connected !== null) addMeasurement(draft, 'network.wan.up', '', connected ? 1 : 0)
  const others = Object.fromEntries(Object.entries(stats).filter(([key]) => key !== 'bytes-rx' && key !== 'bytes-tx'))
  const rest = { ...bearer, stats: undefined }
  readGroup(draft, rest, {}, 'modem.bearer')
  for (const key in others) addUnknownKey(draft, 'modem.bearer', key, others[key])
}

const readSim = (draft: Draft, sim: Group): void => {
  const properties = isObject(sim['properties']) ? sim['properties'] : {}
  readGroup(draft, properties, simFields, 'modem.sim')
  readGroup(draft, { ...sim, properties: undefined }, {}, 'modem.sim')
}

const simFields: Record<string, Reader> = {
  'operator-code': fact('modem.sim_plmn'),
  'operator-name': fact('modem.sim_operator'),
  active: fact('modem.sim_active'),
}
