/** Who this machine is: a device id that stays the same, the boot it is in, and how long that boot has lasted. */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readText } from './samplers.ts'

export type DeviceId = { mac: string; origin: string }

/** Any common writing to `00-11-22-33-44-55`; undefined when it is no MAC. */
export const canonicalMac = (text: string): string | undefined => {
  const digits = text.toLowerCase().replaceAll(/[-:.]/g, '')
  return /^[0-9a-f]{12}$/.test(digits) ? (digits.match(/../g) ?? []).join('-') : undefined
}

/**
 * The first interface by name that is hardware (has a `device` behind it), is no loopback and has a universally
 * administered address; else the first hardware one with any address; else one derived from the machine id, marked as locally
 * administered, so that it cannot be taken for a bought one. `origin` says which.
 */
export const deviceId = (root: string): DeviceId => {
  const candidates = interfaceNames(root).flatMap((name) => {
    const folder = join(root, 'sys/class/net', name)
    const mac = canonicalMac(readText(join(folder, 'address'))?.trim() ?? '')
    if (mac === undefined || mac === '00-00-00-00-00-00' || name === 'lo') return []
    return [{ name, mac, hardware: readText(join(folder, 'device/uevent')) !== undefined }]
  })
  const chosen = candidates.find(({ hardware, mac }) => hardware && !isLocal(mac)) ?? candidates.find(({ hardware }) => hardware)
  if (chosen !== undefined) return { mac: chosen.mac, origin: `address of ${chosen.name}` }
  const machine = readText(join(root, 'etc/machine-id'))?.trim()
  const seed = machine === undefined || machine === '' ? `host ${hostname()}` : `machine ${machine}`
  const bytes = createHash('sha256').update(`fleet-recorder device id of ${seed}`).digest().subarray(0, 6)
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02 // IEEE 802: bit 1 locally administered, bit 0 clear (unicast).
  return {
    mac: canonicalMac(bytes.toString('hex')) ?? '',
    origin: `derived from the ${machine === undefined || machine === '' ? 'host name' : 'machine id'}, no interface with an address of its own`,
  }
}

const isLocal = (mac: string): boolean => (Number.parseInt(mac.slice(0, 2), 16) & 0x02) !== 0

const interfaceNames = (root: string): string[] => {
  try {
    return readdirSync(join(root, 'sys/class/net')).sort()
  } catch {
    return []
  }
}

/** The kernel's random id of this boot. */
export const bootIdOf = (root: string): string => {
  const text = readText(join(root, 'proc/sys/kernel/random/boot_id'))?.trim()
  if (text === undefined || text === '') throw new Error('Expected /proc/sys/kernel/random/boot_id: the agent runs on Linux only')
  return text
}

export const uptimeSeconds = (root: string): number => Number(readText(join(root, 'proc/uptime'))?.split(' ', 1)[0] ?? '0')
