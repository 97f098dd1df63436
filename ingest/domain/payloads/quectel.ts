/**
 * Texts of a Quectel modem's AT port: the echoed command, `+NAME: ...` lines with CR LF, `OK` or an error. QENG and QCAINFO
 * become one radio snapshot (`quectel-cells.ts`), QRSRP, QRSRQ and QSINR one reading for each antenna, an error one log line.
 * Numbers of persons and cards (IMEI, IMSI, ICCID) are recognised by the command before them, and sealed.
 */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { attributesOf } from '../attributes.ts'
import { addFact, addMeasurement, addPersonal, type Draft, note, refuse } from '../draft.ts'
import { fieldTable, ignoreField, readObject } from '../fields.ts'
import { snakeKey } from '../keys.ts'
import { itemsInMessageMax } from '../limits.ts'
import type { Profile } from '../profile.ts'
import { scaledReading, type ScaledReading, scaleOf } from '../radio-scale.ts'
import { shown } from '../shown.ts'
import { isObject, toNumber } from '../values.ts'
import { createCells, type Cells, finishCells, readQcainfo, readQeng, readQnwinfo } from './quectel-cells.ts'
import { ratOf } from './radio-words.ts'

export const quectel: Profile = {
  json: (draft, value) => {
    const key = isObject(value) ? ['response', 'output', 'text'].find((name) => typeof value[name] === 'string') : undefined
    if (isObject(value) && key !== undefined) {
      readObject(draft, envelope, { ...value, [key]: undefined })
      readAnswers(draft, String(value[key]))
    } else refuse(draft, 'PAYLOAD_SHAPE', 'expected the text of AT answers, or {"response":"..."}')
  },
  text: (draft, text) => readAnswers(draft, text),
}

/** Beside the text: `ts`, `seq`, `bootId`, and the command that was asked. */
const envelope = fieldTable({ 'response output text': ignoreField, command: (draft, value) => addFact(draft, 'modem.at.command', value) })

type Port = { command: string; cells: Cells }

const readAnswers = (draft: Draft, text: string): void => {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
  if (lines.length > itemsInMessageMax) {
    refuse(draft, 'TOO_MANY_ITEMS', `expected at most ${itemsInMessageMax} lines, got ${lines.length}`)
    return
  }
  const model = lines.find((line) => modelLine.test(line.trim()))?.trim() ?? null
  const port: Port = { command: '', cells: createCells(model) }
  for (const line of lines) readLine(draft, port, line.trim())
  finishCells(draft, port.cells)
}

/** `RM520N-GL`, `EC25`, `RG501Q-EU`: the answer to ATI or AT+CGMM. */
const modelLine = /^(?:R[GM]|E[CGMP]|BG|UC|SC|AG)\d{2,3}[A-Z]{0,3}(?:-[A-Z0-9]{1,6})?$/

const readLine = (draft: Draft, port: Port, line: string): void => {
  if (/^AT/i.test(line)) {
    port.command = line
    return
  }
  if (line === 'OK' || line === 'DL') return // A line `DL` stands behind SCC lines of old firmware.
  const [, name, rest] = /^\+([A-Z][A-Z0-9 ]{1,30}):\s*(.*)$/.exec(line) ?? []
  if (line === 'ERROR' || name === 'CME ERROR' || name === 'CMS ERROR') readError(draft, port.command, line, rest ?? '')
  else if (name === undefined || rest === undefined) readBare(draft, port, line)
  else readNamed(draft, port, name, rest)
}

const readNamed = (draft: Draft, port: Port, name: string, rest: string): void => {
  const fields = fieldsOf(rest)
  switch (name) {
    case 'QENG':
      readQeng(draft, port.cells, fields)
      return
    case 'QCAINFO':
      readQcainfo(draft, port.cells, fields)
      return
    case 'QNWINFO':
      readQnwinfo(port.cells, fields)
      return
    case 'QRSRP':
    case 'QRSRQ':
    case 'QSINR':
      readAntennas(draft, port, name, fields)
      return
    case 'QTEMP':
      readTemperatures(draft, fields)
      return
    case 'CSQ':
      addMeasurement(draft, 'cellular.rssi', '', index(fields[0], 31, 2, -113))
      return
    case 'CESQ':
      readCesq(draft, fields)
      return
    case 'QCCID':
    case 'CCID':
    case 'ICCID':
      addPersonal(draft, 'modem.iccid', fields[0])
      return
    default:
      if (/\d{7}/.test(rest)) addPersonal(draft, `modem.at.${snakeKey(name)}`, rest)
      else addFact(draft, `modem.at.${snakeKey(name)}`, rest)
  }
}

/** `"servingcell","LTE",-1` -> three texts; a comma inside quotes is no border. */
const fieldsOf = (text: string): string[] => {
  const fields: string[] = []
  let from = 0
  let quoted = false
  for (let at = 0; at <= text.length; at++) {
    if (text[at] === '"') quoted = !quoted
    else if (at === text.length || (text[at] === ',' && !quoted)) {
      fields.push(text.slice(from, at).trim().replace(/^"|"$/g, '').trim())
      from = at + 1
    }
  }
  return fields
}

