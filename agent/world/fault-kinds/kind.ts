/** What a kind of fault is: its parameters, how it shows on a device (steps) or on a cell, and which alarms it should give. */
import type { Random } from '../../simulation/random.ts'
import type { Effects, LogAction, Step } from '../actions.ts'
import type { CellFault, Network } from '../network.ts'
import type { PlannedDevice } from '../planned-device.ts'
import { type Field, object, type ObjectOf, type Read } from '../strict-reader.ts'

export type StepContext = {
  /** Id of the fault; keys of blocks and effects begin with it. */
  id: string
  fromMs: number
  toMs: number
  /** Own to this fault and device. */
  random: Random
  device: PlannedDevice
  network: Network
  /** The device's place among those affected, from 0. */
  rank: number
}

/** A fault of the file, its parameters read. `parameters` go into the truth as they are. */
export type ReadFault = {
  parameters: Readonly<Record<string, unknown>>
  steps: (context: StepContext) => Step[]
  cellFault: ((fromMs: number, toMs: number) => CellFault) | undefined
  /** Length by its parameters; undefined: as `for` says. */
  lengthMs: number | undefined
}

export type FaultKind = {
  does: string
  /** `cell`: the selector chooses cells, and the devices are those whose usual cell it is. */
  target: 'device' | 'cell'
  /** `moment`: has no `for`. A span without `for` lasts this long; undefined: it must say. */
  lasts: 'moment' | 'span'
  usuallyMs: number | undefined
  /** Alarm types of the default rules that should (or, in brackets, may) be raised. */
  expects: readonly string[]
  /** Names of the parameters, for messages and docs. */
  fields: readonly string[]
  read: Read<ReadFault>
}

type Declared<S extends Readonly<Record<string, Field<unknown>>>> = {
  does: string
  target?: 'device' | 'cell'
  lasts: 'moment' | 'span'
  usuallyMs?: number
  expects: readonly string[]
  with: S
  steps?: (context: StepContext, parameters: ObjectOf<S>) => Step[]
  cellFault?: (parameters: ObjectOf<S>) => Pick<CellFault, 'kind' | 'db'>
  lengthMs?: (parameters: ObjectOf<S>) => number
}

export const kind = <const S extends Readonly<Record<string, Field<unknown>>>>(declared: Declared<S>): FaultKind => {
  const read = object(declared.with)
  const { steps, cellFault, lengthMs } = declared
  return {
    does: declared.does,
    target: declared.target ?? 'device',
    lasts: declared.lasts,
    usuallyMs: declared.usuallyMs,
    expects: declared.expects,
    fields: Object.keys(declared.with),
    read: (value, path, problems) => {
      const before = problems.length
      const parameters = read(value, path, problems)
      return {
        parameters,
        steps: (context) => steps?.(context, parameters) ?? [],
        cellFault: cellFault === undefined ? undefined : (fromMs, toMs) => ({ ...cellFault(parameters), fromMs, toMs }),
        // Parameters with problems are placeholders; nothing may be computed from them.
        lengthMs: problems.length > before ? undefined : lengthMs?.(parameters),
      }
    },
  }
}

/** An effect between the two times of the fault. */
export const during = ({ id, fromMs, toMs }: Pick<StepContext, 'id' | 'fromMs' | 'toMs'>, effects: Effects): Step[] => [
  { atMs: fromMs, action: { do: 'effect', key: id, effects } },
  { atMs: toMs, action: { do: 'effect', key: id, effects: undefined } },
]

/** About `perHour` moments between the two times, each jittered inside its own slot, so that the rate is kept in every hour. */
export const momentsIn = ({ fromMs, toMs, random }: StepContext, perHour: number): number[] => {
  const slotMs = 3_600_000 / perHour
  const count = Math.max(1, Math.round((toMs - fromMs) / slotMs))
  return Array.from({ length: count }, (_, index) =>
    Math.round(fromMs + (index + 0.1 + random.next() * 0.8) * Math.min(slotMs, (toMs - fromMs) / count)),
  )
}

/** Kernel ring buffer; severity by RFC 5424. */
export const kernelLog = (severity: number, text: string): LogAction => ({ do: 'log', source: 'dmesg', severity, program: 'kernel', text })
export const daemonLog = (severity: number, program: string, text: string): LogAction => ({
  do: 'log',
  source: 'syslog',
  severity,
  program,
  text,
})

/** Lines one after another, some milliseconds apart. */
export const spoken = (atMs: number, lines: readonly LogAction[]): Step[] =>
  lines.map((action, index) => ({ atMs: atMs + index * 3, action }))
