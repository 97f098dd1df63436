import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'

const topic = `${device}/modem/at`
const answer = (...rows: string[]) => linesOf(outcomeOf(topic, `${['AT+X', ...rows, '', 'OK'].join('\r\n')}\r\n`))
const scaledBy = (...radioScales: object[]) => mapOf({ ...shippedTopics(), radioScales })

const lte = '+QENG: "servingcell","NOCONN","LTE","FDD",001,01,1234567,44,6300,20,3,5,BE3,-103,-14,-71,2,19'

describe('QENG of LTE', () => {
  it('is read whole: hex ids that look decimal, bandwidth by index, the last field is srxlev', () => {
    expect(messageOf(topic, `AT+QENG="servingcell"\r\n${lte}\r\n\r\nOK\r\n`)).toEqual({
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
          mode: 'LTE',
          plmn: '00101',
          tac: 0xbe3,
          cellId: 0x1234567,
          enbId: 0x12345,
          pci: 44,
          band: 'B20',
          earfcn: 6300,
          rsrpDbm: -103,
          rsrqDb: -14,
          sinrDb: 2,
          rssiDbm: -71,
          cqi: null,
          carriers: [
            {
              role: 'PCC',
              rat: 'LTE',
              band: 'B20',
              bandwidthMhz: 20,
              earfcn: 6300,
              pci: 44,
              rsrpDbm: -103,
              rsrqDb: -14,
              sinrDb: 2,
              active: true,
            },
          ],
        },
        {
          kind: 'Measurements',
          items: [{ metric: 'modem.qeng.srxlev', attributes: '', value: 19, quality: 'ok', observedAtMs: null }],
        },
        { kind: 'Facts', items: [{ name: 'modem.state', value: 'NOCONN', sealed: null }] },
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
      profile: 'quectel',
      notes: [],
    })
  })

  it.each([
    ['-,-', 'NaN fields', [undefined, undefined]],
    ['10,200,-', 'cqi, tx power, srxlev', ['cqi=10', 'modem.qeng.tx_power 200']],
    ['28,11,-,-', 'srxlev, cqi, tx power, aggregated bandwidth', ['cqi=11', 'modem.qeng.srxlev 28']],
  ])('behind sinr %s: %s', (extras, _meaning, [radioPart, reading]) => {
    const lines = answer(lte.replace(/,19$/, `,${extras}`))
    if (radioPart !== undefined) expect(lines[0]).toContain(radioPart)
    else expect(lines[0]).not.toContain('cqi')
    if (reading !== undefined) expect(lines).toContain(reading)
  })

  it('without a cell is a snapshot of nothing', () => {
    expect(answer('+QENG: "servingcell","SEARCH"')).toEqual(['radio ', 'fact modem.state "SEARCH"'])
    expect(answer('+QENG: "servingcell","LIMSRV","LTE","FDD",-,-,-,-,-,-,-,-,-,-,-,-,-,-')[0]).toBe('radio rat=LTE mode=LTE')
  })

  it('of CAT-M1 has the same order', () => expect(answer(lte.replace('"LTE"', '"CAT-M1"'))[0]).toContain('rat=LTE mode=CAT-M1 plmn=00101'))

  it('all ones is no cell, FFFF no area', () => {
    const line = answer(lte.replace('1234567', 'FFFFFFF').replace('BE3', 'FFFF'))[0]
    expect(line).not.toMatch(/cellId|enbId|tac/)
  })
})

describe('QENG of NR', () => {
  const anchor = '+QENG: "LTE","FDD",001,01,2F1A30C,301,1850,3,4,4,4E21,-93,-11,-63,11,30,9,-,-'

  it('EN-DC: LTE serves, the NR leg has SINR before RSRQ', () => {
    const lines = answer('+QENG: "servingcell","CONNECT"', anchor, '+QENG: "NR5G-NSA",001,01,502,-104,18,-13,636666,78,10,1')
    expect(lines.slice(0, 3)).toEqual([
      'radio rat=LTE mode=NR5G-NSA plmn=00101 tac=20001 cellId=49390348 enbId=192931 pci=301 band=B3 earfcn=1850 rsrpDbm=-93 rsrqDb=-11 sinrDb=11 rssiDbm=-63 cqi=9',
      'carrier role=PCC rat=LTE band=B3 bandwidthMhz=15 earfcn=1850 pci=301 rsrpDbm=-93 rsrqDb=-11 sinrDb=11 active=true',
      'carrier role=PSCC rat=NR band=n78 bandwidthMhz=80 earfcn=636666 pci=502 rsrpDbm=-104 rsrqDb=-13 sinrDb=18 active=true',
    ])
  })

  it('EN-DC whose NR leg is not measured', () => {
    expect(answer('+QENG: "servingcell","NOCONN"', anchor, '+QENG: "NR5G-NSA",001,01,-,-32768,-32768,-32768')[2]).toBe(
      'carrier role=PSCC rat=NR',
    )
  })

  it('stand-alone: 36 bits of cell, RSRQ before SINR, tac of 24 bits', () => {
    expect(
      answer('+QENG: "servingcell","CONNECT","NR5G-SA","FDD",001,001,FF0000001,7,ABCDEF,431070,1,3,-80,-10,25,0,40').slice(0, 3),
    ).toEqual([
      `radio rat=NR mode=NR5G-SA plmn=001001 tac=11259375 cellId=68451041281 pci=7 band=n1 earfcn=431070 rsrpDbm=-80 rsrqDb=-10 sinrDb=25`,
      'carrier role=PCC rat=NR band=n1 bandwidthMhz=20 earfcn=431070 pci=7 rsrpDbm=-80 rsrqDb=-10 sinrDb=25 active=true',
      'modem.qeng.srxlev 40',
    ])
  })
})

