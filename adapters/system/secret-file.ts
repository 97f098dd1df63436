/** Small secrets beside the data, readable by their owner only. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { randomBytes } from 'node:crypto'

/** Reads the secret, or makes one of 256 random bits (base64url, 43 characters) and keeps it with mode 0600. */
export const readOrMakeSecret = (path: string): { secret: string; made: boolean } => {
  try {
    const secret = readFileSync(path, 'utf8').trim()
    if (secret !== '') return { secret, made: false }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(32).toString('base64url')
  const file = openSync(path, 'w', 0o600)
  try {
    writeSync(file, `${secret}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return { secret, made: true }
}
