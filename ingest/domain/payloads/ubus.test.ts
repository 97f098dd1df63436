import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, messageOf, outcomeOf } from '../../../test/parse-kit.ts'

const lines = (metric: string, value: unknown) => linesOf(outcomeOf(`${device}/${metric}`, JSON.stringify(value)))

describe('ubus system info', () => {
  const info = {
    localtime: 1767606003,
    uptime: 4000,
    load: [65536, 32768, 0],
    memory: { total: 1000, free: 400, buffered: 50 },
    swap: { total: 0, free: 0 },
  }

  it('is read whole: loads over 65,536, no time from localtime, memory in use unknown in old versions', () => {
    expect(messageOf(`${device}/system/ubus`, JSON.stringify(info))).toMatchObject({
      observedAtMs: null,
      uptimeSeconds: 4000,
      profile: 'ubus',
      notes: [],
    })
    expect(lines('system/ubus', info)).toEqual([
      'system.uptime 4000',
      'system.cpu.load_average.1m 1',
      'system.cpu.load_average.5m 0.5',
      'system.cpu.load_average.15m 0',
      'system.memory.limit 1000',
      'system.memory.usage{system.memory.state:free} 400',
      'system.memory.usage{system.memory.state:buffers} 50',
      'system.paging.limit 0',
      'system.paging.usage{system.paging.state:free} 0',
    ])
  })

  it.each([
    [{ total: 1000, free: 400, buffered: 50, cached: 50 }, 500],
    [{ total: 1000, free: 400, buffered: 50, cached: 50, available: 700 }, 300],
  ])('memory %j: %d in use', (memory, used) => {
    expect(lines('system/ubus', { ...info, memory })).toContain(`system.memory.usage{system.memory.state:used} ${used}`)
  })

  it('filesystems are in KiB', () => {
    expect(lines('system/ubus', { localtime: 1, load: [], tmp: { total: 10, free: 8, used: 2, avail: 6 } })).toEqual([
      'system.filesystem.limit{system.filesystem.mountpoint:/tmp} 10240',
      'system.filesystem.usage{system.filesystem.mountpoint:/tmp,system.filesystem.state:used} 2048',
      'system.filesystem.usage{system.filesystem.mountpoint:/tmp,system.filesystem.state:free} 6144',
      'system.filesystem.utilization{system.filesystem.mountpoint:/tmp} 0.25',
    ])
  })

  it.each(['system/info', 'hardware/loadavg', 'hardware/memory', 'system/anything'])('is recognised on %s', (metric) => {
    expect(messageOf(`${device}/${metric}`, JSON.stringify(info)).profile).toBe('ubus')
  })
})

it('ubus system board: names and firmware are facts', () => {
  expect(
    lines('system/info', {
      kernel: '5.15.150',
      hostname: 'gw',
      system: 'MediaTek MT7621',
      model: 'EX 1',
      board_name: 'ex,one',
      rootfs_type: 'squashfs',
      release: { distribution: 'OpenWrt', version: '23.05.3', revision: 'r23809', description: 'OpenWrt 23.05.3' },
    }),
  ).toEqual([
    'fact device.kernel "5.15.150"',
    'fact device.hostname "gw"',
    'fact device.processor "MediaTek MT7621"',
    'fact device.model_name "EX 1"',
    'fact device.hardware "ex,one"',
    'fact system.board.rootfs_type "squashfs"',
    'fact system.board.release.distribution "OpenWrt"',
    'fact firmware.version "23.05.3"',
    'fact firmware.build "r23809"',
    'fact device.os "OpenWrt 23.05.3"',
  ])
})

describe('ubus network', () => {
  const rx = '{network.interface.name:eth0,network.io.direction:receive}'

  it.each([
    ['1000F', ['hw.network.bandwidth.limit{network.interface.name:eth0} 125000000', 'fact network.eth0.duplex "full"']],
    ['100H', ['hw.network.bandwidth.limit{network.interface.name:eth0} 12500000', 'fact network.eth0.duplex "half"']],
    ['-1F', []],
  ])('speed %s', (speed, expected) => {
    expect(
      lines('network/device', { eth0: { speed, statistics: { rx_bytes: 4294967295 } } }).filter((line) => !line.startsWith('counter')),
    ).toEqual(expected)
  })

  it('one device alone is named by the topic', () => {
    expect(lines('network/device/eth0', { external: false, present: true, up: true, ipv6: true, statistics: { rx_bytes: 5 } })).toContain(
      `counter system.network.io${rx.replace('}', ',topic.part:eth0}')} 5`,
    )
  })

  it('an interface dump gives the addresses', () => {
    expect(
      lines('network/interfaces', {
        interface: [
          {
            interface: 'wan',
            up: true,
            l3_device: 'wwan0',
            proto: 'qmi',
            'ipv4-address': [{ address: '198.51.100.23', mask: 24 }],
            'ipv6-address': [],
            'dns-server': ['192.0.2.53'],
          },
        ],
      }),
    ).toEqual([
      'hw.network.up{network.interface.name:wan} 1',
      'fact network.wan.up "true"',
      'fact network.interfaces.wan.l3_device "wwan0"',
      'fact network.interfaces.wan.proto "qmi"',
      'fact network.wan.address "198.51.100.23"',
      'fact network.wan.address6 none',
      'fact network.wan.dns_server "192.0.2.53"',
    ])
  })
})

it('no payload throws', () => {
  const text = mutatedOf([
    '{"localtime":1,"uptime":2,"load":[1,2,3],"memory":{"total":5,"free":1,"available":3},"root":{"total":4480,"used":508,"avail":3736},"swap":{"total":0}}',
    '{"board_name":"x","release":{"version":"1"}}',
    '{"present":true,"external":false,"statistics":{"rx_bytes":1},"speed":"1000F"}',
  ])
  fc.assert(
    fc.property(text, fc.jsonValue({ maxDepth: 3 }), (payload, value) => {
      outcomeOf(`${device}/system/ubus`, payload)
      outcomeOf(`${device}/system/ubus`, JSON.stringify({ localtime: value, load: value, memory: value, root: value, swap: value }))
    }),
    { numRuns: 2_000 },
  )
})
