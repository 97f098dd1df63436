/** Command lines of the three device-side programs: one declaration per flag gives the parsing, the checks and the help text. */
import { parseArgs } from 'node:util'

/** Thrown for a wrong command line; the mains print the message with the help and exit with 2. */
export class UsageError extends Error {}

type FlagKind = 'text' | 'integer' | 'number' | 'duration' | 'switch'
export type Flag<K extends FlagKind = FlagKind> = { kind: K; help: string; default?: string }
export type Flags = Readonly<Record<string, Flag>>

type ValueOf<F extends Flag> = F['kind'] extends 'switch'
  ? boolean
  : F['kind'] extends 'text'
    ? F extends { default: string }
      ? string
      : string | undefined
    : F extends { default: string }
      ? number
      : number | undefined

/** `duration` values come back as milliseconds. */
export type Arguments<T extends Flags> = { [K in keyof T]: ValueOf<T[K]> }

/** Parses `argv` (without node and script). Every value is checked here, so the programs start with sound numbers or not at all. */
export const parseArguments = <const T extends Flags>(flags: T, argv: readonly string[]): Arguments<T> => {
  const options: Record<string, { type: 'string' | 'boolean' }> = {}
  for (const [name, flag] of Object.entries(flags)) options[name] = { type: flag.kind === 'switch' ? 'boolean' : 'string' }
  let raw: Record<string, string | boolean | undefined>
  try {
    raw = parseArgs({ args: [...argv], options, allowPositionals: false, strict: true }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  const values: Record<string, string | number | boolean | undefined> = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = read(name, flag, raw[name])
  return values as Arguments<T>
}

const read = (name: string, flag: Flag, given: string | boolean | undefined): string | number | boolean | undefined => {
  if (flag.kind === 'switch') return given === true
  const text = typeof given === 'string' ? given : flag.default
  if (text === undefined || flag.kind === 'text') return text
  const value = flag.kind === 'duration' ? durationMs(text) : Number(text)
  const wanted = { integer: 'a whole number', number: 'a number', duration: 'a duration like 500ms, 10s, 5m, 2h' }[flag.kind]
  if (
    value === undefined ||
    text.trim() === '' ||
    !Number.isFinite(value) ||
    value < 0 ||
    (flag.kind === 'integer' && !Number.isSafeInteger(value))
  ) {
    throw new UsageError(`--${name}: expected ${wanted}, got "${text}"`)
  }
  return value
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `10s` to 10000; a bare number means seconds; undefined when it is no duration. */
export const durationMs = (text: string): number | undefined => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim())
  if (match === null) return undefined
  return Number(match[1]) * (unitMs[match[2] ?? 's'] ?? 1000)
}

/** The lines of `--help`. */
export const helpText = (intro: string, flags: Flags): string => {
  const lines = Object.entries(flags).map(([name, flag]) => {
    const value = flag.kind === 'switch' ? '' : ` <${flag.kind}>`
    const standard = flag.default === undefined ? '' : ` (${flag.default})`
    return `  ${`--${name}${value}`.padEnd(30)} ${flag.help}${standard}`
  })
  return `${intro}\n\n${lines.join('\n')}\n`
}

/** Runs a program's main: wrong usage prints help and exits with 2, anything else that breaks exits with 1. */
export const runProgram = async (intro: string, flags: Flags, main: (argv: string[]) => Promise<number>): Promise<void> => {
  const argv = process.argv.slice(2)
  if (argv.includes('--help') || argv.includes('-h')) {
    process.stdout.write(helpText(intro, flags))
    return
  }
  try {
    process.exitCode = await main(argv)
  } catch (error) {
    const text =
      error instanceof UsageError ? `${error.message}\n\n${helpText(intro, flags)}` : `${(error as Error).stack ?? String(error)}\n`
    process.stderr.write(text)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}
