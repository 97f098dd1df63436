import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'

const plug = 'shellyplus1pm-001122334455'
const lines = (topic: string, value: unknown) => linesOf(outcomeOf(topic, JSON.stringify(value)))

describe('a Shelly part', () => {
  it('is read whole, its product and MAC from the name', () => {
    expect(
      messageOf(`${plug}/status/switch:0`, '{"id":0,"output":false,"apower":0,"aenergy":{"total":0.5,"by_minute":[1],"minute_ts":1}}'),
    ).toEqual({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      storedTopic: '00-11-22-33-44-55/status/switch:0',
      observedAtMs: null,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      bodies: [
        {
          kind: 'Measurements',
          items: [
            { metric: 'hw.switch.on', attributes: '{"hw.name":"switch:0"}', value: 0, quality: 'ok', observedAtMs: null },
            { metric: 'hw.power', attributes: '{"hw.name":"switch:0"}', value: 0, quality: 'ok', observedAtMs: null },
          ],
        },
        {
          kind: 'Counters',
          items: [{ metric: 'hw.energy', attributes: '{"hw.name":"switch:0"}', value: 1800, widthBits: null, linkBitsPerSecond: null }],
        },
        { kind: 'Facts', items: [{ name: 'shelly.switch_0.output', value: 'false', sealed: null }] },
        { kind: 'Facts', items: [{ name: 'device.product', value: 'shellyplus1pm', sealed: null }] },
      ],
      personalFacts: [],
      personal: false,
      profile: 'shelly',
      notes: [],
    })
  })

  it.each([
    ['temperature:100', { id: 100, tC: 21.3, tF: 70.4 }, ['hw.temperature{hw.name:temperature:100} 21.3']],
    ['temperature:100', { id: 100, tC: null, tF: null }, ['hw.temperature{hw.name:temperature:100} null (missing)']],
    ['humidity:0', { id: 0, rh: 45.5 }, ['hw.humidity{hw.name:humidity:0} 45.5']],
    [
      'em1:1',
      { act_power: -12.5, aprt_power: 30, pf: -0.4, freq: 50 },
      [
        'hw.power{hw.name:em1:1} -12.5',
        'hw.apparent_power{hw.name:em1:1} 30',
        'hw.power_factor{hw.name:em1:1} -0.4',
        'hw.frequency{hw.name:em1:1} 50',
      ],
    ],
    [
      'em:0',
      { a_voltage: 236.1, n_current: null, total_current: 11.083 },
      [
        'hw.voltage{hw.name:em:0,hw.phase:a} 236.1',
        'hw.current{hw.name:em:0,hw.phase:n} null (missing)',
        'hw.current{hw.name:em:0} 11.083',
      ],
    ],
    [
      'emdata:0',
      { a_total_act_energy: 10, total_act: 100.5, total_act_ret: 0 },
      [
        'counter hw.energy{hw.name:emdata:0,hw.phase:a} 36000',
        'counter hw.energy{hw.name:emdata:0} 361800',
        'counter hw.energy.returned{hw.name:emdata:0} 0',
      ],
    ],
    ['input:0', { id: 0, state: true }, ['hw.input.on{hw.name:input:0} 1', 'fact shelly.input_0.state "true"']],
    ['input:0', { id: 0, state: null }, ['fact shelly.input_0.state none']],
    [
      'devicepower:0',
      { battery: { V: 5.3, percent: 90 }, external: { present: false } },
      ['hw.voltage{hw.name:devicepower:0} 5.3', 'hw.battery.charge{hw.name:devicepower:0} 0.9', 'shelly.devicepower_0.external.present 0'],
    ],
    ['cover:0', { state: 'open', current_pos: 60 }, ['shelly.cover_0.current_pos 60', 'fact shelly.cover_0.state "open"']],
    [
      'switch:0',
      { output: true, temperature: { tC: 40.5, tF: 104.9 }, errors: ['overtemp'] },
      [
        'hw.switch.on{hw.name:switch:0} 1',
        'hw.temperature{hw.name:switch:0} 40.5',
        'fact shelly.switch_0.output "true"',
        'fact shelly.switch_0.errors.0 "overtemp"',
      ],
    ],
  ])('%s %j', (part, status, expected) => expect(lines(`${plug}/status/${part}`, status)).toEqual(expected))
})

describe('a Shelly status', () => {
  it('of several parts has time, uptime and network of the device', () => {
    expect(
      lines(`${plug}/status/all`, {
        'switch:0': { apower: 5 },
        sys: { mac: '001122334455', uptime: 77, unixtime: 1767602403, time: '09:40', ram_size: 1000, restart_required: false },
        wifi: { sta_ip: '192.0.2.7', status: 'got ip', ssid: 'x', rssi: -61 },
      }),
    ).toEqual([
      'at 2026-01-05T08:40:03.000Z',
      'hw.power{hw.name:switch:0} 5',
      'system.uptime 77',
      'system.memory.limit 1000',
      'shelly.sys.restart_required 0',
      'shelly.wifi.rssi -61',
      'fact device.mac "00-11-22-33-44-55"',
      'fact network.wifi.address "192.0.2.7"',
      'fact shelly.wifi.status "got ip"',
      'fact shelly.wifi.ssid "x"',
    ])
  })

  it('comes as a notification too', () => {
    expect(
      lines(`${plug}/events/rpc`, { src: plug, method: 'NotifyStatus', params: { ts: 1767602403.5, 'switch:0': { apower: 5 } } }),
    ).toEqual(['at 2026-01-05T08:40:03.500Z', 'hw.power{hw.name:switch:0} 5'])
  })

  it('is recognised on other topics, of devices only', () => {
    const status = { 'em:0': { total_act_power: 5 } }
    expect(messageOf(`${device}/hardware/meter`, JSON.stringify(status)).profile).toBe('shelly')
    expect(messageOf('germany/bavaria/nuremberg/90402/12a/meter/power', JSON.stringify(status)).profile).toBe('place')
  })
})

it('a name without a MAC is an alias or no device', () => {
  expect(outcomeOf('shellyplug-s/status/switch:0', '{}')).toMatchObject({ reason: 'TOPIC_UNMAPPED' })
  const aliased = mapOf({ ...shippedTopics(), aliases: { 'my-plug': '00-11-22-33-44-55' } })
  expect(messageOf('my-plug/status/switch:0', '{"apower":1}', aliased).subject.id).toBe('00-11-22-33-44-55')
})

it('is present as its last will says, and requests to it are not ingested', () => {
  expect(lines(`${plug}/online`, true)).toEqual(['presence state=online'])
  expect(outcomeOf(`${plug}/rpc`, '{}').kind).toBe('ignored')
})

it('no payload throws', () => {
  const text = mutatedOf([
    '{"switch:0":{"output":true,"apower":8.9,"aenergy":{"total":6.5},"temperature":{"tC":23.5}},"sys":{"mac":"001122334455"}}',
    '{"method":"NotifyStatus","params":{"ts":1.5,"em:0":{"a_act_power":1}}}',
    '{"output":true}',
    'true',
  ])
  fc.assert(
    fc.property(
      fc.constantFrom('status/switch:0', 'events/rpc', 'status/sys'),
      text,
      (at, payload) => void outcomeOf(`${plug}/${at}`, payload),
    ),
    { numRuns: 3_000 },
  )
})
