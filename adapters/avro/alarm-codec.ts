/** Events of alarms as bytes of the log topic `alarms`. Before: the device stage. After: `EventLog.append`, notifications. */
import type { AlarmEvent, AlarmRecord, Audience } from '../../model/alarm-event.ts'
import type { LogTopic } from '../../model/ports.ts'
import type { Result } from '../../model/result.ts'
import { createFrameCodec } from './frame-codec.ts'
import type { AvroWriter } from './avro-writer.ts'

export type AlarmCodec = { encode: (record: AlarmRecord) => Uint8Array; decode: (frame: Uint8Array) => Result<AlarmRecord> }

export const createAlarmCodec = (): AlarmCodec => createFrameCodec<AlarmRecord>('alarm-event', writeAlarm, toRecord)

/** In the order of `schemas/avro/alarm-event.avsc`. */
const writeAlarm = (out: AvroWriter, { tenant, subject, stream, key, event, source, audience }: AlarmRecord): void => {
  const { version, episode, kind, atMs, ...detail } = event
  out.text(tenant)
  out.text(subject)
  out.text(stream)
  out.long(version)
  out.long(episode)
  out.text(kind)
  out.text(key.resource)
  out.text(key.type)
  out.text(key.qualifier)
  out.long(atMs)
  out.text(source.topic)
  out.text(source.logId)
  out.int(source.partition)
  out.long(source.offset)
  out.text(JSON.stringify(audience === undefined ? detail : { ...detail, audience }))
}

type Flat = {
  tenant: string
  subject: string
  stream: string
  version: number
  episode: number
  kind: string
  resource: string
  type: string
  qualifier: string
  atMs: number
  sourceTopic: string
  sourceLogId: string
  sourcePartition: number
  sourceOffset: number
  detail: string
}

const toRecord = (value: unknown): AlarmRecord => {
  const { tenant, subject, stream, version, episode, kind, resource, type, qualifier, atMs, detail, ...flat } = value as Flat
  const { audience, ...said } = JSON.parse(detail) as { audience?: Audience }
  return {
    tenant,
    subject,
    stream,
    key: { resource, type, qualifier },
    event: { kind, ...said, episode, atMs, version } as AlarmEvent,
    ...(audience === undefined ? {} : { audience }),
    source: {
      topic: flat.sourceTopic as LogTopic,
      logId: flat.sourceLogId,
      partition: flat.sourcePartition,
      offset: flat.sourceOffset,
    },
  }
}
