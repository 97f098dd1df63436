/**
 * What the fuzzer knows of a target: how its inputs are made and how one is judged. Input number n of a target is a function
 * of seed, target and n alone, so a run is repeated by its seed and a single input by seed and number.
 */
import type { Random } from '../../agent/simulation/random.ts'

/** Parts mean what the target says (topic and payload, packets, one statement); the minimiser drops and shortens them. */
export type Input = readonly Uint8Array[]

export const targetNames = ['topics', 'payloads', 'avro', 'mqtt', 'http', 'sql'] as const
export type TargetName = (typeof targetNames)[number]

/** What is wrong. `symptom` is the same for inputs that show the same fault: it names no value of the input. */
export class Finding extends Error {
  readonly symptom: string
  /** The input at fault, where a look at the whole can tell it. */
  readonly input: Input | null

  constructor(symptom: string, detail = '', input: Input | null = null) {
    super(detail === '' ? symptom : `${symptom}: ${detail}`)
    this.name = 'Finding'
    this.symptom = symptom
    this.input = input
  }
}

/** Symptom of a program or warehouse that is not there any more: the input that ended it may be an earlier one. */
export const gone = 'the program does not answer'

export type Target = {
  name: TargetName
  /** Inputs under way at once; 1 for pure functions. */
  inputsAtOnce: number
  inputOf: (random: Random) => Input
  /** Rejects with a `Finding`; any other error is one too (the target threw where it promised not to). */
  check: (input: Input) => Promise<void>
  /** Called before an input is tried again: the last one may have ended the program. */
  prepare?: () => Promise<void>
  /** Called every so many inputs and at the end: checks that need more than one input (memory, probes). */
  settle?: () => Promise<void>
  /** Called at the end of a turn: what takes seconds (a kill, and a look into the log). */
  finish?: () => Promise<void>
  end?: () => void | Promise<void>
  /** Counts for the report: outcomes, refusals. */
  counts: () => Readonly<Record<string, number>>
}

export const symptomOf = (error: unknown): string => {
  if (error instanceof Finding) return error.symptom
  if (!(error instanceof Error)) return 'threw what is no error'
  const where = /\(?((?:\/|file:)[^\s():]*\/)?([\w.-]+\.ts):\d+/.exec(error.stack?.split('\n').slice(1).join('\n') ?? '')?.[2]
  return `${error.name} in ${where ?? 'unknown place'}`
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
export const bytesOf = (text: string): Uint8Array => encoder.encode(text)
export const textOf = (bytes: Uint8Array | undefined): string => decoder.decode(bytes ?? new Uint8Array(0))

export const createCounts = () => {
  const counts: Record<string, number> = {}
  return {
    add: (what: string, by = 1): void => {
      counts[what] = (counts[what] ?? 0) + by
    },
    counts: (): Readonly<Record<string, number>> => counts,
  }
}
