/**
 * Status objects of Shelly's second generation and whatever writes like them: `{"switch:0":{...},"em:0":{...}}`, one of them
 * below `<device>/status/switch:0`, or a NotifyStatus with them in `params`. Power W, voltage V, current A; energy counts Wh and is
 * kept in J. A temperature comes in both degrees and is taken once.
 */
import { attributesOf } from '../attributes.ts'
import { addCounter, addFact, addMeasurement, addUnknownKey, type Draft, personalName, addPersonal, refuse } from '../draft.ts'
import { fieldTable, readUnknown } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { parseMac } from '../mac.ts'
import type { Profile } from '../profile.ts'
import { parseTimeMs } from '../time.ts'
import { isObject, toFlag, toNumber, toWord } from '../values.ts'
import { readScalar, scalarOf } from './scalar.ts'

type Group = Record<string, unknown>

export const shelly: Profile = {
  json: (draft, value) => {
    if (!isObject(value)) {
      refuse(draft, 'PAYLOAD_SHAPE', 'expected a status object')
      return
    }
    if (isObject(value['params'])) readStatus(draft, value['params'])
    else if (isStatus(value)) readStatus(draft, value)
    else readPart(draft, draft.route.path.at(-1) ?? 'device', value)
  },
  text: (draft, text) => readScalar(draft, scalarOf(text), draft.route.prefix, draft.route.prefix),
}

const partName = /^[a-z][a-z0-9_]*:\d+$/
const wholeParts = new Set(['sys', 'wifi', 'eth', 'cloud', 'mqtt', 'ws', 'ble', 'script', 'bthome', 'ui', 'modbus', 'matter', 'plugs_ui'])

/** Several parts by name; else it is one part, whose name is the topic's last level. */
const isStatus = (value: Group): boolean => {
  for (const key in value) if (isObject(value[key]) && (partName.test(key) || wholeParts.has(key))) return true
  return false
}

const readStatus = (draft: Draft, status: Group): void => {
  for (const key in status) {
    const value = status[key]
    if (isObject(value)) readPart(draft, key, value)
    else if (key === 'ts') draft.observedAtMs = parseTimeMs(value) ?? draft.observedAtMs
    else readEnvelope(draft, key, value)
  }
}

const envelope = fieldTable({})
const readEnvelope = (draft: Draft, key: string, value: unknown): void => {
  const reader = envelope.readerOf(key)
  if (reader === readUnknown) addUnknownKey(draft, 'shelly', key, value)
  else reader(draft, value, key)
}

const readPart = (draft: Draft, name: string, part: Group): void => {
  const kind = name.replace(/:.*$/, '')
  if (kind === 'sys') readSystem(draft, part)
  else if (kind === 'wifi' || kind === 'eth') readNetwork(draft, kind, part)
  else for (const key in part) readField(draft, kind, name, key, part[key])
}

const quantities: Readonly<Record<string, MetricName>> = {
  apower: 'hw.power',
  act_power: 'hw.power',
  aprtpower: 'hw.apparent_power',
  aprt_power: 'hw.apparent_power',
  voltage: 'hw.voltage',
  current: 'hw.current',
  pf: 'hw.power_factor',
  freq: 'hw.frequency',
  tC: 'hw.temperature',
  rh: 'hw.humidity',
}
const energies: Readonly<Record<string, MetricName>> = {
  aenergy: 'hw.energy',
  ret_aenergy: 'hw.energy.returned',
  total_act: 'hw.energy',
  total_act_ret: 'hw.energy.returned',
  total_act_energy: 'hw.energy',
  total_act_ret_energy: 'hw.energy.returned',
}
/** Said twice, or a history that was sent before. */
const redundant = new Set(['id', 'tF', 'by_minute', 'minute_ts'])
const joulesPerWattHour = 3_600

