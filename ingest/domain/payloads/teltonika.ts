/**
 * Teltonika routers: `router/<serial>/<name>` with a bare text in units of its own (temperature in 0.1 °C, uptime in s, signal in
 * dBm), and the JSON of the device API, where a temperature is in whole degrees. Of several modems the main one gives the radio
 * snapshot and the facts `modem.*`, the others readings with `hw.id`. Zeros in all signal fields are no reading.
 */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { attributesOf } from '../attributes.ts'
import {
  addCounter,
  addFact,
  addGeneric,
  addMeasurement,
  addPersonal,
  addUnknownKey,
  type Draft,
  note,
  personalName,
  refuse,
} from '../draft.ts'
import { fact, type FieldReader, fieldTable, readUnknown } from '../fields.ts'
import { canonicalKey } from '../keys.ts'
import { parseMac } from '../mac.ts'
import type { Profile } from '../profile.ts'
import { shown } from '../shown.ts'
import { isObject, toNumber, toWord } from '../values.ts'
import { interfaces } from './interfaces.ts'
import { readRadio, radioReading, signalOf } from './radio.ts'
import { ratOf } from './radio-words.ts'
import { scalarOf } from './scalar.ts'

type Group = Record<string, unknown>

export const teltonika: Profile = {
  mayBeForeign: true,
  json: (draft, value) => {
    if (isObject(value) && Array.isArray(value['data'])) readModems(draft, value['data'])
    else if (isObject(value)) readDevice(draft, isObject(value['data']) ? value['data'] : value)
    else if (Array.isArray(value) && value.every(isObject)) readModems(draft, value)
    else refuse(draft, 'PAYLOAD_SHAPE', `expected the device's JSON, got ${shown(value)}`)
  },
  text: (draft, text) => {
    const name = draft.route.path.at(-1) ?? ''
    const reader = Object.hasOwn(texts, name) ? texts[name] : undefined
    const value = scalarOf(text)
    if (reader !== undefined) reader(draft, value, name)
    else if (/^(?:digital|din|dout|pin|relay|isolated)/.test(name)) readInput(draft, value, name)
    else readUnnamed(draft, name, value)
  },
}

const measured =
  (metric: MetricName, scale = 1, attributes = ''): FieldReader =>
  (draft, value, key) =>
    addMeasurement(draft, metric, attributes, value, scale, key)

const wanAddress: FieldReader = (draft, value) => addFact(draft, 'wan.address', value)

/** Teltonika's wiki, "Monitoring via MQTT". */
const texts: Readonly<Record<string, FieldReader>> = {
  temperature: measured('hw.temperature', 0.1),
  signal: measured('cellular.rssi'),
  rssi: measured('cellular.rssi'),
  rsrp: measured('cellular.rsrp'),
  rsrq: measured('cellular.rsrq'),
  sinr: measured('cellular.sinr'),
  uptime: (draft, value, key) => fieldTable({}).readerOf('uptime')(draft, value, key),
  analog: measured('hw.voltage', 1, attributesOf({ 'hw.name': 'analog' })),
  operator: fact('modem.operator'),
  network: fact('modem.access_technology'),
  connection: fact('modem.connection'),
  wan: wanAddress,
  name: fact('device.name'),
  id: fact('device.serial'),
}

const readInput: FieldReader = (draft, value, key) => {
  const number = toNumber(value)
  if (number === 0 || number === 1) addMeasurement(draft, 'hw.input.on', attributesOf({ 'hw.name': key.slice(0, 100) }), number)
  else readUnnamed(draft, key, value)
}

/** A name that the wiki does not list: numbers as they are, for their unit is unknown. */
const readUnnamed = (draft: Draft, name: string, value: unknown): void => {
  const personal = personalName(name)
  if (personal !== undefined) addPersonal(draft, personal, value)
  else if (typeof toNumber(value) === 'number' && !/^\s*0\d/.test(String(value)))
    addGeneric(draft, draft.route.prefix, toNumber(value) ?? null)
  else addFact(draft, draft.route.prefix, value)
}

const readDevice = (draft: Draft, device: Group): void => {
  for (const key in device) {
    const value = device[key]
    switch (canonicalKey(key)) {
      case 'deviceinfo':
      case 'systeminfo':
      case 'static':
      case 'mnfinfo':
        if (isObject(value)) readInfo(draft, value)
        break
      case 'modemsdata':
      case 'modems':
      case 'modemsstatus':
        if (Array.isArray(value)) readModems(draft, value)
        break
      case 'interfaces':
        interfaces.json(draft, { interfaces: value })
        break
      case 'success':
        break
      default:
        readOther(draft, value, key)
    }
  }
  if (draft.measurements.length + draft.counters.length + draft.facts.length + draft.bodies.length === 0 && draft.refusal === null)
    refuse(draft, 'PAYLOAD_SHAPE', 'expected device_info, system_info or modems_data with something in it')
}

