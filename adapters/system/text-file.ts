/** Small text files: configuration, topic map, schemas, generated docs. */
import { readFileSync, writeFileSync } from 'node:fs'
import { AppError } from '../../runtime/errors.ts'

export const readTextFile = (path: string): string => readFileSync(path, 'utf8')
export const writeTextFile = (path: string, text: string): void => writeFileSync(path, text)

/** A file that a setting names. Throws CONFIG_INVALID with the setting when it cannot be read. */
export const readSettingFile = (setting: string, path: string): string => {
  try {
    return readTextFile(path)
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${setting}: expected a file that can be read, got ${(cause as Error).message}`, { cause })
  }
}

/** Of a password file: an editor's line end is no part of the password. */
export const firstLineOf = (text: string): string => text.split(/\r?\n/, 1)[0] ?? ''
