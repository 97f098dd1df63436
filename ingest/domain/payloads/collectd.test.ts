import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'

const host = 'collectd/00-11-22-33-44-55'
const lines = (path: string, payload: string) => linesOf(outcomeOf(`${host}/${path}`, payload))
const familiesWith = (changes: object) =>
  (shippedTopics()['families'] as { name: string }[]).map((family) => (family.name === 'collectd' ? { ...family, ...changes } : family))

const wwan0 = (direction: string) => `{network.interface.name:wwan0,network.io.direction:${direction}}`

describe('collectd values', () => {
  it('are read whole, with time, host and the NUL that the plugin sends', () => {
    expect(messageOf(`${host}/interface-wwan0/if_octets`, '1767602403.014:10234.5:991.25\0')).toEqual({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      storedTopic: `${host}/interface-wwan0/if_octets`,
      observedAtMs: 1767602403014,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      bodies: [
        {
          kind: 'Measurements',
          items: [
            {
              metric: 'system.network.io.rate',
              attributes: '{"network.interface.name":"wwan0","network.io.direction":"receive"}',
              value: 10234.5,
              quality: 'ok',
              observedAtMs: null,
            },
            {
              metric: 'system.network.io.rate',
              attributes: '{"network.interface.name":"wwan0","network.io.direction":"transmit"}',
              value: 991.25,
              quality: 'ok',
              observedAtMs: null,
            },
          ],
        },
      ],
      personalFacts: [],
      personal: false,
      profile: 'collectd',
      notes: [],
    })
  })

  it.each([
    [
      'load/load',
      'N:0.5:0.25:nan',
      ['system.cpu.load_average.1m 0.5', 'system.cpu.load_average.5m 0.25', 'system.cpu.load_average.15m null (missing)'],
    ],
    ['memory/memory-buffered', 'N:4096', ['system.memory.usage{system.memory.state:buffers} 4096']],
    ['memory/percent-used', 'N:12.5', ['system.memory.utilization 0.125']],
    ['cpu-1/cpu-wait', 'N:1.5', ['system.cpu.utilization{cpu.logical_number:1,cpu.mode:iowait} 0.015']],
    ['cpu-1/cpu-idle', 'N:101.5', ['system.cpu.utilization{cpu.logical_number:1,cpu.mode:idle} 1']],
    ['cpu-1/cpu-idle', 'N:167024', ['counter system.cpu.time{cpu.logical_number:1,cpu.mode:idle} 1670240']],
    ['cpu/percent-active', 'N:20', ['system.cpu.utilization 0.2']],
    [
      'df-root/df_complex-free',
      'N:1.2345e+08',
      ['system.filesystem.usage{system.filesystem.mountpoint:/,system.filesystem.state:free} 123450000'],
    ],
    ['df-mnt-data/percent_bytes-used', 'N:50', ['system.filesystem.utilization{system.filesystem.mountpoint:mnt-data} 0.5']],
    ['swap/swap-used', 'N:0', ['system.paging.usage{system.paging.state:used} 0']],
    ['sensors-coretemp/temperature-temp1', 'N:47', ['hw.temperature{hw.name:coretemp/temp1} 47']],
    ['ping/ping_droprate-192.0.2.1', 'N:0.25', ['network.probe.loss{network.probe.target:192.0.2.1} 0.25']],
    ['ping/ping-192.0.2.1', 'N:U', ['network.probe.rtt.avg{network.probe.target:192.0.2.1} null (missing)']],
    [
      'disk-mmcblk0/disk_ops',
      'N:7:9',
      [
        'counter system.disk.operations{disk.io.direction:read,system.device:mmcblk0} 7',
        'counter system.disk.operations{disk.io.direction:write,system.device:mmcblk0} 9',
      ],
    ],
    ['irq/irq-12', 'N:12.5', ['collectd.irq.irq.rate{collectd.type_instance:12} 12.5']],
    ['irq/irq-12', 'N:12', ['counter collectd.irq.irq{collectd.type_instance:12} 12']],
    [
      'virt-guest/if_octets-vnet0',
      'N:1.5:2.5',
      [
        'collectd.virt.if_octets.rx.rate{collectd.plugin_instance:guest,collectd.type_instance:vnet0} 1.5',
        'collectd.virt.if_octets.tx.rate{collectd.plugin_instance:guest,collectd.type_instance:vnet0} 2.5',
      ],
    ],
    ['mystery/answer-x', 'N:42', ['collectd.mystery.answer{collectd.type_instance:x} 42']],
    ['uptime/uptime', 'N:86423', ['system.uptime 86423']],
  ])('%s %s', (path, payload, expected) => expect(lines(path, payload)).toEqual(expected))

  it('uptime is also the message uptime', () => expect(messageOf(`${host}/uptime/uptime`, 'N:86423').uptimeSeconds).toBe(86423))

  it('of a derive are counters when whole, rates when not or zero', () => {
    expect(lines('interface-wwan0/if_octets', 'N:215863700781:98765432109')).toEqual([
      `counter system.network.io${wwan0('receive')} 215863700781`,
      `counter system.network.io${wwan0('transmit')} 98765432109`,
    ])
    expect(lines('interface-wwan0/if_errors', 'N:0:0')).toEqual([
      `system.network.error.rate${wwan0('receive')} 0`,
      `system.network.error.rate${wwan0('transmit')} 0`,
    ])
    expect(lines('interface-wwan0/if_octets', 'N:5:U')).toEqual([`counter system.network.io${wwan0('receive')} 5`])
  })

  it('are what the family says they are, whatever their form', () => {
    const as = (storeRates: string, payload: string) =>
      linesOf(
        outcomeOf(`${host}/netlink-wwan0/if_rx_octets`, payload, mapOf({ ...shippedTopics(), families: familiesWith({ storeRates }) })),
      )
    expect(as('rates', 'N:5')).toEqual([`system.network.io.rate${wwan0('receive')} 5`])
    expect(as('counters', 'N:0')).toEqual([`counter system.network.io${wwan0('receive')} 0`])
  })

  it('past 2^53 are refused as counters: they were rounded', () => {
    expect(lines('interface-wwan0/if_octets', 'N:9007199254740991:1')).toHaveLength(2)
    expect(lines('interface-wwan0/if_octets', 'N:9007199254740993:1')[0]).toMatch(/INTEGER_NOT_EXACT/)
  })

  it.each([
    ['load/load', 'N:1:2'],
    ['load/load', '0.34 0.28 0.19'],
    ['load/load', 'N:'],
    ['load/load', 'N:a:b:c'],
    ['load', 'N:1:2:3'],
    ['uptime/uptime', '1767602403.014'],
  ])('%s %s is a dead letter', (path, payload) => expect(lines(path, payload)[0]).toMatch(/^dead letter PAYLOAD_SHAPE/))
})

