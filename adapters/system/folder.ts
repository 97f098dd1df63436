/** Folders: whether one can be used, asked without making it; one that goes. */
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { AppError } from '../../runtime/errors.ts'

/** Throws DATA_DIR_NOT_WRITABLE when neither the folder nor, where it does not exist yet, its nearest existing parent can be written. */
export const assertWritableFolder = (path: string): void => {
  let folder = resolve(path)
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new AppError('DATA_DIR_NOT_WRITABLE', `DATA_DIR ${path}: expected to be able to write in ${folder}`, { cause })
  }
}

/** With all in it; one that is not there is as good. A process that is just ending may still write: tried for two seconds. */
export const removeFolder = (path: string): Promise<void> => rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })

/** Names of the files in it that end so, sorted. Throws when it cannot be read. */
export const fileNamesIn = (path: string, ending: string): string[] =>
  readdirSync(path)
    .filter((name) => name.endsWith(ending))
    .sort()
