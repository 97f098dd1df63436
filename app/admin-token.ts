/** The admin token: ADMIN_TOKEN, or made at the first start and kept in DATA_DIR (mode 0600). Compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { secretFile } from '../adapters/system/secret-file.ts'

export type AdminToken = {
  token: string
  /** Made just now: shown once. */
  made: boolean
  path: string | null
  /** Writes a token that was made just now. */
  keep: () => void
}

export const adminToken = (configured: string, dataDir: string): AdminToken => {
  if (configured !== '') return { token: configured, made: false, path: null, keep: () => undefined }
  const path = join(dataDir, 'admin-token')
  const { secret, made, keep } = secretFile(path)
  return { token: secret, made, path, keep }
}

export const isSameToken = (given: string, expected: string): boolean => timingSafeEqual(hash(given), hash(expected))

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
