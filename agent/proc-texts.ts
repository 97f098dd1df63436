/**
 * The texts that Linux shows under /proc and /sys, parsed. Pure: `samplers.ts` reads the files. Each parser answers
 * undefined (or leaves the entry out) where the text is not what the kernel writes, never a made-up zero.
 */

export type LoadAverage = { load1: number; load5: number; load15: number }

/** `0.34 0.28 0.19 1/78 2671` */
export const parseLoadAverage = (text: string): LoadAverage | undefined => {
  const match = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+) \d+\/\d+ \d+/.exec(text)
  return match === null ? undefined : { load1: Number(match[1]), load5: Number(match[2]), load15: Number(match[3]) }
}

/** /proc/meminfo, kB as written there. `available` is absent before Linux 3.14. */
export const parseMemory = (text: string): Record<string, number> => {
  const names: Readonly<Record<string, string>> = {
    MemTotal: 'total',
    MemFree: 'free',
    MemAvailable: 'available',
    Buffers: 'buffers',
    Cached: 'cached',
    SwapTotal: 'swapTotal',
    SwapFree: 'swapFree', // biome-ignore format: one table
  }
  const memory: Record<string, number> = {}
  for (const [, field, kB] of text.matchAll(/^(\w+):\s+(\d+) kB$/gm)) {
    const name = names[field ?? '']
    if (name !== undefined) memory[name] = Number(kB)
  }
  return memory
}

const cpuModes = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const
export type CpuTimes = Record<(typeof cpuModes)[number], number>

/** The first line of /proc/stat, in ticks since boot. guest and guest_nice are left out: user and nice contain them. */
export const parseCpuTimes = (text: string): CpuTimes | undefined => {
  const fields = /^cpu +(\d+(?: \d+)+)/.exec(text)?.[1]?.split(' ').map(Number)
  if (fields === undefined || fields.length < 4) return undefined
  return Object.fromEntries(cpuModes.map((mode, index) => [mode, fields[index] ?? 0])) as CpuTimes
}

/** Percent of the time between two readings, all processors together; undefined when no tick has passed. */
export const cpuUtilization = (before: CpuTimes, after: CpuTimes): Record<string, number> | undefined => {
  // iowait and steal may fall (proc(5)): a mode that went back counts as none.
  const spent = cpuModes.map((mode) => Math.max(0, after[mode] - before[mode]))
  const total = spent.reduce((sum, ticks) => sum + ticks, 0)
  if (total === 0) return undefined
  const percent = Object.fromEntries(cpuModes.map((mode, index) => [mode, rounded((100 * (spent[index] ?? 0)) / total)]))
  return { utilization: rounded(100 - (percent['idle'] ?? 0) - (percent['iowait'] ?? 0)), ...percent }
}

const rounded = (value: number): number => Math.round(Math.max(0, value) * 10) / 10

export type InterfaceCounters = {
  rxBytes: number
  rxPackets: number
  rxErrors: number
  rxDropped: number
  txBytes: number
  txPackets: number
  txErrors: number
  txDropped: number
}

/** /proc/net/dev. Long values run into the colon: `wwan0:4294967295`. */
export const parseInterfaceCounters = (text: string): Record<string, InterfaceCounters> => {
  const interfaces: Record<string, InterfaceCounters> = {}
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':') // Alias names hold colons themselves: `eth0:1:`.
    const columns = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number)
    if (colon < 0 || columns.length < 16 || columns.some((column) => !Number.isSafeInteger(column))) continue
    const at = (index: number): number => columns[index] ?? 0
    interfaces[line.slice(0, colon).trim()] = {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11), // biome-ignore format: one row
    }
  }
  return interfaces
}

export type Mount = { device: string; mount: string; type: string; writable: boolean }

const realFilesystems = new Set(
  'ext2 ext3 ext4 xfs btrfs f2fs jffs2 ubifs squashfs vfat exfat ntfs3 zfs overlay erofs bcachefs nfs nfs4'.split(' '),
)

/** Mounts that hold data of their own, one per device: bind mounts of the same device would count it twice. */
export const parseMounts = (text: string): Mount[] => {
  const mounts = new Map<string, Mount>()
  for (const line of text.split('\n')) {
    const [device, mount, type, options] = line.split(' ')
    if (device === undefined || mount === undefined || type === undefined || options === undefined) continue
    if (!realFilesystems.has(type) || mounts.has(device)) continue
    const clear = mount.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    mounts.set(device, { device, mount: clear, type, writable: options.split(',').includes('rw') })
  }
  return [...mounts.values()]
}

export type KernelLine = { sequence: number; text: string }

/**
 * One record of /dev/kmsg, `6,339,5140900,-;NET: Registered`, as `dmesg --raw` writes it: `<6>[    5.140900] NET: Registered`.
 * Continuation lines (` KEY=value`) are left out. The prefix holds facility * 8 + severity (dev-kmsg, kernel documentation).
 */
export const parseKernelRecord = (record: string): KernelLine | undefined => {
  const match = /^(\d+),(\d+),(\d+),[^;]*;([^\n]*)/.exec(record)
  if (match === null) return undefined
  const microseconds = (match[3] ?? '0').padStart(7, '0')
  const stamp = `${microseconds.slice(0, -6)}.${microseconds.slice(-6)}`.padStart(12)
  const message = (match[4] ?? '').replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return { sequence: Number(match[2]), text: `<${match[1] ?? ''}>[${stamp}] ${message}` }
}

/** `KEY=value` lines with optional quotes: /etc/os-release, /etc/openwrt_release. */
export const parseKeyValues = (text: string): Record<string, string> => {
  const values: Record<string, string> = {}
  for (const [, key, quoted] of text.matchAll(/^([A-Z_a-z0-9]+)=(.*)$/gm))
    values[key ?? ''] = (quoted ?? '').trim().replace(/^(["'])(.*)\1$/, '$2')
  return values
}