describe('QENG of 3G and 2G, and of neighbours', () => {
  it('WCDMA has RSCP and Ec/Io, which are no RSRP and RSRQ', () => {
    expect(answer('+QENG: "servingcell","CONNECT","WCDMA",001,01,3F2B,9A0C12,10663,210,1,-88,-7,-,-,-,-,-')).toEqual([
      'radio rat=UMTS mode=WCDMA plmn=00101 tac=16171 cellId=10095634 earfcn=10663',
      'cellular.rscp -88',
      'cellular.ecio -7',
      'fact modem.state "CONNECT"',
    ])
  })

  it('GSM has a level', () => {
    expect(answer('+QENG: "servingcell","NOCONN","GSM",001,01,1538,2B3C,45,62,0,-61,255,255,0,38,38,1')[0]).toBe(
      'radio rat=GSM mode=GSM plmn=00101 tac=5432 cellId=11068 earfcn=62 rssiDbm=-61',
    )
  })

  it('of neighbours RSRQ stands before RSRP; the strongest that is not the serving cell counts', () => {
    const lines = answer(
      lte,
      '+QENG: "neighbourcell intra","LTE",6300,44,-9,-70,-60,2,19,4,12,10,62',
      '+QENG: "neighbourcell intra","LTE",6300,45,-12,-105,-75,-20,23,4,12,10,62',
      '+QENG: "neighbourcell inter","LTE",1501,7,-14,-100,-80,-,-,0,10,7',
      '+QENG: "neighbourcell","WCDMA",3062,3,16,2,-,-,-,-',
    )
    expect(lines.filter((line) => line.startsWith('cellular'))).toEqual(['cellular.neighbor.rsrp -100', 'cellular.neighbor.rsrq -14'])
  })
})

