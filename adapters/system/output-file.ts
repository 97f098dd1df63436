/** Where a tool's rows go: a new file, readable by its owner only, or standard output. */
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import type { Writable } from 'node:stream'

/** Emits an error when the file is there already. Undefined: standard output. */
export const openOutput = (path: string | undefined): Writable =>
  path === undefined ? process.stdout : createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true })

/** For several files; one that is there is taken. */
export const makeFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 })
}
