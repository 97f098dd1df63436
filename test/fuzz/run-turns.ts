/** A fuzz run: the targets in turns, those that need the program on one program, and the report in figures. */
import type { CorpusEntry } from './corpus.ts'
import { symptomOf, type Target, type TargetName } from './fuzz-target.ts'
import { httpTarget } from './http-target.ts'
import { mqttTarget } from './mqtt-target.ts'
import { type Program, startProgram } from './program.ts'
import { avroTarget, payloadsTarget, topicsTarget } from './pure-targets.ts'
import { inputAt, runFuzz } from './run-fuzz.ts'
import { sqlTarget } from './sql-target.ts'

export type TurnsOptions = {
  seed: number
  forMs: number
  targets: readonly TargetName[]
  /** Judge this input alone. */
  one: number | null
  corpusFolder: string | null
  tell: (line: string) => void
}
export type TurnsReport = { findings: CorpusEntry[]; inputs: Partial<Record<TargetName, number>> }

/** Long enough that a turn's end (a kill and a start of the program) is a small part of it. */
const turnMsMax = 120_000
const settleEveryInputs: Record<TargetName, number> = { topics: 100_000, payloads: 10_000, avro: 100_000, mqtt: 400, http: 1_000, sql: 300 }

export const runTurns = async (options: TurnsOptions): Promise<TurnsReport> => {
  const { seed, targets, tell } = options
  const program = targets.some(needsProgram) ? await startProgram() : null
  const report: TurnsReport = { findings: [], inputs: {} }
  const known = new Set<string>()
  const states: { target: Target; next: number; ms: number }[] = []
  try {
    await program?.ensureRunning()
    for (const name of targets) states.push({ target: await makers[name].make(program), next: 0, ms: 0 })
    if (options.one !== null) {
      await judgeOne(
        states.map(({ target }) => target),
        options,
        report,
      )
      return report
    }
    // Each target its share, however long the ends of turns take: on a slow machine the whole takes longer.
    const turns = Math.ceil(options.forMs / states.length / turnMsMax)
    const forMs = options.forMs / states.length / turns
    for (let turn = 0; turn < turns; turn++) {
      for (const state of states) {
        const { next, findings, ms } = await runFuzz(state.target, {
          seed,
          forMs,
          from: state.next,
          settleEveryInputs: settleEveryInputs[state.target.name],
          minimiseWithinMs: 120_000,
          corpusFolder: options.corpusFolder,
          known,
          onFinding: (entry, path) =>
            tell(
              `FINDING ${entry.target} seed ${entry.seed} input ${entry.number}: ${entry.symptom}\n  ${path ?? ''}\n  ${entry.detail.split('\n').slice(0, 12).join('\n  ')}`,
            ),
        })
        state.next = next
        state.ms += ms
        report.findings.push(...findings)
        report.inputs[state.target.name] = next
        tell(
          `${new Date().toISOString()} ${state.target.name}: ${next} inputs in ${Math.round(state.ms / 1000)} s, ${JSON.stringify(state.target.counts())}`,
        )
        await program?.ensureRunning()
      }
    }
    if (program !== null) tell(`program: ${JSON.stringify(program.figures())}`)
    tell(
      `seed ${seed}, ${Object.entries(report.inputs)
        .map(([name, inputs]) => `${name} ${inputs}`)
        .join(', ')}; ${report.findings.length} findings`,
    )
    return report
  } finally {
    for (const { target } of states) await target.end?.()
    await program?.end()
  }
}

const makers: Record<TargetName, { needsProgram: boolean; make: (program: Program | null) => Target | Promise<Target> }> = {
  topics: { needsProgram: false, make: topicsTarget },
  payloads: { needsProgram: false, make: payloadsTarget },
  avro: { needsProgram: false, make: avroTarget },
  mqtt: { needsProgram: true, make: (program) => mqttTarget(running(program)) },
  http: { needsProgram: true, make: (program) => httpTarget(running(program)) },
  sql: { needsProgram: true, make: (program) => sqlTarget(running(program)) },
}

export const needsProgram = (name: TargetName): boolean => makers[name].needsProgram
export const targetFor = (name: TargetName, program: Program | null): Target | Promise<Target> => makers[name].make(program)

const running = (program: Program | null): Program => {
  if (program === null) throw new Error('expected the program to run for this target')
  return program
}

const judgeOne = async (targets: readonly Target[], { seed, one, tell }: TurnsOptions, report: TurnsReport): Promise<void> => {
  for (const target of targets) {
    const input = inputAt(target, seed, one ?? 0)
    for (const part of input)
      tell(
        Buffer.from(part)
          .toString('latin1')
          .replaceAll(/[^\x20-\x7e\n]/g, '.'),
      )
    try {
      await target.check(input)
      await target.settle?.()
      await target.finish?.()
      tell(`${target.name} input ${one ?? 0}: nothing found`)
    } catch (error) {
      report.findings.push({ target: target.name, symptom: symptomOf(error), seed, number: one ?? 0, detail: String(error), input })
      tell(`${target.name} input ${one ?? 0}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    }
  }
}
