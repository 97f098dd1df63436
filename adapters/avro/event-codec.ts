/**
 * Events and dead letters as bytes of the log. Before: `ingest/accept.ts`. After: `EventLog.append`; and back again in the
 * device stage. Bodies carry `kind`, which is the name of their branch in the Avro union.
 */
import type { Body, DeadLetter, DeviceEvent } from '../../model/event.ts'
import type { EventCodec } from '../../model/ports.ts'
import type { Result } from '../../model/result.ts'
import { createFrameCodec } from './frame-codec.ts'

export type DeadLetterCodec = { encode: (letter: DeadLetter) => Uint8Array; decode: (frame: Uint8Array) => Result<DeadLetter> }

/** Encoded frames stay valid but share slabs (`frame-codec.ts`): a caller that keeps one long copies it. */
export const createEventCodec = (): EventCodec => {
  const { encode, decode } = createFrameCodec<DeviceEvent>('device-event', wrapBodies, unwrapBodies)
  return {
    encode,
    decode: (frame) => {
      const decoded = decode(frame)
      return decoded.ok ? { ok: true, event: decoded.value } : decoded
    },
  }
}

export const createDeadLetterCodec = (): DeadLetterCodec =>
  createFrameCodec<DeadLetter>(
    'dead-letter',
    (letter) => letter,
    (value) => value as DeadLetter,
  )

type Wrapped = Record<string, Body>

const wrapBodies = (event: DeviceEvent): unknown => ({
  eventId: event.eventId,
  tenant: event.tenant,
  subject: event.subject,
  observedAtMs: event.observedAtMs,
  receivedAtMs: event.receivedAtMs,
  bootId: event.bootId,
  seq: event.seq,
  uptimeSeconds: event.uptimeSeconds,
  source: event.source,
  bodies: event.bodies.map((body) => ({ [body.kind]: body })),
  payload: event.payload,
})

/** avsc gives `{ Radio: {...} }`, an object of its own making: the body inside gets its name and takes the place. */
const unwrapBodies = (value: unknown): DeviceEvent => {
  const { bodies } = value as { bodies: Wrapped[] }
  for (const [index, wrapped] of bodies.entries()) {
    for (const kind in wrapped) (bodies as unknown[])[index] = { kind, ...wrapped[kind] }
  }
  return value as DeviceEvent
}
