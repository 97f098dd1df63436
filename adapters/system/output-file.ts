/** Where a tool's rows go: a new file, readable by its owner only, or standard output. */
import { createWriteStream } from 'node:fs'
import type { Writable } from 'node:stream'

/** Emits an error when the file is there already. Undefined: standard output. */
export const openOutput = (path: string | undefined): Writable =>
  path === undefined ? process.stdout : createWriteStream(path, { mode: 0o600, flags: 'wx', flush: true })