/** Quectel's order: primary, diversity, then the MIMO antennas. The first is not their mean. */
const antennas = ['prx', 'drx', 'rx2', 'rx3']
const antennaMetric: Record<string, readonly [MetricName, ScaledReading]> = {
  QRSRP: ['cellular.rsrp', 'rsrp'],
  QRSRQ: ['cellular.rsrq', 'rsrq'],
  QSINR: ['cellular.sinr', 'sinr'],
}

const readAntennas = (draft: Draft, port: Port, command: string, fields: readonly string[]): void => {
  const [metric, reading] = antennaMetric[command] ?? (['cellular.rsrp', 'rsrp'] as const)
  const word = fields.at(-1) ?? ''
  const rat = ratOf(word) ?? null
  const values = toNumber(word) === undefined ? fields.slice(0, -1) : fields
  const scale = scaleOf(draft.route.radioScales, reading, 'QRSRP', rat, port.cells.model)
  for (const [place, field] of values.entries()) {
    const number = toNumber(field)
    const silent = number === -32768 || (command === 'QRSRP' && number === -140) // An antenna without signal.
    const value = typeof number !== 'number' || silent ? null : scaledReading(scale, number)
    const attributes = { 'cellular.antenna': antennas[place] ?? `rx${place}`, ...(rat === null ? {} : { 'cellular.rat': rat }) }
    addMeasurement(draft, metric, attributesOf(attributes), value)
  }
}

/** `+QTEMP:"modem-ambient-usr","38"`. */
const readTemperatures = (draft: Draft, fields: readonly string[]): void => {
  const [name, value] = fields
  if (fields.length === 2 && name !== undefined && toNumber(name) === undefined)
    addMeasurement(draft, 'hw.temperature', attributesOf({ 'hw.name': name.slice(0, 100) }), value)
  else
    for (const [place, field] of fields.entries())
      addMeasurement(draft, 'hw.temperature', attributesOf({ 'hw.name': `modem/${place}` }), field)
}

/** 3GPP TS 27.007: an index from 0 to `most`, 99 and 255 are unknown. */
const index = (field: string | undefined, most: number, step: number, least: number): number | null => {
  const number = field === undefined ? null : toNumber(field)
  return typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= most ? least + step * number : null
}

/** TS 27.007 8.69: rxlev, ber, rscp, ecno, rsrq, rsrp. */
const readCesq = (draft: Draft, [rxlev, , rscp, ecno, rsrq, rsrp]: readonly string[]): void => {
  const values: readonly (readonly [MetricName, number | null])[] = [
    ['cellular.rssi', index(rxlev, 63, 1, -111)],
    ['cellular.rscp', index(rscp, 96, 1, -121)],
    ['cellular.ecio', index(ecno, 49, 0.5, -24.5)],
    ['cellular.rsrq', index(rsrq, 34, 0.5, -20)],
    ['cellular.rsrp', index(rsrp, 97, 1, -141)],
  ]
  // Only one technology is measured; the others' indexes say "unknown" by rule, which is no missing reading.
  for (const [metric, value] of values) if (value !== null) addMeasurement(draft, metric, '', value)
}

const readBare = (draft: Draft, port: Port, line: string): void => {
  const [, label, text] = /^(Manufacturer|Model|Revision|IMEI):\s*(.{1,200})$/i.exec(line) ?? []
  if (/^\d{14,20}$/.test(line)) addPersonal(draft, identifierOf(port.command), line)
  else if (label?.toLowerCase() === 'imei') addPersonal(draft, 'modem.imei', text)
  else if (label?.toLowerCase() === 'revision') addFact(draft, 'modem.firmware', text)
  else if (label !== undefined) addFact(draft, `modem.${label.toLowerCase()}`, text)
  else if (line === port.cells.model) addFact(draft, 'modem.model', line)
  else if (/\d{7}/.test(line)) addPersonal(draft, 'modem.at.line', line)
  else note(draft, `not understood: ${shown(line)}`)
}

const identifierOf = (command: string): string =>
  /CIMI/i.test(command)
    ? 'modem.imsi'
    : /CCID/i.test(command)
      ? 'modem.iccid'
      : /GSN|CGSN|EGMR/i.test(command)
        ? 'modem.imei'
        : 'modem.identifier'

/** TS 27.007 9.2.1. */
const cmeErrors: Readonly<Record<string, string>> = {
  3: 'operation not allowed',
  4: 'operation not supported',
  10: 'SIM not inserted',
  11: 'SIM PIN required',
  12: 'SIM PUK required',
  13: 'SIM failure',
  14: 'SIM busy',
  15: 'SIM wrong',
  16: 'incorrect password',
  30: 'no network service',
  31: 'network timeout',
  50: 'incorrect parameters',
  100: 'unknown',
}

/** No reading came of it; one line in the log says so. */
const readError = (draft: Draft, command: string, line: string, code: string): void => {
  const meaning = line.startsWith('+CME') && Object.hasOwn(cmeErrors, code) ? ` (${cmeErrors[code] ?? ''})` : ''
  const asked = command === '' ? '' : `${command.slice(0, 200)}: `
  const message = `${asked}${line.slice(0, 200)}${meaning}`.replace(/\d{7,}/g, '#')
  draft.bodies.push({
    kind: 'LogLines',
    source: 'modem',
    items: [{ observedAtMs: null, writtenAt: '', severity: 3, facility: null, program: 'modem', message, cut: false }],
  })
}