const envelope = fieldTable({})
const readOther: FieldReader = (draft, value, key) => {
  const reader = envelope.readerOf(key)
  if (reader === readUnknown) addUnknownKey(draft, 'device', key, value)
  else reader(draft, value, key)
}

/** The same thing stands under several names and in several groups; a fact is told once. */
const told =
  (name: string): FieldReader =>
  (draft, value) => {
    if (!draft.facts.some((known) => known.name === name)) addFact(draft, name, value)
  }

/** The MAC on the label, which names the device; `mac_eth` is that of its other port. */
const mac: FieldReader = (draft, value) => {
  const parsed = parseMac(toWord(value) ?? '')
  if (parsed !== null) draft.mac ??= parsed
  told('device.mac')(draft, parsed ?? value, 'mac')
}

const infoFields = fieldTable({
  mac,
  maceth: (draft, value) => told('device.mac_eth')(draft, parseMac(toWord(value) ?? '') ?? value, 'mac_eth'),
  'devicename hostname name': (draft, value, key) =>
    told(canonicalKey(key) === 'hostname' ? 'device.hostname' : canonicalKey(key) === 'name' ? 'device.product_name' : 'device.name')(
      draft,
      value,
      key,
    ),
  'devicemodel model': told('device.model_name'),
  serial: told('device.serial'),
  deviceidentifier: told('device.identifier'),
  apiversion: told('device.api_version'),
  hwver: told('device.hardware'),
  batch: told('device.batch'),
  blver: told('device.bootloader'),
  fwversion: told('firmware.version'),
  fwbuilddate: told('firmware.build'),
  kernel: told('device.kernel'),
  system: told('device.processor'),
  cpucount: told('device.processors'),
  lang: told('device.language'),
  filename: told('device.filename'),
})

const readInfo = (draft: Draft, info: Group): void => {
  for (const key in info) {
    const value = info[key]
    if (isObject(value) && /^(?:mnfinfo|static|board)$/.test(canonicalKey(key))) readInfo(draft, value)
    else {
      const reader = infoFields.readerOf(key)
      if (reader === readUnknown) addUnknownKey(draft, 'device', key, value)
      else reader(draft, value, key)
    }
  }
}

const readModems = (draft: Draft, list: readonly unknown[]): void => {
  const modems = list.filter(isObject)
  const main = mainOf(modems)
  const speaking = modems.filter(hasSignal)
  const radioModem = main !== undefined && hasSignal(main) ? main : (speaking[0] ?? main)
  for (const modem of modems) readModem(draft, modem, { isMain: modem === main, givesRadio: modem === radioModem })
}

/** Known by what it is, not by its state, so that facts do not change owner when a connection moves. */
const mainOf = (modems: readonly Group[]): Group | undefined =>
  modems.find((modem) => modem['primary'] === true) ??
  modems.find((modem) => modem['builtin'] === true) ??
  modems.find((modem) => /internal/i.test(toWord(modem['name']) ?? '')) ??
  modems[0]

const signalKeys = ['rssi', 'rsrp', 'rsrq', 'sinr', 'rscp', 'ecio'] as const

/** Some signal field other than 0 and the markers. */
const hasSignal = (modem: Group): boolean =>
  signalKeys.some((key) => {
    const number = toNumber(modem[key] ?? null)
    return typeof number === 'number' && number !== 0
  })

const radioKeys = new Set([
  ...signalKeys,
  'signal',
  'band',
  'conntype',
  'ntype',
  'cellid',
  'tac',
  'lac',
  'pcid',
  'pci',
  'earfcn',
  'mcc',
  'mnc',
  'cqi',
  'cainfo',
])

const words: Readonly<Record<string, string>> = {
  model: 'model',
  name: 'name',
  operator: 'operator',
  provider: 'operator',
  state: 'state',
  simstate: 'sim',
  activesim: 'sim_slot',
  dataconnstate: 'connection',
  netstate: 'registration',
  operatorstate: 'registration',
  conntype: 'access_technology',
  ntype: 'access_technology',
  version: 'firmware',
  revision: 'firmware',
  manuf: 'manufacturer',
  manufacturer: 'manufacturer',
  serial: 'serial',
  pinstate: 'pin_state',
}
const missingWords = /^(?:|n\/a|-+|none|null)$/i