describe('QCAINFO', () => {
  it.each([
    [
      '"PCC",1300,100,"LTE BAND 3",1,217,-96,-10,-66,14',
      'PCC rat=LTE band=B3 bandwidthMhz=20 earfcn=1300 pci=217 rsrpDbm=-96 rsrqDb=-10 sinrDb=14 active=true',
    ],
    [
      '"scc",6300,50,"LTE BAND 20",2,44,-89,-13,-60,7',
      'SCC rat=LTE band=B20 bandwidthMhz=10 earfcn=6300 pci=44 rsrpDbm=-89 rsrqDb=-13 sinrDb=7 active=true',
    ],
    ['"SCC",2850,6,"LTEBAND7",1,310,0,0,0,0,0,-,-', 'SCC rat=LTE band=B7 bandwidthMhz=1.4 earfcn=2850 pci=310 active=false'],
    ['"SCC",6300,50,"LTE BAND 20","DECONFIGURED",0', 'SCC rat=LTE band=B20 bandwidthMhz=10 earfcn=6300 pci=0 active=false'],
    ['"SCC",500,25,"LTE BAND 1",0,301,-,-,-,-', 'SCC rat=LTE band=B1 bandwidthMhz=5 earfcn=500 pci=301 active=false'],
    ['"PCC",641280,12,"NR5G BAND 78",88', 'PCC rat=NR band=n78 bandwidthMhz=100 earfcn=641280 pci=88 active=true'],
    [
      '"PCC",501390,12,"NR5G BAND 41",147,-90,-11,20',
      'PCC rat=NR band=n41 bandwidthMhz=100 earfcn=501390 pci=147 rsrpDbm=-90 rsrqDb=-11 sinrDb=20 active=true',
    ],
    ['"SCC",648768,10,"NR5G BAND 78",920', 'SCC rat=NR band=n78 bandwidthMhz=80 earfcn=648768 pci=920'],
    ['"SCC",431070,3,"NR5G BAND 1",1,450,0,-,-', 'SCC rat=NR band=n1 bandwidthMhz=20 earfcn=431070 pci=450'],
    [
      '"SCC",393850,3,"NR5G BAND 25",2,354,1,3,378000,-91,-12,5',
      'SCC rat=NR band=n25 bandwidthMhz=20 earfcn=393850 pci=354 rsrpDbm=-91 rsrqDb=-12 sinrDb=5 active=true',
    ],
    ['"SCC",636666,12,"NR5GBAND78",1,502,0,0,2079167,-1040,-1310,610', 'SCC rat=NR band=n78 bandwidthMhz=100 earfcn=636666 pci=502'],
    ['"SCC",521310,11,"NR5G BAND 41",1,147,0,-,-,-11,-11,2463', 'SCC rat=NR band=n41 bandwidthMhz=90 earfcn=521310 pci=147'],
    [
      '"SCC",1300,,"LTE BAND 3",2,217,-96,-10,-66,14',
      'SCC rat=LTE band=B3 earfcn=1300 pci=217 rsrpDbm=-96 rsrqDb=-10 sinrDb=14 active=true',
    ],
  ])('%s', (fields, expected) =>
    expect(answer(`+QCAINFO: ${fields}`).find((line) => line.startsWith('carrier'))).toBe(`carrier role=${expected}`),
  )

  it('alone tells the serving carrier; beside QENG its carriers count', () => {
    const primary = '+QCAINFO: "PCC",6300,50,"LTE BAND 20",1,44,-103,-14,-71,2'
    expect(answer(primary)[0]).toBe('radio rat=LTE pci=44 band=B20 earfcn=6300 rsrpDbm=-103 rsrqDb=-14 sinrDb=2 rssiDbm=-71')
    const both = answer(lte, primary, 'DL', '+QCAINFO: "SCC",1300,100,"LTE BAND 3",2,217,-96,-10,-66,14')
    expect(both.filter((line) => /^(?:radio|carrier)/.test(line)).map((line) => line.slice(0, 60))).toEqual([
      'radio rat=LTE mode=LTE plmn=00101 tac=3043 cellId=19088743 e',
      'carrier role=PCC rat=LTE band=B20 bandwidthMhz=10 earfcn=630',
      'carrier role=SCC rat=LTE band=B3 bandwidthMhz=20 earfcn=1300',
    ])
  })

  it('33 carriers are cut to the 32 that a snapshot holds', () => {
    const lines = answer(...Array<string>(33).fill('+QCAINFO: "SCC",1300,100,"LTE BAND 3",2,217,-96,-10,-66,14'))
    expect(lines.filter((line) => line.startsWith('carrier'))).toHaveLength(32)
  })
})

describe('radio scales', () => {
  const scc = '+QCAINFO: "SCC",636666,12,"NR5GBAND78",1,502,0,0,2079167,-1040,-1310,610'
  const scale = { source: 'QCAINFO', rat: 'NR', rsrp: 0.1, rsrq: 0.01, sinr: 0.01 }
  const carrierBy = (scales: object[], topicOfModel = topic, text = scc) =>
    linesOf(outcomeOf(topicOfModel, text, scaledBy(...scales))).find((line) => line.startsWith('carrier'))

  it('go by the model in the topic', () => {
    expect(carrierBy([{ model: 'dwr/311-*', ...scale }])).toContain('rsrpDbm=-104 rsrqDb=-13.1 sinrDb=6.1')
    expect(carrierBy([{ model: 'dwr/925-*', ...scale }])).not.toContain('rsrpDbm')
    expect(carrierBy([{ model: 'dwr/311', ...scale }])).not.toContain('rsrpDbm')
  })

  it('go by the modem where the text tells it, by source and by RAT', () => {
    expect(carrierBy([{ modem: 'RG501Q*', ...scale }], topic, `Quectel\r\nRG501Q-EU\r\n${scc}`)).toContain('rsrpDbm=-104')
    expect(carrierBy([{ modem: 'RG501Q*', ...scale }])).not.toContain('rsrpDbm')
    expect(carrierBy([{ model: '*', ...scale, source: 'QENG' }])).not.toContain('rsrpDbm')
    expect(carrierBy([{ model: '*', ...scale, rat: 'LTE' }])).not.toContain('rsrpDbm')
  })

  it('may have an offset: EC25 counts SINR in fifths from -20', () => {
    const scaled = scaledBy({ model: '*', source: 'QENG', sinr: { factor: 0.2, offset: -20 } })
    expect(linesOf(outcomeOf(topic, lte.replace('-71,2,19', '-71,143,19'), scaled))[0]).toContain('sinrDb=8.6')
    expect(answer(lte.replace('-71,2,19', '-71,143,19'))[0]).not.toContain('sinrDb')
  })

  it('hold for JSON and antennas too', () => {
    const scaled = scaledBy({ model: 'dwr/*', rsrp: 0.1 })
    expect(linesOf(outcomeOf(`${device}/hardware/lte`, '{"rsrp":-1015,"rsrq":-11}', scaled))[0]).toBe(
      'radio rat=LTE rsrpDbm=-101.5 rsrqDb=-11',
    )
    expect(linesOf(outcomeOf(topic, '+QRSRP: -1015,-1000,-,-32768,LTE', scaled))[0]).toBe(
      'cellular.rsrp{cellular.antenna:prx,cellular.rat:LTE} -101.5',
    )
  })
})

