/** What once failed is run again: every input that the fuzzer has kept in `test/fuzz/corpus`, and the fuzzer's own parts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCorpus, writeCorpus } from './fuzz/corpus.ts'
import { bytesOf, createCounts, Finding, type Target, type TargetName, textOf } from './fuzz/fuzz-target.ts'
import { minimise } from './fuzz/minimise.ts'
import { type Program, startProgram } from './fuzz/program.ts'
import { avroTarget, payloadsTarget, topicsTarget } from './fuzz/pure-targets.ts'
import { inputAt, runFuzz } from './fuzz/run-fuzz.ts'
import { needsProgram, targetFor } from './fuzz/run-turns.ts'

const corpus = readCorpus()

describe('inputs that once failed', () => {
  let program: Program | null = null
  const targets = new Map<TargetName, Target>()
  beforeAll(async () => {
    const names = new Set(corpus.map(({ entry }) => entry.target))
    if ([...names].some(needsProgram)) program = await startProgram()
    await program?.ensureRunning()
    for (const name of names) targets.set(name, await targetFor(name, program))
  })
  afterAll(async () => {
    for (const target of targets.values()) await target.end?.()
    await program?.end()
  })

  it('are there', () => {
    expect(corpus.length).toBeGreaterThan(0)
  })

  it.each(corpus.map(({ file, entry }) => [`${entry.symptom} (${file})`, entry] as const))('%s: no more', async (_title, entry) => {
    await targets.get(entry.target)?.check(entry.input)
  })

  it('leave the program well', async () => {
    for (const target of targets.values()) await target.settle?.()
  })
})

describe('the fuzzer', () => {
  const planted = (): Target => {
    const { counts } = createCounts()
    return {
      name: 'topics',
      inputsAtOnce: 1,
      inputOf: (random) => [bytesOf('a'.repeat(random.between(0, 40))), bytesOf(`x${random.between(0, 9)}y`)],
      check: async ([, second]) => {
        if (textOf(second).includes('7')) throw new Finding('there is a 7')
      },
      counts,
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'corpus-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('finds a planted fault, makes it small and keeps it so that it can be read again', async () => {
    const paths: (string | null)[] = []
    const { findings } = await runFuzz(planted(), {
      seed: 1,
      forMs: 200,
      from: 0,
      settleEveryInputs: 1_000,
      minimiseWithinMs: 5_000,
      corpusFolder: folder,
      known: new Set(),
      onFinding: (_entry, path) => paths.push(path),
    })
    expect(findings.map(({ symptom, input }) => [symptom, input.map(textOf)])).toEqual([['there is a 7', ['', '7']]])
    const [entry] = findings
    expect(paths).toEqual([entry === undefined ? '' : writeCorpus(entry, folder)])
    expect(readCorpus(folder).map((read) => read.entry)).toEqual([{ ...entry, detail: expect.any(String) as string }])
  })

  it('makes the same input from the same seed and number', () => {
    for (const make of [topicsTarget, payloadsTarget, avroTarget]) {
      const [first, second] = [make(), make()]
      for (let number = 0; number < 50; number++) expect(inputAt(first, 7, number)).toEqual(inputAt(second, 7, number))
      expect(inputAt(first, 7, 3)).not.toEqual(inputAt(first, 8, 3))
    }
  })

  it('leaves out whatever is not needed to fail', async () => {
    const fails = async (parts: readonly Uint8Array[]): Promise<boolean> => textOf(parts.at(-1)).includes('ab') && parts.length > 1
    const small = await minimise(['x', 'yy', '1ab2', 'zzabz'].map(bytesOf), fails, 5_000)
    expect(small.map(textOf)).toEqual(['', 'ab'])
  })
})
