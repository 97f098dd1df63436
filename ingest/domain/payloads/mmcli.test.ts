import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'

const topic = `${device}/modem/mmcli`
const lines = (value: unknown) => linesOf(outcomeOf(topic, JSON.stringify(value)))
const none = {
  '5g': { rsrp: '--', rsrq: '--', snr: '--' },
  lte: { rsrp: '--', rsrq: '--', rssi: '--', snr: '--' },
  umts: { ecio: '--', rscp: '--', rssi: '--' },
  gsm: { rssi: '--' },
}
const signal = (parts: object) => ({ modem: { signal: { ...none, ...parts } } })

describe('mmcli signals', () => {
  it('are read whole', () => {
    expect(messageOf(topic, JSON.stringify(signal({ lte: { rsrp: '-101.50', rsrq: '-12.00', rssi: '-70.00', snr: '0.00' } })))).toEqual({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      storedTopic: topic,
      observedAtMs: null,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      bodies: [
        {
          kind: 'Radio',
          rat: 'LTE',
          mode: null,
          plmn: null,
          tac: null,
          cellId: null,
          enbId: null,
          pci: null,
          band: null,
          earfcn: null,
          rsrpDbm: -101.5,
          rsrqDb: -12,
          sinrDb: 0,
          rssiDbm: -70,
          cqi: null,
          carriers: [
            {
              role: 'PCC',
              rat: 'LTE',
              band: null,
              bandwidthMhz: null,
              earfcn: null,
              pci: null,
              rsrpDbm: -101.5,
              rsrqDb: -12,
              sinrDb: 0,
              active: true,
            },
          ],
        },
        {
          kind: 'Facts',
          items: [
            { name: 'device.product', value: 'dwr', sealed: null },
            { name: 'device.model', value: '311-a1', sealed: null },
          ],
        },
      ],
      personalFacts: [],
      personal: false,
      profile: 'mmcli',
      notes: [],
    })
  })

  it.each([
    [{}, ['radio ']],
    [
      { '5g': { rsrp: '-99.00', rsrq: '-11.00', snr: '7.00' } },
      ['radio rat=NR rsrpDbm=-99 rsrqDb=-11 sinrDb=7', 'carrier role=PCC rat=NR rsrpDbm=-99 rsrqDb=-11 sinrDb=7 active=true'],
    ],
    [
      { umts: { ecio: '-4.50', rscp: '-81.00', rssi: '-75.00' } },
      ['radio rat=UMTS rssiDbm=-75', 'cellular.rscp -81', 'cellular.ecio -4.5'],
    ],
    [{ gsm: { rssi: '-67.00' } }, ['radio rat=GSM rssiDbm=-67']],
    [
      { lte: { rsrp: '-3276.80', rsrq: '--', rssi: '--', snr: '--' } },
      ['radio ', 'note: cellular.rsrp -3276.8 is outside -156..-31 dBm: no reading'],
    ],
    [
      { refresh: { rate: '10' }, threshold: { 'error-rate': 'no', rssi: '0' } },
      [
        'radio ',
        'fact modem.signal.refresh.rate "10"',
        'fact modem.signal.threshold.error_rate "no"',
        'fact modem.signal.threshold.rssi "0"',
      ],
    ],
  ])('%j', (parts, expected) => expect(lines(signal(parts))).toEqual(expected))

  it('of two technologies at once are EN-DC, and an error rate is a share', () => {
    expect(
      lines(
        signal({
          lte: { rsrp: '-88', rsrq: '-9', rssi: '-59', snr: '14.2', 'error-rate': '1.5' },
          '5g': { rsrp: '-101', rsrq: '-12', snr: '-1.5', 'error-rate': '--' },
        }),
      ),
    ).toEqual([
      'radio rat=LTE mode=EN-DC rsrpDbm=-88 rsrqDb=-9 sinrDb=14.2 rssiDbm=-59',
      'carrier role=PCC rat=LTE rsrpDbm=-88 rsrqDb=-9 sinrDb=14.2 active=true',
      'carrier role=PSCC rat=NR rsrpDbm=-101 rsrqDb=-12 sinrDb=-1.5 active=true',
      'cellular.error_rate{cellular.rat:LTE} 0.015',
    ])
  })

  it('may have a time and a sequence beside them', () => {
    expect(lines({ ts: 1767602403, seq: 3, ...signal({}) })[0]).toBe('at 2026-01-05T08:40:03.000Z, seq 3')
  })

  it('are scaled by model', () => {
    const scaled = mapOf({ ...shippedTopics(), radioScales: [{ model: 'dwr/*', rat: 'NR', rsrp: 0.1 }] })
    const payload = JSON.stringify(signal({ '5g': { rsrp: '-1040', rsrq: '-11', snr: '7' } }))
    expect(linesOf(outcomeOf(topic, payload, scaled))[0]).toBe('radio rat=NR rsrpDbm=-104 rsrqDb=-11 sinrDb=7')
  })
})

