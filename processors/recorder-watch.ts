/**
 * Tells the fleet stage what this program sees of itself: room on its disks, how far its groups are behind, what the warehouse
 * refuses. By way of the log, so that a replay judges what was judged then (`domain/fleet/recorder-health.ts`).
 */
import type { DiskReading, FleetSignal } from '../model/fleet-signal.ts'
import type { Clock, EventLog } from '../model/ports.ts'
import type { Processors } from './main.ts'

export const recorderWatchEveryMs = 30_000
/** Of a reason; the rest stands in the program's log. */
export const reasonCharsMax = 300

export type RecorderWatchDeps = {
  log: Pick<EventLog, 'append'>
  encodeSignal: (signal: FleetSignal) => Uint8Array
  clock: Clock
  tenant: string
  instance: string
  logRetentionMs: number
  /** A disk that cannot be asked is left out. */
  disks: () => Promise<DiskReading[]>
  processors: Pick<Processors, 'readers' | 'refused'>
  /** A telling failed; the next one comes. */
  onError: (error: unknown) => void
}

export const tellRecorder = async (deps: RecorderWatchDeps): Promise<void> => {
  const { log, encodeSignal, clock, tenant, instance, logRetentionMs, processors } = deps
  const disks = await deps.disks()
  const refused = processors.refused().map(({ why, ...rest }) => ({ ...rest, why: why.slice(0, reasonCharsMax) }))
  const body = { kind: 'recorder' as const, instance, disks, readers: processors.readers(), logRetentionMs, refused }
  const value = encodeSignal({ tenant, atMs: clock.nowMs(), source: { partition: -1, offset: 0, item: 0 }, body })
  await log.append('fleet-signals', [{ partition: 0, key: instance, value: Uint8Array.from(value) }])
}

/** Tells now and then every half minute; one that takes longer is not overtaken. Returns stop. */
export const startRecorderWatch = (deps: RecorderWatchDeps): (() => Promise<void>) => {
  let telling: Promise<void> | undefined
  const tell = (): void => {
    telling ??= tellRecorder(deps)
      .catch(deps.onError)
      .finally(() => {
        telling = undefined
      })
  }
  tell()
  const timer = setInterval(tell, recorderWatchEveryMs)
  return async () => {
    clearInterval(timer)
    await telling
  }
}
