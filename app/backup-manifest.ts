/** What a backup says of itself: `manifest.json`, written last, so that a folder without one is no backup. */
import { join } from 'node:path'
import { entriesOf, type FileSum, sumFile } from '../adapters/system/copied-files.ts'
import { readTextFile } from '../adapters/system/text-file.ts'

export const manifestFile = 'manifest.json'
export const backupFormat = 1

export type Manifest = {
  format: number
  /** Of the recorder that made it. */
  version: string
  takenAt: string
  logId: string
  /** By `<topic>:<partition>`: the log of this backup ends before `next`. */
  log: Record<string, { first: number; next: number; bytes: number }>
  /** Rows by table. */
  tables: Record<string, number>
  /** Days after arrival that each table's own expiry says, null: none; tables of a restore get it before their rows. Absent in older backups. */
  expiries?: Record<string, number | null>
  /** What it does not hold. */
  leftOut: string[]
  files: FileSum[]
}

/** Throws, with what is wrong, when the folder is not a whole, unchanged backup that this release can read. */
export const readVerified = async (folder: string): Promise<Manifest> => {
  const entries = await entriesOf(folder)
  if (!entries?.includes(manifestFile)) throw new Error(`Expected a backup in ${folder}: it has no ${manifestFile}`)
  const manifest = JSON.parse(readTextFile(join(folder, manifestFile))) as Manifest
  if (manifest.format !== backupFormat)
    throw new Error(`Expected a backup of format ${backupFormat}, got ${manifest.format}, made by version ${manifest.version}`)
  const wrong: string[] = []
  for (const { path, bytes, sha256 } of manifest.files) {
    if (path.startsWith('/') || path.split('/').includes('..')) throw new Error(`Expected paths inside the backup, got ${path}`)
    const found = await sumFile(folder, path).catch(() => null)
    if (found === null) wrong.push(`${path} is missing`)
    else if (found.bytes !== bytes || found.sha256 !== sha256) wrong.push(`${path} was changed`)
  }
  if (wrong.length > 0) throw new Error(`The backup in ${folder} is damaged: ${wrong.slice(0, 5).join(', ')} (${wrong.length} files)`)
  return manifest
}
