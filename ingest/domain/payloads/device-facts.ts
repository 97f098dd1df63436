/**
 * Slowly changing facts: `network/wan`, `modem/status`, `system/firmware`, `system/info`. Known words get one name whatever their
 * spelling; unknown ones are kept by their path. IMEI, IMSI, ICCID and positions are recognised in every payload (`draft.ts`).
 */
import { addFact, addMeasurement, type Draft, refuse } from '../draft.ts'
import { fact, type FieldReader, fieldTable, measure, readObject } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { shown } from '../shown.ts'
import { isObject, toFlag } from '../values.ts'
import { digitsOf } from './radio-words.ts'
import { scalarOf } from './scalar.ts'
import { sized } from './sizes.ts'

/** An object's fields, or a lone value that is the topic's main fact. */
const factsProfile = (fields: Readonly<Record<string, FieldReader>>, main: FieldReader): Profile => {
  const table = fieldTable({ value: main, ...fields })
  return {
    mayBeForeign: true,
    json: (draft, value) => {
      if (isObject(value)) readObject(draft, table, value)
      else if (Array.isArray(value)) refuse(draft, 'PAYLOAD_SHAPE', 'expected one object, got an array')
    },
    text: (draft, text) => main(draft, scalarOf(text), 'value'),
  }
}

/** `up` is drawn as 0 and 1 and kept as a fact, whose changes are history. */
const wanUp: FieldReader = (draft, value) => {
  const up = toFlag(value)
  if (up !== null) addMeasurement(draft, 'network.wan.up', '', up ? 1 : 0)
  addFact(draft, 'wan.up', value)
}

export const wan = factsProfile(
  {
    'active activeuplink current': fact('wan.active'),
    'backup standby': fact('wan.backup'),
    since: fact('wan.since'),
    'ip address ipv4': fact('wan.address'),
    'ipv6 address6': fact('wan.address6'),
    'up connected online': wanUp,
    'sessionid session': fact('wan.session_id'),
    apn: fact('wan.apn'),
    gateway: fact('wan.gateway'),
    ...sized('quota', 'network.wan.quota', () => ''),
    ...sized('used', 'network.wan.used', () => ''),
  },
  fact('wan.active'),
)

const plmn: FieldReader = (draft: Draft, value) => addFact(draft, 'modem.plmn', digitsOf(value) ?? value)

export const modem = factsProfile(
  {
    'sim simstate simstatus': fact('modem.sim'),
    'simslot slot': fact('modem.sim_slot'),
    'registration registrationstate regstate': fact('modem.registration'),
    roaming: fact('modem.roaming'),
    'plmn operatorcode': plmn,
    'operator operatorname': fact('modem.operator'),
    apn: fact('modem.apn'),
    model: fact('modem.model'),
    'manufacturer vendor': fact('modem.manufacturer'),
    'firmware revision firmwareversion': fact('modem.firmware'),
    state: fact('modem.state'),
    rssi: measure('cellular.rssi'),
  },
  // A bare text could be the answer of an AT command, identifiers and all.
  (draft, value) =>
    typeof value === 'string' && !/^\D{0,40}$/.test(value)
      ? refuse(draft, 'PAYLOAD_SHAPE', `expected JSON or one word without digits, got "${shown(value)}"`)
      : addFact(draft, 'modem.state', value),
)

export const firmware = factsProfile(
  {
    'version firmware firmwareversion current': fact('firmware.version'),
    'previous previousversion': fact('firmware.previous'),
    'build buildid': fact('firmware.build'),
  },
  fact('firmware.version'),
)

export const info = factsProfile(
  {
    'serial serialnumber sn': fact('device.serial'),
    'hardware hw hardwarerevision hwrevision': fact('device.hardware'),
    // The topic's model is `device.model`; two sources under one name would flip to and fro.
    'model modelname': fact('device.model_name'),
    'product productname': fact('device.product_name'),
    'vendor manufacturer': fact('device.vendor'),
    'hostname host': fact('device.hostname'),
    name: fact('device.name'),
    'architecture arch': fact('device.architecture'),
    'processor cpu': fact('device.processor'),
    'processors cpus cores': fact('device.processors'),
    'os osname': fact('device.os'),
    'kernel kernelversion': fact('device.kernel'),
    mac: fact('device.mac'),
    'firmware firmwareversion version': fact('firmware.version'),
  },
  fact('device.info'),
)
