/** A data folder whose restore was cut off has half of everything: the recorder does not start on it. */
import { join } from 'node:path'
import { isFile } from '../adapters/system/copied-files.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { AppError } from '../runtime/errors.ts'

export const unfinishedFile = 'restore-unfinished'

/** Throws RESTORE_UNFINISHED. */
export const refuseUnfinishedRestore = async (dataDir: string): Promise<void> => {
  if (!(await isFile(join(dataDir, unfinishedFile)))) return
  throw new AppError(
    'RESTORE_UNFINISHED',
    `Expected a whole data folder, but the restore into ${dataDir} did not come to its end. ${readTextFile(join(dataDir, unfinishedFile)).trim()}`,
  )
}
