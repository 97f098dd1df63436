import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bootIdOf, canonicalMac, deviceId, uptimeSeconds } from './identity.ts'
import { createSampler, readFacts } from './samplers.ts'

describe('a machine', () => {
  let root = ''
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const hardware = (name: string, address: string): void => {
    write(`sys/class/net/${name}/address`, `${address}\n`)
    write(`sys/class/net/${name}/device/uevent`, 'DRIVER=x\n')
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'machine-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  it('is named by its first hardware interface, not by loopback, bridges or random addresses', () => {
    write('sys/class/net/br-lan/address', '00:11:22:33:44:01\n')
    write('sys/class/net/lo/address', '00:00:00:00:00:00\n')
    hardware('eth0', '02:aa:00:00:00:01')
    hardware('eth1', '00:11:22:33:44:55')
    expect(deviceId(root)).toEqual({ mac: '00-11-22-33-44-55', origin: 'address of eth1' })
  })

  it('keeps a random hardware address where there is no other', () => {
    hardware('eth0', '02:AA:00:00:00:01')
    expect(deviceId(root)).toEqual({ mac: '02-aa-00-00-00-01', origin: 'address of eth0' })
  })

  it('without an interface has an id derived from the machine id: always the same, locally administered, unicast', () => {
    write('etc/machine-id', '0123456789abcdef0123456789abcdef\n')
    const { mac, origin } = deviceId(root)
    expect(origin).toContain('derived from the machine id')
    expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2)
    expect(deviceId(root).mac).toBe(mac)
    write('etc/machine-id', 'another\n')
    expect(deviceId(root).mac).not.toBe(mac)
  })

  it('a MAC in any common writing is the same device', () => {
    for (const text of ['00-11-22-AA-44-55', '00:11:22:aa:44:55', '001122aa4455', '0011.22AA.4455'])
      expect(canonicalMac(text)).toBe('00-11-22-aa-44-55')
    for (const text of ['', '00-11-22-33-44', '00-11-22-33-44-5g', '00-11-22-33-44-55-66']) expect(canonicalMac(text)).toBeUndefined()
  })

  it('has the boot and the uptime that the kernel says', () => {
    write('proc/sys/kernel/random/boot_id', '3d7b0a0e-1111-4222-8333-944444444444\n')
    write('proc/uptime', '7203.06 14000.00\n')
    expect(bootIdOf(root)).toBe('3d7b0a0e-1111-4222-8333-944444444444')
    expect(uptimeSeconds(root)).toBe(7203.06)
    expect(() => bootIdOf(join(root, 'nowhere'))).toThrow('Linux only')
  })

  it('says what it has and nothing else: one sensor, no CPU times yet to compare, no memory', () => {
    write('proc/loadavg', '0.34 0.28 0.19 1/78 2671\n')
    write('sys/class/thermal/thermal_zone0/type', 'cpu-thermal\n')
    write('sys/class/thermal/thermal_zone0/temp', '51234\n')
    write('sys/class/hwmon/hwmon0/name', 'nvme\n')
    write('sys/class/hwmon/hwmon0/temp1_input', '-3500\n')
    write('sys/class/hwmon/hwmon0/temp1_label', 'Composite\n')
    write('sys/class/hwmon/hwmon0/temp2_input', 'broken\n')
    expect(createSampler(root)()).toEqual([
      { topic: 'hardware/loadavg', values: { load1: 0.34, load5: 0.28, load15: 0.19 } },
      { topic: 'hardware/temperature', values: { 'cpu-thermal': 51.2, 'nvme-composite': -3.5 } },
    ])
  })

  it('tells its facts', () => {
    write('etc/os-release', 'ID="openwrt"\nVERSION_ID="23.05.3"\nPRETTY_NAME="OpenWrt 23.05.3"\n')
    write('proc/sys/kernel/osrelease', '5.15.150\n')
    write('proc/sys/kernel/hostname', 'router-7\n')
    write('proc/device-tree/model', 'Example Router\0')
    write('proc/cpuinfo', 'system type\t\t: MediaTek MT7621\nprocessor\t\t: 0\nprocessor\t\t: 1\n')
    const [info, firmware] = readFacts(root)
    expect(info?.values).toMatchObject({
      hostname: 'router-7',
      hardware: 'Example Router',
      processor: 'MediaTek MT7621',
      processors: 2,
      kernel: '5.15.150',
      os: 'OpenWrt 23.05.3',
    })
    expect(firmware).toEqual({ topic: 'system/firmware', values: { version: 'openwrt 23.05.3 (5.15.150)' } })
  })
})
