/** Fleet signals as bytes of the log topic `fleet-signals`. Before: the device stage. After: the fleet stage, and alarm outputs for the time. */
import type { FleetSignal, SignalBody } from '../../model/fleet-signal.ts'
import type { Result } from '../../model/result.ts'
import type { AvroWriter } from './avro-writer.ts'
import { createFrameCodec } from './frame-codec.ts'

export type FleetCodec = { encode: (signal: FleetSignal) => Uint8Array; decode: (frame: Uint8Array) => Result<FleetSignal> }

export const createFleetCodec = (): FleetCodec => createFrameCodec<FleetSignal>('fleet-signal', writeSignal, toSignal)

/** In the order of `schemas/avro/fleet-signal.avsc`. */
const writeSignal = (out: AvroWriter, { tenant, atMs, source, body }: FleetSignal): void => {
  const { kind, ...detail } = body
  out.text(tenant)
  out.text(kind)
  out.text(subjectOf(body))
  out.long(atMs)
  out.int(source.partition)
  out.long(source.offset)
  out.int(source.item)
  out.text(JSON.stringify(detail))
}

const subjectOf = (body: SignalBody): string => ('device' in body ? body.device : 'subject' in body ? body.subject : '')

type Flat = { tenant: string; kind: string; atMs: number; partition: number; offset: number; item: number; detail: string }

const toSignal = (value: unknown): FleetSignal => {
  const { tenant, kind, atMs, partition, offset, item, detail } = value as Flat
  return { tenant, atMs, source: { partition, offset, item }, body: { kind, ...(JSON.parse(detail) as object) } as SignalBody }
}
