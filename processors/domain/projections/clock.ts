/**
 * One row per thing learned about a device's clock: a verdict that changed, a step, a boot, an estimate per 15 minutes. At
 * most `observationsPerDayMax` per device and day; the last change of a day that has more is a row of kind `limit`.
 */
import type { BootNotice } from '../boot-tracker.ts'
import { initialDrift } from '../clock-drift.ts'
import { type ClockNotice, initialClock, noteClock } from '../clock-watch.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { Context } from '../projection.ts'

/** `boot`: what this message told of one. Re-driven letters keep their old arrival and are no samples. */
export const projectClock = (context: Context, boot: BootNotice['boot']): void => {
  const { event, place, placed, core, overlay, bootKey } = context
  if (event.source.redriveOf !== null) return
  const bootId = boot?.bootId ?? event.bootId ?? ''
  core.clock ??= initialClock(event.receivedAtMs)
  const notices = noteClock(
    core.clock,
    {
      arrivalMs: event.receivedAtMs,
      claimMs: event.observedAtMs,
      uptimeSeconds: event.uptimeSeconds,
      verdict: placed.verdict,
      bootKey,
      bootId,
      boots: boot !== null,
      offset: place.offset,
    },
    () => overlay.open(`clock:${event.subject.id}`, 'clock', initialDrift),
  )
  for (const notice of notices) pushRow(context, notice, bootId)
}

const pushRow = ({ event, place, placed, core, rows, onLimit }: Context, notice: ClockNotice, bootId: string): void => {
  if (notice.kind === 'limit') onLimit('clock-observations-per-day')
  const estimate = notice.kind === 'estimate' ? notice : null
  const claimMs = estimate === null ? event.observedAtMs : estimate.arrivalMs + estimate.skewMs
  rows.clock_observations.push({
    tenant: event.tenant,
    subject: event.subject.id,
    // An estimate stands where its best sample arrived; the message that ended its window is the row's origin.
    observed_at: estimate === null ? placed.observedAtMs : estimate.arrivalMs,
    received_at: event.receivedAtMs,
    kind: notice.kind,
    verdict: core.clock?.verdict ?? placed.verdict,
    verdict_before: notice.kind === 'verdict' ? notice.before : null,
    skew_ms: estimate?.skewMs ?? (notice.kind === 'step' ? clamped(notice.skewMs) : null),
    drift_ppm: estimate?.driftPpm ?? null,
    samples: estimate?.samples ?? 0,
    step_ms: notice.kind === 'step' ? clamped(notice.stepMs) : null,
    boot_id: estimate?.bootId ?? bootId,
    claimed_at: claimMs === null ? null : toDateTime64(claimMs),
    topic: estimate === null ? event.source.topic : '',
    evidence_received_at: estimate?.arrivalMs ?? event.receivedAtMs,
    evidence_offset: estimate?.offset ?? place.offset,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}

/** Claims are any number. */
const clamped = (ms: number): number => Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.round(ms)))
