/**
 * The admin token: ADMIN_TOKEN, or the first line of ADMIN_TOKEN_FILE, or made at the first start and kept in DATA_DIR (mode
 * 0600). Compared in constant time.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { secretFile } from '../adapters/system/secret-file.ts'
import { firstLineOf, readSettingFile } from '../adapters/system/text-file.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'

export type AdminToken = {
  token: string
  /** Made just now: shown once. */
  made: boolean
  path: string | null
  /** Writes a token that was made just now. */
  keep: () => void
}

/** Throws CONFIG_INVALID when ADMIN_TOKEN_FILE cannot be read or holds no token. */
export const adminToken = (config: Pick<Config, 'ADMIN_TOKEN' | 'ADMIN_TOKEN_FILE' | 'DATA_DIR'>): AdminToken => {
  const configured = config.ADMIN_TOKEN_FILE === '' ? config.ADMIN_TOKEN : tokenOf(config.ADMIN_TOKEN_FILE)
  if (configured !== '') return { token: configured, made: false, path: null, keep: () => undefined }
  const path = join(config.DATA_DIR, 'admin-token')
  const { secret, made, keep } = secretFile(path)
  return { token: secret, made, path, keep }
}

const tokenOf = (path: string): string => {
  const token = firstLineOf(readSettingFile('ADMIN_TOKEN_FILE', path))
  if (!/^[\x21-\x7e]{16,200}$/.test(token)) {
    throw new AppError('CONFIG_INVALID', `ADMIN_TOKEN_FILE ${path}: expected 16 to 200 visible ASCII characters in its first line`)
  }
  return token
}

export const isSameToken = (given: string, expected: string): boolean => timingSafeEqual(hash(given), hash(expected))

const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
