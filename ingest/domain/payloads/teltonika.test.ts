import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'

const router = 'router/00-11-22-33-44-55'
const text = (name: string, payload: string) => linesOf(outcomeOf(`${router}/${name}`, payload))
const json = (value: unknown, topic = `${router}/device`) => linesOf(outcomeOf(topic, JSON.stringify(value)))

const modem = (changes: object = {}) => ({
  id: '3-1',
  imei: '001122334455667',
  model: 'RG501Q-EU',
  name: 'Internal modem',
  temperature: 44,
  signal: -68,
  operator: 'Example Mobile',
  conntype: '4G (LTE)',
  state: 'Connected',
  rssi: -68,
  rsrp: -95,
  rsrq: -10,
  sinr: 7,
  band: 'LTE B20',
  active_sim: 1,
  txbytes: 8_000_000_000,
  rxbytes: 0,
  ...changes,
})
const silent = {
  id: '1-2',
  imei: '001122334455675',
  name: 'External modem',
  conntype: 'N/A',
  operator: '',
  rssi: 0,
  rsrp: 0,
  rsrq: 0,
  sinr: 0,
  band: 'N/A',
  signal: -113,
}

describe('bare texts of a router', () => {
  it.each([
    ['temperature', '512', 'hw.temperature 51.2'],
    ['temperature', '-85', 'hw.temperature -8.5'],
    ['temperature', 'N/A', 'hw.temperature null (missing)'],
    ['signal', '-71', 'cellular.rssi -71'],
    ['signal', '-71 dBm', 'cellular.rssi -71'],
    ['uptime', '4294970', 'system.uptime 4294970'],
    ['operator', 'Example Mobile', 'fact modem.operator "Example Mobile"'],
    ['operator', 'N/A', 'fact modem.operator none'],
    ['network', '5G (NSA)', 'fact modem.access_technology "5G (NSA)"'],
    ['connection', 'Disconnected', 'fact modem.connection "Disconnected"'],
    ['wan', '198.51.100.23', 'fact wan.address "198.51.100.23"'],
    ['name', '007', 'fact device.name "007"'],
    ['digital2', '1', 'hw.input.on{hw.name:digital2} 1'],
    ['analog', '11.94', 'hw.voltage{hw.name:analog} 11.94'],
    ['humidity', '47', 'router.humidity 47'],
    ['location', '54.68', 'personal position "***"'],
    ['imei', '001122334455667', 'personal modem.imei "***********5667"'],
  ])('%s %s', (name, payload, expected) => expect(text(name, payload)).toEqual([expected]))

  it('tell the uptime of the message too', () => expect(messageOf(`${router}/uptime`, '4294970').uptimeSeconds).toBe(4294970))

  it.each(['router/get', 'router/id'])('%s is not ingested', (topic) => expect(outcomeOf(topic, 'id').kind).toBe('ignored'))

  it('need an alias for the serial number, leading zeros and all', () => {
    const with7 = (alias: string) => mapOf({ ...shippedTopics(), aliases: { [alias]: '00-11-22-33-44-55' } })
    expect(messageOf('router/0000000007/temperature', '512', with7('0000000007'))).toMatchObject({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      storedTopic: `${router}/temperature`,
    })
    expect(outcomeOf('router/0000000007/temperature', '512', with7('7'))).toMatchObject({
      reason: 'IDENTITY_UNKNOWN',
      detail: expect.stringContaining('quote it') as string,
      topicShape: 'router/+/temperature',
    })
  })
})

