/** Whether a folder can be used, asked without making it. */
import { accessSync, constants, existsSync } from 'node:fs'
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
