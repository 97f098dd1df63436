/**
 * When a frame's event arrived, without decoding it: of a foreign record that is all a rebuild's worker needs. Null where the
 * bytes do not begin as ours do; the caller decodes then. What lies behind the arrival is not looked at. For
 * `app/rebuild-worker.ts`.
 *
 * Layout (schemas/avro/device-event.avsc): frame header 5, eventId 16, tenant, subject {kind, id}, observedAtMs null | long,
 * receivedAtMs.
 */
import { schemaIds } from '../../schemas/topics.ts'

const headerBytes = 5
const eventIdBytes = 16
/** As the stage takes it (`processors/run-record.ts`): 1970 to 2105. */
const arrivalMsEnd = Date.UTC(2106, 0, 1)

export const peekArrivalMs = (frame: Uint8Array): number | null => {
  const id = schemaIds['device-event']
  if (frame[0] !== 0 || (((frame[1] ?? 0) << 24) | ((frame[2] ?? 0) << 16) | ((frame[3] ?? 0) << 8) | (frame[4] ?? 0)) !== id) return null
  at = headerBytes + eventIdBytes
  if (!skipText(frame)) return null
  readLong(frame) // The kind of subject.
  if (!skipText(frame)) return null
  const branch = readLong(frame)
  if (branch === 1) readLong(frame)
  else if (branch !== 0) return null
  const arrivalMs = readLong(frame)
  return arrivalMs >= 0 && arrivalMs < arrivalMsEnd ? arrivalMs : null
}

let at = 0

const skipText = (frame: Uint8Array): boolean => {
  const length = readLong(frame)
  if (!(length >= 0 && length <= frame.length - at)) return false
  at += length
  return true
}

/** Zigzag varint; NaN when it does not end in the frame or is no safe integer. */
const readLong = (frame: Uint8Array): number => {
  let value = 0
  let factor = 1
  for (;;) {
    const byte = frame[at++]
    if (byte === undefined || factor > 2 ** 53) return Number.NaN
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value > Number.MAX_SAFE_INTEGER * 2 ? Number.NaN : value % 2 === 0 ? value / 2 : -(value + 1) / 2
    factor *= 128
  }
}
