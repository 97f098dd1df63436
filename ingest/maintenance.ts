/**
 * A maintenance window, made, changed or withdrawn by a person, becomes a record in every partition: each device stage holds alarms
 * down from that place of its log on, and a replay does it again. The embedded log takes all of them or none. Over Kafka some may be
 * taken before it rejects: the same window again completes it, and stages pass over what they know.
 * After: `processors/domain/watch/maintenance.ts`.
 */
import type { MaintenanceWindow } from '../model/maintenance.ts'
import { ownSource } from '../model/own-source.ts'
import type { Clock, EventCodec, EventLog, Ids } from '../model/ports.ts'

export type MaintenanceDeps = { log: EventLog; codec: EventCodec; ids: Ids; clock: Clock; tenant: string }

/** Whose record it is: the whole fleet's. */
const subject = { kind: 'fleet' as const, id: 'all' }

/** Answers when it was appended. The same window again is a further record that changes nothing. */
export const createMaintenance =
  ({ log, codec, ids, clock, tenant }: MaintenanceDeps) =>
  async (window: MaintenanceWindow, actor: string): Promise<{ atMs: number }> => {
    const atMs = clock.nowMs()
    const value = codec.encode({
      eventId: ids.eventId(),
      tenant,
      subject,
      observedAtMs: null,
      receivedAtMs: atMs,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      source: ownSource('api', actor),
      bodies: [{ kind: 'MaintenanceWindow', ...window }],
      payload: { encoding: 'none', bytes: new Uint8Array(0) },
    })
    const partitions = log.partitionCount('device-events')
    await log.append(
      'device-events',
      Array.from({ length: partitions }, (_, partition) => ({ partition, key: subject.id, value })),
    )
    return { atMs }
  }
