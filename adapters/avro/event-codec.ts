/**
 * Events and dead letters as bytes of the log. Before: `ingest/accept.ts`. After: `EventLog.append`; and back again in the
 * device stage. Bodies carry `kind`, which is the name of their branch in the Avro union.
 */
import type { Body, DeadLetter, DeviceEvent } from '../../model/event.ts'
import type { EventCodec } from '../../model/ports.ts'
import type { Result } from '../../model/result.ts'
import { createFrameCodec } from './frame-codec.ts'
import { readEvent } from './read-event.ts'
import { writeDeadLetter, writeEvent } from './write-event.ts'

export type DeadLetterCodec = { encode: (letter: DeadLetter) => Uint8Array; decode: (frame: Uint8Array) => Result<DeadLetter> }

/** Encoded frames stay valid but share slabs (`avro-writer.ts`): a caller that keeps one long copies it. */
export const createEventCodec = (): EventCodec => {
  const { encode, decode } = createFrameCodec<DeviceEvent>('device-event', writeEvent, unwrapBodies, readEvent)
  return {
    encode,
    decode: (frame) => {
      const decoded = decode(frame)
      return decoded.ok ? { ok: true, event: decoded.value } : decoded
    },
  }
}

export const createDeadLetterCodec = (): DeadLetterCodec =>
  createFrameCodec<DeadLetter>('dead-letter', writeDeadLetter, (value) => value as DeadLetter)

type Wrapped = Record<string, Body>

/** As the schema says, without the short way: what tests hold that to. */
export const createPlainEventCodec = (): { decode: (frame: Uint8Array) => Result<DeviceEvent> } =>
  createFrameCodec<DeviceEvent>('device-event', writeEvent, unwrapBodies)

/** avsc gives `{ Radio: {...} }`, an object of its own making: the body inside gets its name and takes the place. */
const unwrapBodies = (value: unknown): DeviceEvent => {
  const { bodies } = value as { bodies: Wrapped[] }
  for (const [index, wrapped] of bodies.entries()) {
    const [kind = ''] = Object.keys(wrapped)
    ;(bodies as unknown[])[index] = { kind, ...wrapped[kind] }
  }
  return value as DeviceEvent
}