it('a host is a MAC or an alias; else the dead letter tells how to add one, and a later alias mends it', () => {
  expect(outcomeOf('collectd/depot-07/uptime/uptime', 'N:1')).toEqual({
    kind: 'refused',
    reason: 'IDENTITY_UNKNOWN',
    detail:
      "level 2 of the topic (family collectd) is no MAC and no alias; add it to aliases in topics.yaml, in quotes, with the device's MAC",
    subject: null,
    storedTopic: 'collectd/depot-07/uptime/uptime',
    topicShape: 'collectd/+/uptime/uptime',
  })
  const aliased = mapOf({ ...shippedTopics(), aliases: { 'depot-07': '00-11-22-33-44-55' } })
  const message = messageOf('collectd/depot-07/uptime/uptime', 'N:1', aliased)
  expect([message.subject.id, message.storedTopic]).toEqual(['00-11-22-33-44-55', `${host}/uptime/uptime`])
})

it("collectd's JSON tells plugin, type and time itself", () => {
  const list = (type: string, values: (number | null)[], time: number) => ({
    values,
    dstypes: values.map(() => (type === 'load' ? 'gauge' : 'derive')),
    dsnames: [],
    time,
    interval: 10,
    host: 'depot-07',
    plugin: type === 'load' ? 'load' : 'interface',
    plugin_instance: type === 'load' ? '' : 'wwan0',
    type,
    type_instance: '',
  })
  expect(lines('all/json', JSON.stringify([list('load', [1, 2, null], 1767602403.5), list('if_packets', [7, 8], 1767602404)]))).toEqual([
    'at 2026-01-05T08:40:04.000Z',
    'system.cpu.load_average.1m 1 at 2026-01-05T08:40:03.500Z',
    'system.cpu.load_average.5m 2 at 2026-01-05T08:40:03.500Z',
    'system.cpu.load_average.15m null (missing) at 2026-01-05T08:40:03.500Z',
    `counter system.network.packet.count${wwan0('receive')} 7`,
    `counter system.network.packet.count${wwan0('transmit')} 8`,
  ])
  expect(lines('all/json', '[{"values":"x"}]')[0]).toMatch(/PAYLOAD_SHAPE/)
})

it('no topic and payload throws', () => {
  const path = mutatedOf(['interface-wwan0/if_octets', 'load/load', 'cpu-0/cpu-idle', 'a/b', 'df-root/df_complex-free'])
  const payload = mutatedOf([
    '1767602403.014:10234.5:991.25\0',
    'N:1:2:3',
    'N:nan',
    '[{"values":[1,2],"dstypes":["derive"],"time":1.5,"plugin":"p","type":"t"}]',
  ])
  fc.assert(
    fc.property(path, payload, (at, text) => void outcomeOf(`${host}/${at}`, text)),
    { numRuns: 3_000 },
  )
})
