import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cpuUtilization,
  parseCpuTimes,
  parseInterfaceCounters,
  parseKernelRecord,
  parseKeyValues,
  parseLoadAverage,
  parseMemory,
  parseMounts,
} from './proc-texts.ts'

describe('texts of /proc', () => {
  it('load averages', () => {
    expect(parseLoadAverage('0.34 0.28 0.19 1/78 2671\n')).toEqual({ load1: 0.34, load5: 0.28, load15: 0.19 })
    expect(parseLoadAverage('nothing')).toBeUndefined()
  })

  it('memory in kB; what an old kernel does not say is absent, not zero', () => {
    expect(
      parseMemory('MemTotal:         123060 kB\nMemFree:           40596 kB\nHugePages_Total:       0\nCached:            9000 kB\n'),
    ).toEqual({
      total: 123060,
      free: 40596,
      cached: 9000,
    })
  })

  it('CPU percent of the ticks between two readings, idle and iowait not counted as work', () => {
    const before = parseCpuTimes('cpu  100 0 50 800 50 0 0 0 7 7\ncpu0 1 1 1 1\n')
    const after = parseCpuTimes('cpu  130 0 60 840 60 5 5 0 9 9\n')
    if (before === undefined || after === undefined) throw new Error('not parsed')
    expect(cpuUtilization(before, after)).toEqual({
      utilization: 50,
      user: 30,
      nice: 0,
      system: 10,
      idle: 40,
      iowait: 10,
      irq: 5,
      softirq: 5,
      steal: 0,
    })
    expect(cpuUtilization(after, after)).toBeUndefined()
  })

  it('a mode that went back (iowait may) counts as none', () => {
    const before = parseCpuTimes('cpu 0 0 0 100 50 0 0 0')
    const after = parseCpuTimes('cpu 50 0 0 150 40 0 0 0')
    if (before === undefined || after === undefined) throw new Error('not parsed')
    expect(cpuUtilization(before, after)).toMatchObject({ utilization: 50, idle: 50, iowait: 0 })
  })

  it('interface counters, also where a long value runs into the colon', () => {
    const text = [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      'wwan0:4294967295 10 1 2 0 0 0 0 5000 20 3 4 0 0 0 0',
    ].join('\n')
    expect(parseInterfaceCounters(text)).toEqual({
      wwan0: { rxBytes: 4294967295, rxPackets: 10, rxErrors: 1, rxDropped: 2, txBytes: 5000, txPackets: 20, txErrors: 3, txDropped: 4 },
    })
  })

  it('mounts with data of their own, one per device, read-only ones told apart', () => {
    const text = [
      'proc /proc proc rw,nosuid 0 0',
      '/dev/root /rom squashfs ro,relatime 0 0',
      '/dev/mtdblock6 /overlay jffs2 rw,noatime 0 0',
      '/dev/sda1 /mnt/my\\040disk ext4 rw,relatime 0 0',
      '/dev/sda1 /srv ext4 rw,relatime 0 0',
      'tmpfs /tmp tmpfs rw 0 0',
    ].join('\n')
    expect(parseMounts(text)).toEqual([
      { device: '/dev/root', mount: '/rom', type: 'squashfs', writable: false },
      { device: '/dev/mtdblock6', mount: '/overlay', type: 'jffs2', writable: true },
      { device: '/dev/sda1', mount: '/mnt/my disk', type: 'ext4', writable: true },
    ])
  })

  it('a kernel record as dmesg --raw writes it, without its continuation lines', () => {
    expect(parseKernelRecord('4,339,7203061902,-;Out of memory: Killed process 3120 (collector)\n SUBSYSTEM=x\n')).toEqual({
      sequence: 339,
      text: '<4>[ 7203.061902] Out of memory: Killed process 3120 (collector)',
    })
    expect(parseKernelRecord('6,0,0,-,caller=T1;a\\x0ab')).toEqual({ sequence: 0, text: '<6>[    0.000000] a\nb' })
    expect(parseKernelRecord(' SUBSYSTEM=x')).toBeUndefined()
  })

  it('key values with and without quotes', () => {
    expect(parseKeyValues('NAME="OpenWrt"\nVERSION_ID=23.05\n# x\nEMPTY=\n')).toEqual({ NAME: 'OpenWrt', VERSION_ID: '23.05', EMPTY: '' })
  })

  it('no text makes a parser throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const parse of [
          parseLoadAverage,
          parseMemory,
          parseCpuTimes,
          parseInterfaceCounters,
          parseMounts,
          parseKernelRecord,
          parseKeyValues,
        ])
          parse(text)
      }),
    )
  })
})
