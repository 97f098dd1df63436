/** Inputs that once failed, one file each, so that they are run again in every check. Written by the fuzzer, kept by people. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Input, TargetName } from './fuzz-target.ts'

export type CorpusEntry = { target: TargetName; symptom: string; seed: number; number: number; detail: string; input: Input }
type Stored = Omit<CorpusEntry, 'input'> & { readable: string[]; input: string[] }

export const corpusFolder = join(import.meta.dirname, 'corpus')
const detailCharsMax = 2_000

/** The path of the file; the same input gives the same name. */
export const writeCorpus = (entry: CorpusEntry, folder = corpusFolder): string => {
  mkdirSync(folder, { recursive: true })
  const input = entry.input.map((part) => Buffer.from(part).toString('base64'))
  const digest = createHash('sha256').update(input.join('.')).digest('hex').slice(0, 12)
  const stored: Stored = {
    target: entry.target,
    symptom: entry.symptom,
    seed: entry.seed,
    number: entry.number,
    detail: entry.detail.slice(0, detailCharsMax),
    readable: entry.input.map((part) =>
      Buffer.from(part)
        .toString('latin1')
        .replaceAll(/[^\x20-\x7e]/g, '.')
        .slice(0, 500),
    ),
    input,
  }
  const path = join(folder, `${entry.target}-${digest}.json`)
  writeFileSync(path, `${JSON.stringify(stored, null, 2)}\n`)
  return path
}

export const readCorpus = (folder = corpusFolder): { file: string; entry: CorpusEntry }[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => {
      const { readable: _readable, ...stored } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Stored
      return { file, entry: { ...stored, input: stored.input.map((part) => Uint8Array.from(Buffer.from(part, 'base64'))) } }
    })