describe('other answers', () => {
  it.each([
    ['+QRSRP: -96,-99,-140,-32768,LTE', ['prx -96', 'drx -99', 'rx2 null (missing)', 'rx3 null (missing)']],
    ['+QSINR: 18,-,-3,0,LTE', ['prx 18', 'drx null (missing)', 'rx2 -3', 'rx3 0']],
  ])('%s: one reading for each antenna', (line, expected) => {
    expect(answer(line).map((text) => text.replace(/^cellular\.\w+\{cellular\.antenna:(\w+),cellular\.rat:LTE\}/, '$1'))).toEqual(expected)
  })

  it.each([
    ['+CSQ: 20,99', ['cellular.rssi -73']],
    ['+CSQ: 99,99', ['cellular.rssi null (missing)']],
    ['+CESQ: 99,99,255,255,20,44', ['cellular.rsrq -10', 'cellular.rsrp -97']],
    ['+QTEMP:"modem-ambient-usr","38"', ['hw.temperature{hw.name:modem-ambient-usr} 38']],
    ['+QNWINFO: "FDD LTE","00101","LTE BAND 3",1300', ['radio rat=LTE mode=FDD LTE plmn=00101 band=B3 earfcn=1300']],
    ['+QSPN: "Example","EX","",0,"00101"', ['fact modem.at.qspn ""Example","EX","",0,"00101""']],
  ])('%s', (line, expected) => expect(answer(line)).toEqual(expected))

  it('an error is one log line and no reading', () => {
    expect(linesOf(outcomeOf(topic, 'AT+QRSRP\r\n+CME ERROR: 10\r\n'))).toEqual([
      'log modem: no time, written "", -.3, modem, "AT+QRSRP: +CME ERROR: 10 (SIM not inserted)"',
    ])
    expect(linesOf(outcomeOf(topic, 'ERROR'))).toEqual(['log modem: no time, written "", -.3, modem, "ERROR"'])
    expect(linesOf(outcomeOf(topic, '+CMS ERROR: 500'))[0]).toContain('"+CMS ERROR: 500"')
  })

  it('numbers of cards and persons are sealed', () => {
    const message = messageOf(
      topic,
      'AT+CGSN\r\n001122334455667\r\nOK\r\nAT+CIMI\r\n001010123456789\r\nOK\r\n+QCCID: 89490000000000000012\r\n+CNUM: ,"+491701234567",145',
    )
    expect(message.personalFacts.map(({ name, masked }) => [name, masked])).toEqual([
      ['modem.imei', '***********5667'],
      ['modem.imsi', '***********6789'],
      ['modem.iccid', '****************0012'],
      ['modem.at.cnum', expect.stringMatching(/^\*+/) as string],
    ])
    expect(JSON.stringify(message.bodies)).not.toMatch(/\d{7}/)
  })

  it('come in JSON too, with time and sequence', () => {
    expect(linesOf(outcomeOf(topic, '{"ts":1767602403,"bootId":"b","seq":3,"response":"+CSQ: 20,99\\r\\n"}'))).toEqual([
      'at 2026-01-05T08:40:03.000Z, boot b, seq 3',
      'cellular.rssi -73',
    ])
  })

  it('are recognised on other topics, and nothing else is', () => {
    expect(messageOf(`${device}/hardware/lte`, lte).profile).toBe('quectel')
    expect(messageOf(`${device}/modem/status`, 'AT+CSQ\r\n+CSQ: 20,99\r\n').profile).toBe('quectel')
    expect(messageOf(`${device}/hardware/fan`, '+1200').profile).toBe('generic')
    expect(messageOf(`${device}/hardware/fan`, 'ATTENTION').profile).toBe('generic')
  })
})

it('no text throws', () => {
  const text = mutatedOf([
    `AT+QENG="servingcell"\r\n${lte}\r\nOK`,
    '+QCAINFO: "SCC",636666,12,"NR5GBAND78",1,502,0,0,2079167,-1040,-1310,610',
    '+QRSRP: -96,-99,-140,-32768,LTE',
    '+QENG: "NR5G-NSA",001,01,502,-104,6,-13,636666,78,12,1',
    '+CME ERROR: 13',
    '001122334455667',
  ])
  fc.assert(
    fc.property(text, (payload) => void outcomeOf(topic, payload)),
    { numRuns: 4_000 },
  )
})
