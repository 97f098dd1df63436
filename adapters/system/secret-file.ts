/** Small secrets beside the data, readable by their owner only. */
import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

/**
 * The secret of the file, or a new one of 256 random bits (base64url, 43 characters). A new one is written, mode 0600, by
 * `keep`: not before its owner has seen it, so that a start that fails leaves no secret behind that nobody knows.
 */
export const secretFile = (path: string): { secret: string; made: boolean; keep: () => void } => {
  try {
    const secret = readFileSync(path, 'utf8').trim()
    if (secret !== '') return { secret, made: false, keep: () => undefined }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(32).toString('base64url')
  return { secret, made: true, keep: () => write(path, secret) }
}

const write = (path: string, secret: string): void => {
  const file = openSync(path, 'w', 0o600)
  try {
    writeSync(file, `${secret}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
