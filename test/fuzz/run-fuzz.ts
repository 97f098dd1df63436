/** One target for a time: inputs by number, findings minimised and kept once per symptom. */
import { createRandom } from '../../agent/simulation/random.ts'
import { type CorpusEntry, writeCorpus } from './corpus.ts'
import { Finding, gone, type Input, symptomOf, type Target, targetNames } from './fuzz-target.ts'
import { minimise } from './minimise.ts'

export type FuzzOptions = {
  seed: number
  forMs: number
  /** Number of the first input: a run in turns goes on where it was. */
  from: number
  settleEveryInputs: number
  minimiseWithinMs: number
  /** Where findings are written; null: nowhere (tests). */
  corpusFolder: string | null
  onFinding: (entry: CorpusEntry, path: string | null) => void
  /** Symptoms that are known by now and only counted. */
  known: Set<string>
}
/** Which of a target's looks a fault was seen by. */
type SeenBy = 'check' | 'settle' | 'finish'
export type FuzzResult = { inputs: number; next: number; findings: CorpusEntry[]; ms: number }

/** A symptom that came so often is a broken run, not news. */
const findingsMax = 50

export const inputAt = (target: Target, seed: number, number: number): Input =>
  target.inputOf(createRandom(seed, number * targetNames.length + targetNames.indexOf(target.name)))

export const runFuzz = async (target: Target, options: FuzzOptions): Promise<FuzzResult> => {
  const startedAt = performance.now()
  const findings: CorpusEntry[] = []
  let next = options.from
  let running: number[] = []
  const note = async (error: unknown, suspects: readonly number[], seenBy: SeenBy): Promise<void> => {
    const symptom = symptomOf(error)
    if (options.known.has(symptom)) return
    options.known.add(symptom)
    const entry = await smallest(target, options, symptom, error, suspects, seenBy)
    findings.push(entry)
    options.onFinding(entry, options.corpusFolder === null ? null : writeCorpus(entry, options.corpusFolder))
  }
  const timeIsLeft = (): boolean => performance.now() - startedAt < options.forMs && findings.length < findingsMax
  while (timeIsLeft()) {
    running = Array.from({ length: target.inputsAtOnce }, () => next++)
    const errors = await Promise.all(running.map((number) => failureOf(() => target.check(inputAt(target, options.seed, number)))))
    for (const [index, error] of errors.entries()) if (error !== null) await note(error, [running[index] ?? 0, ...running], 'check')
    if (Math.floor(next / options.settleEveryInputs) !== Math.floor((next - target.inputsAtOnce) / options.settleEveryInputs)) {
      const settled = await failureOf(target.settle)
      if (settled !== null) await note(settled, running, 'settle')
    }
  }
  for (const work of [target.settle, target.finish]) {
    const failed = await failureOf(work)
    if (failed !== null) await note(failed, running, work === target.finish ? 'finish' : 'settle')
  }
  return { inputs: next - options.from, next, findings, ms: performance.now() - startedAt }
}

/** The first suspect that fails alone, made small; when none does, the inputs that were under way as they are. */
const smallest = async (
  target: Target,
  options: FuzzOptions,
  symptom: string,
  error: unknown,
  suspects: readonly number[],
  seenBy: SeenBy,
): Promise<CorpusEntry> => {
  const { seed } = options
  const about = { target: target.name, seed, detail: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const endMs = performance.now() + options.minimiseWithinMs
  const fails = async (input: Input): Promise<boolean> => {
    await target.prepare?.()
    const checked = await failureOf(() => target.check(input))
    // What only a later input noticed is seen by a look at the whole.
    const again =
      checked ??
      (seenBy === 'check' && symptom !== gone ? null : await failureOf(target.settle)) ??
      (seenBy === 'finish' ? await failureOf(target.finish) : null)
    return again !== null && symptomOf(again) === symptom
  }
  const told = error instanceof Finding ? error.input : null
  const numbers = [...new Set(suspects)]
  const inputs = told === null ? numbers.map((number) => inputAt(target, seed, number)) : [told]
  for (const [index, input] of inputs.entries()) {
    if (performance.now() > endMs) break
    const number = numbers[index] ?? 0
    if (await fails(input)) return { ...about, symptom, number, input: await minimise(input, fails, endMs - performance.now()) }
  }
  const number = numbers[0] ?? 0
  return {
    ...about,
    symptom: `${symptom} (not by one input alone)`,
    number,
    input: told ?? inputs.flat(),
  }
}

const failureOf = async (work: (() => Promise<void>) | undefined): Promise<Error | null> => {
  try {
    await work?.()
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
