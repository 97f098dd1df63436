/** Folders copied with the checksum of each file, and checked again: for backups. Every file is synced. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** `path` is relative, with slashes. */
export type FileSum = { path: string; bytes: number; sha256: string }

export const listFiles = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
  return files.sort()
}

export const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isFile() ?? false

/** Undefined: no such folder. */
export const entriesOf = (folder: string): Promise<string[] | undefined> => readdir(folder).catch(() => undefined)

export const copyFile = async (from: string, to: string): Promise<void> => {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await pipeline(createReadStream(from), createWriteStream(to, { mode: 0o600, flush: true }))
}

export const copyFolder = async (from: string, to: string): Promise<void> => {
  for (const file of await listFiles(from)) await copyFile(join(from, file), join(to, file))
}

export const sumFile = async (folder: string, path: string): Promise<FileSum> => {
  const hash = createHash('sha256')
  let bytes = 0
  const counting = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      bytes += chunk.length
      hash.update(chunk)
      done()
    },
  })
  counting.resume()
  await pipeline(createReadStream(join(folder, path)), counting)
  return { path, bytes, sha256: hash.digest('hex') }
}

export const sumFiles = async (folder: string): Promise<FileSum[]> => {
  const sums: FileSum[] = []
  for (const path of await listFiles(folder)) sums.push(await sumFile(folder, path))
  return sums
}

/** Appears whole or not at all. */
export const writeWhole = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

export const removeFile = (path: string): Promise<void> => rm(path)