describe('mmcli of a modem', () => {
  it('gives facts; identifiers once, lists joined, empty ones not at all, secrets sealed', () => {
    expect(
      lines({
        modem: {
          '3gpp': {
            'enabled-locks': [],
            eps: { 'initial-bearer': { settings: { apn: 'internet.example', password: 'geheim1', user: '--' } } },
            imei: '001122334455667',
            'operator-code': '00101',
            'registration-state': 'home',
          },
          generic: {
            'current-bands': ['eutran-1', 'eutran-3'],
            'equipment-identifier': '001122334455667',
            'own-numbers': ['+491701234567'],
            revision: 'EX100',
            'signal-quality': { recent: 'yes', value: '46' },
          },
        },
      }),
    ).toEqual([
      'cellular.signal_quality 0.46',
      'fact modem.apn "internet.example"',
      'fact modem.plmn "00101"',
      'fact modem.registration "home"',
      'fact modem.roaming "false"',
      'fact modem.bands "eutran-1,eutran-3"',
      'fact modem.firmware "EX100"',
      'personal secret.password "***"',
      'personal modem.imei "***********5667"',
      'personal modem.msisdn "*********4567"',
    ])
  })

  it('a signal quality that is not recent is no reading', () => {
    expect(lines({ modem: { generic: { 'signal-quality': { recent: 'no', value: '46' } } } })).toEqual([
      'cellular.signal_quality null (missing)',
      'note: signal-quality 46 is not recent: no reading',
    ])
  })
})

describe('other outputs of mmcli', () => {
  it('a location has hex cell numbers, and positions are sealed', () => {
    expect(
      lines({
        modem: {
          location: {
            '3gpp': { cid: '02F1A30B', lac: 'FFFE', mcc: '001', mnc: '01', tac: '004E21' },
            'cdma-bs': { latitude: '--', longitude: '--' },
            gps: { latitude: '51.9', longitude: '-8.4', nmea: [] },
          },
        },
      }),
    ).toEqual(['radio plmn=00101 tac=20001 cellId=49390347', 'personal position "***"'])
    expect(
      lines({ modem: { location: { '3gpp': { cid: '--', lac: '--', mcc: '--', mnc: '--', tac: '--' }, gps: { latitude: '--' } } } }),
    ).toEqual(['radio '])
  })

  it("a bearer's bytes are counters", () => {
    expect(
      lines({
        bearer: {
          status: { connected: 'yes', interface: 'wwan0' },
          stats: { 'bytes-rx': '5123456789', 'bytes-tx': '77', duration: '300' },
          properties: { apn: 'internet.example', password: '--' },
        },
      }),
    ).toEqual([
      'network.wan.up 1',
      'modem.bearer.duration 300',
      'counter cellular.io{hw.id:wwan0,network.io.direction:receive} 5123456789',
      'counter cellular.io{hw.id:wwan0,network.io.direction:transmit} 77',
      'fact modem.bearer.status.connected "yes"',
      'fact modem.bearer.status.interface "wwan0"',
      'fact modem.apn "internet.example"',
    ])
  })

  it("a SIM's numbers are sealed", () => {
    const message = messageOf(
      topic,
      JSON.stringify({
        sim: { properties: { iccid: '89490000000000000012', imsi: '001010123456789', 'operator-code': '00101', active: 'yes' } },
      }),
    )
    expect(message.personalFacts.map(({ name }) => name)).toEqual(['modem.iccid', 'modem.imsi'])
    expect(JSON.stringify(message.bodies)).not.toContain('0000012')
  })

  it('text is no output of it', () => expect(linesOf(outcomeOf(topic, 'signal: 46%'))[0]).toMatch(/PAYLOAD_SHAPE/))
})

it('no payload throws', () => {
  const text = mutatedOf([
    JSON.stringify(signal({ lte: { rsrp: '-88', rsrq: '-9', rssi: '-59', snr: '14.2' }, refresh: { rate: '5' } })),
    JSON.stringify({
      modem: {
        '3gpp': { imei: '001122334455667' },
        generic: { 'own-numbers': [], 'signal-quality': { recent: 'yes', value: '46' } },
        location: { '3gpp': { cid: 'A' } },
      },
    }),
    JSON.stringify({ bearer: { status: { connected: 'yes' }, stats: { 'bytes-rx': '1' } } }),
  ])
  const part = fc.jsonValue({ maxDepth: 3 })
  fc.assert(
    fc.property(text, part, (payload, value) => {
      outcomeOf(topic, payload)
      outcomeOf(
        topic,
        JSON.stringify({
          modem: {
            signal: { lte: value, umts: value },
            generic: { model: value, 'own-numbers': value },
            '3gpp': value,
            location: { '3gpp': value, gps: value },
          },
          bearer: value,
          sim: value,
        }),
      )
    }),
    { numRuns: 2_000 },
  )
})