const readModem = (draft: Draft, modem: Group, { isMain, givesRadio }: { isMain: boolean; givesRadio: boolean }): void => {
  const id = toWord(modem['id']) ?? ''
  const path = isMain || id === '' ? 'modem' : `modem.${id.slice(0, 60)}`
  const byId = id === '' ? {} : { 'hw.id': id.slice(0, 100) }
  const name = toWord(modem['name']) ?? 'modem'
  const seen = new Set<string>()
  for (const key in modem) {
    const value = modem[key]
    const canonical = canonicalKey(key)
    const word = Object.hasOwn(words, canonical) ? words[canonical] : undefined
    const personal = personalName(key)
    if (personal !== undefined) {
      if (!missingWords.test(toWord(value) ?? '')) addPersonal(draft, personal.replace(/^modem/, path), value)
    } else if (word !== undefined) {
      if (!seen.has(word)) addFact(draft, `${path}.${word}`, missingWords.test(toWord(value) ?? '') ? null : value)
      seen.add(word)
    } else if (canonical === 'temperature')
      addMeasurement(draft, 'hw.temperature', attributesOf({ ...byId, 'hw.name': name.slice(0, 100) }), value)
    else if (canonical === 'txbytes' || canonical === 'rxbytes') {
      const direction = canonical === 'rxbytes' ? 'receive' : 'transmit'
      addCounter(draft, 'cellular.io', attributesOf({ ...byId, 'network.io.direction': direction }), value)
    } else if (!radioKeys.has(canonical) && canonical !== 'id') addUnknownKey(draft, path, key, value)
  }
  if (givesRadio) readMainRadio(draft, modem)
  else readOtherSignal(draft, modem, attributesOf(byId))
}

const readMainRadio = (draft: Draft, modem: Group): void => {
  const technology = toWord(modem['conntype'] ?? modem['ntype'])
  const mode = technology === undefined || technology === null || missingWords.test(technology) ? null : technology
  const rat = ratOfTechnology(mode)
  const speaks = hasSignal(modem)
  const value = (key: string): unknown => {
    const word = modem[key]
    return typeof word === 'string' && missingWords.test(word.trim()) ? null : (word ?? null)
  }
  const model = toWord(modem['model']) ?? null
  // Scales are for this modem's model, so they are applied here and not once more by the snapshot's reader.
  const signal = speaks ? signalOf(draft, { rsrp: value('rsrp'), rsrq: value('rsrq'), sinr: value('sinr') }, 'json', rat, model) : null
  const rssi = speaks ? radioReading(draft, 'rssi', value('rssi') ?? value('signal'), 'json', rat, model) : null
  const unscaled: Draft = { ...draft, route: { ...draft.route, radioScales: [] } }
  readRadio(unscaled, {
    ...(rat === null ? {} : { rat }),
    mode,
    band: bandWord(value('band')),
    cell: value('cellid'),
    tac: value('tac') ?? value('lac'),
    pci: value('pcid') ?? value('pci'),
    earfcn: value('earfcn'),
    mcc: value('mcc'),
    mnc: value('mnc'),
    cqi: value('cqi'),
    rsrp: signal?.rsrpDbm ?? null,
    rsrq: signal?.rsrqDb ?? null,
    sinr: signal?.sinrDb ?? null,
    rssi,
    ...(Array.isArray(modem['ca_info']) ? { carriers: modem['ca_info'] } : {}),
  })
  draft.refusal ??= unscaled.refusal
  if (speaks && rat === 'UMTS')
    for (const key of ['rscp', 'ecio'] as const) if (value(key) !== null) addMeasurement(draft, `cellular.${key}`, '', value(key))
  if (!speaks && signalKeys.some((key) => modem[key] === 0))
    note(draft, `modem ${toWord(modem['id']) ?? ''}: zeros in all signal fields: no reading`)
}

/** `5G (NSA)`, `4G (LTE)`, `3G (WCDMA)`: the word in brackets is the sharper one. */
const ratOfTechnology = (text: string | null): string | null => {
  if (text === null) return null
  const [, outer = text, inner] = /^([^(]*)\(([^)]*)\)/.exec(text) ?? []
  return ratOf(inner) ?? ratOf(outer.trim()) ?? null
}

/** `5G N78`, `LTE B3`: without the technology in front. */
const bandWord = (value: unknown): unknown =>
  typeof value === 'string' ? value.replace(/^(?:[2345]G|LTE|NR|WCDMA|GSM)[\s_-]+(?=[BN]?\d)/i, '') : value

const readOtherSignal = (draft: Draft, modem: Group, attributes: string): void => {
  if (!hasSignal(modem)) {
    if (signalKeys.some((key) => modem[key] === 0))
      note(draft, `modem ${toWord(modem['id']) ?? ''}: zeros in all signal fields: no reading`)
    return
  }
  for (const key of signalKeys) {
    const value = modem[key]
    if (value === undefined || (key !== 'sinr' && toNumber(value) === 0)) continue
    addMeasurement(draft, `cellular.${key}`, attributes, value)
  }
}
