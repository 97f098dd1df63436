/**
 * Refuses writes before the disk is full: LMDB that meets a full disk in the middle of a large transaction ends the process
 * (lmdb 3.5.6, page spill). Three marks, parts of `DISK_FREE_BYTES_MIN`: what is new from outside is refused first; what the
 * stages write goes on for longer, since it lets old records be deleted; below the last nothing is written at all.
 */
import { statfsSync } from 'node:fs'
import { AppError } from '../../runtime/errors.ts'

export type LowWaterOptions = {
  path: string
  /** `DISK_FREE_BYTES_MIN`; 0: no mark. */
  diskFreeBytesMin: number
  /** Free bytes of the disk; by default asked of the file system. */
  diskFreeBytes?: (() => number) | undefined
  /** Room inside the file, which new records take first. */
  reusableBytes: () => number
}

export const markParts = { accept: 1, progress: 0.5, anything: 0.25 } as const

export type LowWater = {
  /** Undefined: it may be written. */
  refusal: (what: keyof typeof markParts) => AppError | undefined
  /** Throws the refusal. */
  check: (what: keyof typeof markParts) => void
}

export const createLowWater = (options: LowWaterOptions): LowWater => {
  const { path, diskFreeBytesMin, reusableBytes, diskFreeBytes = () => freeBytesOf(path) } = options
  const refusal = (what: keyof typeof markParts): AppError | undefined => {
    if (diskFreeBytesMin === 0) return undefined
    const mark = diskFreeBytesMin * markParts[what]
    const free = diskFreeBytes()
    if (free >= mark) return undefined
    // Deleted records leave room inside the file: without counting it, a log that filled the disk would refuse for ever. A
    // commit may grow the file all the same, so some of the disk must be free whatever the file has.
    const reusable = reusableBytes()
    if (free >= diskFreeBytesMin * markParts.anything && free + reusable >= mark) return undefined
    return new AppError('LOG_DISK_FULL', `Expected ${mark} bytes free in ${path}, got ${free} and ${reusable} reusable`)
  }
  return {
    refusal,
    check: (what) => {
      const refused = refusal(what)
      if (refused) throw refused
    },
  }
}

/** Of the disk that a folder lies on. */
export const freeBytesOf = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}
