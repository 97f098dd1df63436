/** Small text files: configuration, topic map, schemas, generated docs. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../runtime/errors.ts'

export const readTextFile = (path: string): string => readFileSync(path, 'utf8')
export const writeTextFile = (path: string, text: string): void => writeFileSync(path, text)

/** Files of a folder and those below it that end so, by their paths in it; none where there is no such folder. */
export const readTextFiles = (folder: string, ending: string): { path: string; text: string }[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith(ending))
        .sort()
        .map((path) => ({ path: path.replaceAll('\\', '/'), text: readTextFile(join(folder, path)) }))
    : []

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