const readField = (draft: Draft, kind: string, name: string, key: string, value: unknown): void => {
  if (redundant.has(key)) return
  const [, phase, quantity = key] =
    /^([abcn]|total)_(act_power|aprt_power|voltage|current|pf|freq|total_act_energy|total_act_ret_energy)$/.exec(key) ?? []
  const attributes = attributesOf({
    'hw.name': name.slice(0, 100),
    ...(phase === undefined || phase === 'total' ? {} : { 'hw.phase': phase }),
  })
  const metric = Object.hasOwn(quantities, quantity) ? quantities[quantity] : undefined
  const energy = Object.hasOwn(energies, quantity) ? energies[quantity] : undefined
  if (metric !== undefined) addMeasurement(draft, metric, attributes, value, 1, key)
  else if (energy !== undefined) readEnergy(draft, energy, attributes, isObject(value) ? value['total'] : value)
  else if (key === 'temperature' && isObject(value)) addMeasurement(draft, 'hw.temperature', attributes, value['tC'] ?? null)
  else if (key === 'output' || (key === 'state' && kind === 'input')) readSwitch(draft, kind, name, key, value)
  else if (key === 'battery' && isObject(value)) readBattery(draft, name, value)
  else addUnknownKey(draft, `shelly.${snakeKey(name)}`, key, value)
}

const readEnergy = (draft: Draft, metric: MetricName, attributes: string, value: unknown): void => {
  const wattHours = toNumber(value)
  if (typeof wattHours === 'number') addCounter(draft, metric, attributes, Math.round(wattHours * joulesPerWattHour))
}

/** Drawn as 0 and 1, and a fact, whose changes are history. An input's null says that it is a button. */
const readSwitch = (draft: Draft, kind: string, name: string, key: string, value: unknown): void => {
  const on = toFlag(value)
  const attributes = attributesOf({ 'hw.name': name.slice(0, 100) })
  if (on !== null) addMeasurement(draft, kind === 'input' ? 'hw.input.on' : 'hw.switch.on', attributes, on ? 1 : 0)
  addFact(draft, `shelly.${snakeKey(name)}.${key}`, value)
}

const readBattery = (draft: Draft, name: string, battery: Group): void => {
  const attributes = attributesOf({ 'hw.name': name.slice(0, 100) })
  for (const key in battery) {
    if (key === 'V') addMeasurement(draft, 'hw.voltage', attributes, battery[key])
    else if (key === 'percent') addMeasurement(draft, 'hw.battery.charge', attributes, battery[key], 0.01)
    else addUnknownKey(draft, `shelly.${snakeKey(name)}.battery`, key, battery[key])
  }
}

const readSystem = (draft: Draft, system: Group): void => {
  for (const key in system) {
    const value = system[key]
    switch (key) {
      case 'mac':
        draft.mac = parseMac(toWord(value) ?? '')
        addFact(draft, 'device.mac', draft.mac ?? value)
        break
      case 'uptime':
        readEnvelope(draft, key, value)
        break
      case 'unixtime':
        draft.observedAtMs ??= parseTimeMs(value)
        break
      case 'time': // `HH:MM` of the local day.
        break
      case 'ram_size':
        addMeasurement(draft, 'system.memory.limit', '', value)
        break
      case 'ram_free':
        addMeasurement(draft, 'system.memory.usage', '{"system.memory.state":"free"}', value)
        break
      case 'fs_size':
        addMeasurement(draft, 'system.filesystem.limit', '', value)
        break
      case 'fs_free':
        addMeasurement(draft, 'system.filesystem.usage', '{"system.filesystem.state":"free"}', value)
        break
      default:
        addUnknownKey(draft, 'shelly.sys', key, value)
    }
  }
}

const readNetwork = (draft: Draft, kind: string, part: Group): void => {
  for (const key in part) {
    const personal = personalName(key)
    if (personal !== undefined) addPersonal(draft, personal, part[key])
    else if (key === 'sta_ip' || key === 'ip') addFact(draft, `network.${kind}.address`, part[key])
    else addUnknownKey(draft, `shelly.${kind}`, key, part[key])
  }
}
