/**
 * One reading of this machine per call, as messages without envelope: topic below the device and values. Reads /proc, /sys
 * and /etc below `root`; what a machine does not have (temperatures in a VM) is simply not said.
 */
import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { arch, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import {
  type CpuTimes,
  cpuUtilization,
  parseCpuTimes,
  parseInterfaceCounters,
  parseKeyValues,
  parseLoadAverage,
  parseMemory,
  parseMounts,
} from './proc-texts.ts'

/** `topic` is `<category>/<metric>`. */
export type Sample = { topic: string; values: Record<string, unknown> }

/** Undefined where the file is not there or must not be read. */
export const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

const names = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

const filesystemsMax = 64 // Container hosts mount hundreds; a device has a handful.
const interfacesMax = 64

/** Keeps the CPU times of the last call, so that each reading covers the time since the one before. */
export const createSampler = (root: string): (() => Sample[]) => {
  let cpuBefore: CpuTimes | undefined = parseCpuTimes(readText(join(root, 'proc/stat')) ?? '')

  const cpu = (): Record<string, number> | undefined => {
    const now = parseCpuTimes(readText(join(root, 'proc/stat')) ?? '')
    const values = cpuBefore === undefined || now === undefined ? undefined : cpuUtilization(cpuBefore, now)
    cpuBefore = now
    return values
  }

  return () => {
    const samples: Sample[] = []
    const add = (topic: string, values: Record<string, unknown> | undefined): void => {
      if (values !== undefined && Object.keys(values).length > 0) samples.push({ topic, values })
    }
    add('hardware/loadavg', parseLoadAverage(readText(join(root, 'proc/loadavg')) ?? ''))
    add('hardware/cpu', cpu())
    add('hardware/memory', parseMemory(readText(join(root, 'proc/meminfo')) ?? ''))
    const filesystems = readFilesystems(root)
    add('hardware/storage', filesystems.length === 0 ? undefined : { filesystems })
    add('hardware/temperature', readTemperatures(root))
    const interfaces = readInterfaces(root)
    add('network/interfaces', Object.keys(interfaces).length === 0 ? undefined : { interfaces })
    return samples
  }
}

const readFilesystems = (root: string): Record<string, unknown>[] => {
  const filesystems: Record<string, unknown>[] = []
  for (const { mount, type, writable } of parseMounts(readText(join(root, 'proc/mounts')) ?? '').slice(0, filesystemsMax)) {
    try {
      const { bsize, blocks, bfree, bavail } = statfsSync(join(root, mount))
      if (blocks === 0) continue
      filesystems.push({
        mount,
        type,
        writable,
        totalBytes: bsize * blocks,
        usedBytes: bsize * (blocks - bfree),
        availableBytes: bsize * bavail,
      })
    } catch {
      // Unmounted since, or not ours to look at.
    }
  }
  return filesystems
}

/** Degrees Celsius by sensor: thermal zones by their type, hwmon inputs by chip and label. The kernel gives thousandths. */
const readTemperatures = (root: string): Record<string, number> => {
  const temperatures: Record<string, number> = {}
  const add = (name: string, path: string): void => {
    const text = readText(path)?.trim()
    if (text === undefined || !/^-?\d+$/.test(text)) return
    let unique = name
    for (let copy = 2; unique in temperatures; copy++) unique = `${name}-${copy}`
    temperatures[unique] = Math.round(Number(text) / 100) / 10
  }
  const thermal = join(root, 'sys/class/thermal')
  for (const zone of names(thermal).filter((name) => name.startsWith('thermal_zone'))) {
    add(readText(join(thermal, zone, 'type'))?.trim() ?? zone, join(thermal, zone, 'temp'))
  }
  const hwmon = join(root, 'sys/class/hwmon')
  for (const chip of names(hwmon)) {
    const chipName = readText(join(hwmon, chip, 'name'))?.trim() ?? chip
    for (const input of names(join(hwmon, chip)).filter((name) => /^temp\d+_input$/.test(name))) {
      const label = readText(join(hwmon, chip, input.replace('_input', '_label')))?.trim() ?? input.replace('_input', '')
      add(`${chipName}-${label}`.toLowerCase().replaceAll(/\s+/g, '-'), join(hwmon, chip, input))
    }
  }
  return temperatures
}

const readInterfaces = (root: string): Record<string, Record<string, unknown>> => {
  const addresses = networkInterfaces()
  const interfaces: Record<string, Record<string, unknown>> = {}
  const counters = parseInterfaceCounters(readText(join(root, 'proc/net/dev')) ?? '')
  for (const [name, values] of Object.entries(counters).slice(0, interfacesMax)) {
    if (name === 'lo') continue
    const folder = join(root, 'sys/class/net', name)
    const address = addresses[name]?.find(({ family }) => family === 'IPv4')?.address
    const speedMbps = Number(readText(join(folder, 'speed'))?.trim() ?? '-1') // -1 or an error: no link, or a device without one.
    interfaces[name] = {
      ...(address === undefined ? {} : { address }),
      up: isUp(folder),
      ...(speedMbps > 0 ? { speedMbps } : {}),
      ...values,
    }
  }
  return interfaces
}

/** Tunnels and many modems never leave the state `unknown`: there the administrative flag IFF_UP decides. */
const isUp = (folder: string): boolean => {
  const state = readText(join(folder, 'operstate'))?.trim()
  return state === 'up' || (state === 'unknown' && (Number(readText(join(folder, 'flags'))?.trim() ?? '0') & 1) === 1)
}

/** What seldom changes: said at each start and when it changes. */
export const readFacts = (root: string): Sample[] => {
  const os = parseKeyValues(readText(join(root, 'etc/os-release')) ?? '')
  const dmi = (name: string): string | undefined => {
    const text = readText(join(root, 'sys/class/dmi/id', name))?.trim()
    return text === '' ? undefined : text
  }
  const board = readText(join(root, 'proc/device-tree/model'))?.replaceAll('\0', '').trim()
  const processor = /^(?:model name|Hardware|system type)\s*:\s*(.+)$/m.exec(readText(join(root, 'proc/cpuinfo')) ?? '')?.[1]
  const info = {
    hostname: readText(join(root, 'proc/sys/kernel/hostname'))?.trim(),
    hardware: board ?? dmi('product_name'),
    vendor: dmi('sys_vendor'),
    serial: readText(join(root, 'proc/device-tree/serial-number'))?.replaceAll('\0', '').trim() ?? dmi('product_serial'),
    architecture: arch(),
    processor,
    processors: (readText(join(root, 'proc/cpuinfo')) ?? '').match(/^processor\s*:/gm)?.length,
    kernel: readText(join(root, 'proc/sys/kernel/osrelease'))?.trim(),
    os: os['PRETTY_NAME'] ?? os['NAME'],
  }
  const known = Object.fromEntries(Object.entries(info).filter(([, value]) => value !== undefined))
  const version = [os['ID'], os['VERSION_ID']].filter((part) => part !== undefined).join(' ')
  return [
    { topic: 'system/info', values: known },
    ...(version === '' ? [] : [{ topic: 'system/firmware', values: { version: `${version} (${info.kernel ?? 'unknown kernel'})` } }]),
  ]
}
