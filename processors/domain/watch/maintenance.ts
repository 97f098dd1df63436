/**
 * The maintenance windows of a partition, as the log has told them, and what they do to a device's alarms: while one holds, each
 * alarm that stands or comes is held down by it, to its end, to the record that withdraws it, or until the device fits no more.
 * Before: `ingest/maintenance.ts`.  After: `device-alarms.ts`.
 */
import type { MaintenanceWindowBody } from '../../../model/event.ts'
import { isNewerWindow, isOver, type MaintenanceWindow, selectorOfText, windowsMax } from '../../../model/maintenance.ts'
import type { DeviceProfile } from '../../../model/rule.ts'
import { selectorOf } from '../../../model/selector.ts'
import type { AlarmState } from '../alarms/alarm-state.ts'
import { never } from '../rules/state.ts'
import { type ActiveWindow, type DeviceAlarms, isTroubled, suppressorOf } from './device-alarms.ts'

/** Under the key `maintenance`. */
export type MaintenanceState = { kind: 'maintenance'; windows: MaintenanceWindow[] }

type Known = { window: MaintenanceWindow; fits: ReturnType<typeof selectorOf> }

export type WindowsInForce = {
  known: readonly Known[]
  stored: MaintenanceState | null
  /** Since the last `finish`. */
  isChanged: boolean
}

/** One that is over is remembered so long: an older telling that comes after it must not bring it back. */
const overKeptMs = 24 * 3_600_000

export const openWindows = (stored: MaintenanceState | null): WindowsInForce => ({
  known: (stored?.windows ?? []).map(knownOf),
  stored,
  isChanged: false,
})

const knownOf = (window: MaintenanceWindow): Known => ({ window, fits: selectorOf(selectorOfText(window.selector)) })

/** `older`: a newer telling of it is known. `full`: as many are open as there may be; the front door lets none such pass. */
export const noteWindow = (windows: WindowsInForce, body: MaintenanceWindowBody, nowMs: number): 'noted' | 'older' | 'full' => {
  const { kind: _, ...window } = body
  const before = windows.known.find(({ window: { id } }) => id === window.id)
  if (before !== undefined && !isNewerWindow(window, before.window)) return 'older'
  const others = windows.known.filter(({ window: own }) => own.id !== window.id && !(isOver(own, nowMs) && own.toMs + overKeptMs <= nowMs))
  if (before === undefined && others.filter(({ window: own }) => !isOver(own, nowMs)).length >= windowsMax) return 'full'
  windows.known = [...others, knownOf(window)]
  windows.stored = { kind: 'maintenance', windows: windows.known.map((known) => known.window) }
  windows.isChanged = true
  return 'noted'
}

const none: readonly ActiveWindow[] = []

/** Those that hold for the device at `nowMs`, in the order in which they came. */
export const activeWindows = ({ known }: WindowsInForce, profile: DeviceProfile, nowMs: number): readonly ActiveWindow[] =>
  known.length === 0
    ? none
    : known.flatMap(({ window, fits }) =>
        !window.withdrawn && window.fromMs <= nowMs && nowMs < window.toMs && fits(profile)
          ? [{ id: window.id, untilMs: window.toMs, reason: window.reason }]
          : [],
      )

/** When the next one begins for the device; `never`: none does. Its end is a deadline of the alarms that it holds down. */
export const nextBeginMs = ({ known }: WindowsInForce, profile: DeviceProfile, nowMs: number): number =>
  known.reduce(
    (dueMs, { window, fits }) => (!window.withdrawn && window.fromMs > nowMs && fits(profile) ? Math.min(dueMs, window.fromMs) : dueMs),
    never,
  )

/** What a device keeps of them, to see that others hold now; '' none. */
export const markOf = (active: readonly ActiveWindow[]): string => active.map(({ id, untilMs }) => `${id} ${untilMs}`).join('\n')

/** Alarms of a device are held down by the windows that hold for it now, and by no other. What ends by its time, the alarm's own deadline ends. */
export const holdBy = (alarms: DeviceAlarms, active: readonly ActiveWindow[], nowMs: number): void => {
  for (const id of alarms.ofTypes(null)) {
    const state = alarms.stateOf(id)
    if (state === null) continue
    for (const { kind, by, untilMs } of state.suppressedBy) {
      const isOurs = kind === 'maintenance' && !active.some((window) => window.id === by)
      if (isOurs && (untilMs === null || untilMs > nowMs)) alarms.tell(id, { kind: 'Unsuppress', by, atMs: nowMs })
    }
    if (isHeldable(state))
      for (const window of active)
        alarms.tell(id, { kind: 'Suppress', suppressor: suppressorOf(window), reason: window.reason, atMs: nowMs })
  }
}

/** Stands, is about to, or was when the window came: one whose end is put off keeps its hold. */
const isHeldable = (state: AlarmState): boolean => isTroubled(state) || state.suppressedBy.some(({ kind }) => kind === 'maintenance')
