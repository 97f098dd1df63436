/**
 * A dead man's switch: a heartbeat while alarms would truly reach people, so that its absence is the alarm. Sent only when the
 * time of the device stages and of the fleet stage advances with the clock, the outputs have read what stands in `alarms`, and the
 * warehouse answers. Of several processors the one with the fleet stage sends it: only there all this is known. It is not tried
 * again: the next one comes.
 */
import type { NotificationChannel } from '../model/notification.ts'
import type { Clock, Warehouse } from '../model/ports.ts'
import { sourceOf } from './domain/outputs/message-body.ts'
import type { OutputsStatus } from './alarm-outputs.ts'
import type { Processors } from './main.ts'

export type WatchdogDeps = {
  channel: NotificationChannel
  clock: Clock
  warehouse: Pick<Warehouse, 'ping'>
  tenant: string
  everyMs: number
  timeMs: () => number | null
  fleet: Processors['fleet']
  outputs: () => Pick<OutputsStatus, 'lagRecords' | 'stuckSinceMs' | 'disabled' | 'failingSinceMs'>
  /** The heartbeat was taken. */
  onTaken: (atMs: number) => void
  /** Why none was sent, or why it was not taken. */
  onMissing: (why: string) => void
}

/** Ticks come every 5 s and a batch waits for up to a second: older than this, the pipeline stands. */
export const timeBehindMsMax = 60_000
/** What comes within one look of the outputs. */
export const lagRecordsMax = 5_000

/** Null: a heartbeat may be sent. */
export const unhealthyWhy = async ({ clock, timeMs, fleet, outputs, warehouse }: WatchdogDeps): Promise<string | null> => {
  const behindSeconds = (reachedMs: number): number | null => {
    const behindMs = clock.nowMs() - reachedMs
    return behindMs > timeBehindMsMax ? Math.round(behindMs / 1000) : null
  }
  const reached = timeMs()
  if (reached === null) return 'the processors have not told how far they are'
  const behind = behindSeconds(reached)
  if (behind !== null) return `the processors are ${String(behind)} s behind`
  const { throughMs } = fleet()
  if (throughMs === null) return 'the fleet stage has not told how far it is'
  const fleetBehind = behindSeconds(throughMs)
  if (fleetBehind !== null) return `the fleet stage is ${String(fleetBehind)} s behind`
  const { lagRecords, stuckSinceMs, disabled, failingSinceMs } = outputs()
  if (lagRecords > lagRecordsMax) return `${String(lagRecords)} records of alarms are not read yet`
  if (stuckSinceMs !== null && clock.nowMs() - stuckSinceMs > timeBehindMsMax) return 'alarms cannot be taken in'
  if (disabled) return 'the receiver of alarms answered 410'
  if (failingSinceMs !== null && clock.nowMs() - failingSinceMs > timeBehindMsMax) return 'alarms do not reach their receiver'
  return (await warehouse.ping()) ? null : 'the warehouse does not answer'
}

export const startWatchdog = (deps: WatchdogDeps): (() => Promise<void>) => {
  let beating: Promise<void> | undefined
  const beat = async (): Promise<void> => {
    if (!deps.fleet().isHere) return
    const why = await unhealthyWhy(deps)
    if (why !== null) {
      deps.onMissing(why)
      return
    }
    const nowMs = deps.clock.nowMs()
    const { outcome, answer } = await deps.channel.send(heartbeatOf(deps, nowMs))
    if (outcome === 'taken') deps.onTaken(nowMs)
    else deps.onMissing(`the receiver answered ${answer}`)
  }
  const run = (): void => {
    beating ??= beat()
      .catch((error: unknown) => deps.onMissing(error instanceof Error ? error.message : String(error)))
      .finally(() => (beating = undefined))
  }
  const timer = setInterval(run, deps.everyMs)
  // Soon after a start, as soon as there is a time to tell of.
  const first = setInterval(() => {
    if (deps.timeMs() === null || (deps.fleet().isHere && deps.fleet().throughMs === null)) return
    clearInterval(first)
    run()
  }, 1_000)
  return async () => {
    clearInterval(timer)
    clearInterval(first)
    await beating
  }
}

const heartbeatOf = ({ tenant, everyMs }: WatchdogDeps, nowMs: number): { id: string; body: string } => {
  const id = `watchdog-${tenant}-${String(nowMs)}`
  const time = new Date(nowMs).toISOString()
  return {
    id,
    body: JSON.stringify({
      specversion: '1.0',
      id,
      source: sourceOf(tenant),
      type: 'io.fleet-recorder.watchdog',
      time,
      datacontenttype: 'application/json',
      data: { state: 'alive', nextWithinSeconds: Math.ceil((2 * everyMs) / 1000) },
    }),
  }
}