describe('JSON of a router', () => {
  it('is read whole: temperatures in whole degrees, counters past 2^32, zeros and N/A as no reading', () => {
    expect(json({ modems_data: [modem(), silent] })).toEqual([
      'radio rat=LTE mode=4G (LTE) band=B20 rsrpDbm=-95 rsrqDb=-10 sinrDb=7 rssiDbm=-68',
      'hw.temperature{hw.id:3-1,hw.name:Internal modem} 44',
      'counter cellular.io{hw.id:3-1,network.io.direction:transmit} 8000000000',
      'counter cellular.io{hw.id:3-1,network.io.direction:receive} 0',
      'fact modem.model "RG501Q-EU"',
      'fact modem.name "Internal modem"',
      'fact modem.operator "Example Mobile"',
      'fact modem.access_technology "4G (LTE)"',
      'fact modem.state "Connected"',
      'fact modem.sim_slot "1"',
      'fact modem.1-2.name "External modem"',
      'fact modem.1-2.access_technology none',
      'fact modem.1-2.operator none',
      'personal modem.imei "***********5667"',
      'personal modem.1-2.imei "***********5675"',
      'note: modem 1-2: zeros in all signal fields: no reading',
    ])
  })

  it('a second modem with a signal gives readings with its id, the snapshot stays the main one', () => {
    const lines = json({ modems_data: [{ ...silent, rsrp: -80, rsrq: -9, sinr: 0, rssi: -50 }, modem()] })
    expect(lines.filter((line) => /^(?:radio|cellular)/.test(line))).toEqual([
      'radio rat=LTE mode=4G (LTE) band=B20 rsrpDbm=-95 rsrqDb=-10 sinrDb=7 rssiDbm=-68',
      'cellular.rssi{hw.id:1-2} -50',
      'cellular.rsrp{hw.id:1-2} -80',
      'cellular.rsrq{hw.id:1-2} -9',
      'cellular.sinr{hw.id:1-2} 0',
    ])
  })

  it('only the second modem with a signal: the snapshot is its own, the facts stay apart', () => {
    const lines = json({
      modems_data: [modem({ rsrp: 0, rsrq: 0, sinr: 0, rssi: 0 }), { ...silent, conntype: '3G (WCDMA)', rssi: -70, rscp: -85, ecio: -6 }],
    })
    expect(lines).toContain('radio rat=UMTS mode=3G (WCDMA) rssiDbm=-70')
    expect(lines).toContain('cellular.rscp -85')
    expect(lines).toContain('fact modem.model "RG501Q-EU"')
  })

  it('one modem without signal is a snapshot of nothing', () => {
    expect(json({ data: [{ ...silent, conntype: 'N/A' }] })).toContain('radio ')
  })

  it('names the device by its own MAC where the serial is no alias; an alias counts more', () => {
    const payload = JSON.stringify({ system_info: { mnf_info: { mac_eth: '020000000071', mac: '020000000070', serial: '0000000007' } } })
    expect(messageOf('router/0000000007/device', payload)).toMatchObject({
      subject: { kind: 'device', id: '02-00-00-00-00-70' },
      storedTopic: 'router/02-00-00-00-00-70/device',
    })
    const aliased = mapOf({ ...shippedTopics(), aliases: { '0000000007': '00-11-22-33-44-55' } })
    expect(messageOf('router/0000000007/device', payload, aliased).subject.id).toBe('00-11-22-33-44-55')
    expect(outcomeOf('router/0000000007/device', '{"device_info":{"serial":"0000000007"}}')).toMatchObject({ reason: 'IDENTITY_UNKNOWN' })
  })

  it('is recognised on other topics', () => {
    expect(json({ modems_data: [modem()] }, `${device}/hardware/lte`)[0]).toMatch(/^radio rat=LTE mode=4G/)
    expect(messageOf(`${device}/hardware/lte`, JSON.stringify({ modems_data: [modem()] })).profile).toBe('teltonika')
  })

  it('scales the readings of the modem whose model has a scale', () => {
    const scaled = mapOf({ ...shippedTopics(), radioScales: [{ modem: 'rg501*', rsrp: 0.1 }] })
    const payload = JSON.stringify({ modems_data: [modem({ rsrp: -1040 })] })
    expect(linesOf(outcomeOf(`${router}/device`, payload, scaled))[0]).toContain('rsrpDbm=-104 ')
    expect(json({ modems_data: [modem({ rsrp: -1040 })] })[0]).not.toContain('rsrpDbm')
  })

  it('a counter past 2^53 and an empty object are dead letters', () => {
    expect(json({ modems_data: [modem({ txbytes: 9007199254740992 })] })[0]).toMatch(/INTEGER_NOT_EXACT/)
    expect(json({})[0]).toMatch(/PAYLOAD_SHAPE/)
    expect(json([1])[0]).toMatch(/PAYLOAD_SHAPE/)
  })
})

it('no payload throws', () => {
  const name = fc.constantFrom('temperature', 'digital1', 'device', 'x')
  const payload = mutatedOf([
    '512',
    'Example Mobile',
    JSON.stringify({ device_info: { serial: '7' }, modems_data: [modem(), silent] }),
    JSON.stringify([modem({ ca_info: [{ band: 'B3', rsrp: -90 }] })]),
  ])
  fc.assert(
    fc.property(name, payload, (at, body) => void outcomeOf(`${router}/${at}`, body)),
    { numRuns: 3_000 },
  )
})
