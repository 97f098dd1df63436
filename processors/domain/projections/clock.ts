/**
 * One row per thing learned about a device's clock: a verdict that changed, a step, a boot, an estimate per 15 minutes. At
 * most `observationsPerDayMax` per device and day; the last change of a day that has more is a row of kind `limit`.
 */
import type { BootNotice } from '../boot-tracker.ts'
import { initialDrift } from '../clock-drift.ts'
import { type ClockNotice, type ClockState, initialClock, noteClock, verdictOf } from '../clock-watch.ts'
import { clockOf } from '../former-clock.ts'
import { highestOf } from '../interval-set.ts'
import { toDateTime64 } from '../placed-time.ts'
import type { Context } from '../projection.ts'

/**
 * `boot`: what this message told of one. Re-driven letters keep their old arrival and are no samples. `wantsDrift` false: nobody
 * reads the rows, and the drift, dear to find, is left out of them.
 */
export const projectClock = (context: Context, boot: BootNotice['boot'], wantsDrift = true): void => {
  const { event, place, placed, overlay, bootKey } = context
  if (event.source.redriveOf !== null) return
  const bootId = boot?.bootId ?? event.bootId ?? ''
  const clock = clockFor(context)
  const notices = noteClock(
    clock,
    {
      arrivalMs: event.receivedAtMs,
      claimMs: event.observedAtMs,
      uptimeSeconds: event.uptimeSeconds,
      verdict: placed.verdict,
      bootKey,
      bootId,
      boots: boot !== null,
      overtaken: isOvertaken(context),
      offset: place.offset,
    },
    () => overlay.open('clock', event.subject.id, initialDrift),
    wantsDrift ? undefined : noDrift,
  )
  for (const notice of notices) pushRow(context, clock, notice, bootId)
}

const noDrift = (): null => null

const clockFor = ({ core, event }: Context): ClockState => {
  const { clock } = core
  // Undefined in states of the first release.
  const own = clock === null || clock === undefined ? initialClock(event.receivedAtMs) : clockOf(clock)
  core.clock = own
  return own
}

/** The de-duplication has noted the number of this message in the last of the boots. */
const isOvertaken = ({ event, core }: Context): boolean => {
  const last = core.boots[core.boots.length - 1]
  return event.seq !== null && last?.bootId === event.bootId && (highestOf(last.seen) ?? 0) > event.seq
}

const pushRow = ({ event, place, placed, rows, onLimit }: Context, clock: ClockState, notice: ClockNotice, bootId: string): void => {
  if (notice.kind === 'limit') onLimit('clock-observations-per-day')
  const estimate = notice.kind === 'estimate' ? notice : null
  const step = notice.kind === 'step' ? notice : null
  const shownBy = (estimate ?? step)?.shownBy ?? null
  const skewMs = (estimate ?? step)?.skewMs ?? null
  const claimMs = shownBy === null ? event.observedAtMs : shownBy.arrivalMs + (skewMs ?? 0)
  rows.clock_observations.push({
    tenant: event.tenant,
    subject: event.subject.id,
    // What earlier messages show stands where the best of them arrived; the message that ended their window is the row's origin.
    observed_at: shownBy?.arrivalMs ?? placed.observedAtMs,
    received_at: event.receivedAtMs,
    kind: notice.kind,
    verdict: verdictOf(clock) ?? placed.verdict,
    verdict_before: notice.kind === 'verdict' ? notice.before : null,
    skew_ms: skewMs === null ? null : clamped(skewMs),
    drift_ppm: estimate?.driftPpm ?? null,
    samples: estimate?.samples ?? 0,
    step_ms: step === null ? null : clamped(step.stepMs),
    boot_id: shownBy?.bootId ?? bootId,
    claimed_at: claimMs === null ? null : toDateTime64(claimMs),
    topic: shownBy === null ? event.source.topic : '',
    evidence_received_at: shownBy?.arrivalMs ?? event.receivedAtMs,
    evidence_offset: shownBy?.offset ?? place.offset,
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
  })
}

/** Claims are any number. */
const clamped = (ms: number): number => Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Math.round(ms)))
