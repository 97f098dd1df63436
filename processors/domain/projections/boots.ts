/** One row per sign of a boot; two signs of one boot (told, and a new id) share its `boot_id`. */
import type { BootNotice } from '../boot-tracker.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { Context } from '../projection.ts'

export const projectBoot = ({ event, place, rows }: Context, boot: NonNullable<BootNotice['boot']>): void => {
  rows.boots.push({
    tenant: event.tenant,
    subject: event.subject.id,
    observed_at: toDateTime64(Math.round(boot.observedAtMs)),
    received_at: event.receivedAtMs,
    boot_id: boot.bootId,
    reason: boot.told?.reason ?? null,
    uptime_before_seconds: boot.told?.uptimeBeforeSeconds ?? null,
    task_id: boot.told?.taskId ?? null,
    evidence: boot.evidence,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}
