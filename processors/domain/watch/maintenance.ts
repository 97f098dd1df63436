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

type Noted = { window: MaintenanceWindow; notedMs: number }
/** Under the key `maintenance`. */
export type MaintenanceState = { kind: 'maintenance'; windows: Noted[] }

type Known = Noted & { fits: ReturnType<typeof selectorOf> }

export type WindowsInForce = {
  known: readonly Known[]
  /** Those that fit a device, by all that selectors ask of it. */
  fitting: Map<string, readonly Known[]>
  stored: MaintenanceState | null
  /** Since the last `finish`. */
  isChanged: boolean
}

/** One that is over is remembered so long: an older telling that comes after it must not bring it back. */
const overKeptMs = 24 * 3_600_000
/** Of these, at most so many; the ones that were over first go. */
export const overKeptMax = windowsMax
const profilesKeptMax = 20_000
/** A device that more windows mean is held by those that end last: each alarm names what holds it down. */
export const holdingMax = 4

export const openWindows = (stored: MaintenanceState | null): WindowsInForce => ({
  known: (stored?.windows ?? []).map(knownOf),
  fitting: new Map(),
  stored,
  isChanged: false,
})

const knownOf = (noted: Noted): Known => ({ ...noted, fits: selectorOf(selectorOfText(noted.window.selector)) })
const overMs = ({ window, notedMs }: Noted): number => (window.withdrawn ? Math.min(notedMs, window.toMs) : window.toMs)

/** `older`: a newer telling of it is known. `full`: as many are open as there may be; the front door lets none such pass. */
export const noteWindow = (windows: WindowsInForce, body: MaintenanceWindowBody, nowMs: number): 'noted' | 'older' | 'full' => {
  const { kind: _, ...window } = body
  const before = windows.known.find((known) => known.window.id === window.id)
  if (before !== undefined && !isNewerWindow(window, before.window)) return 'older'
  const others = windows.known.filter((known) => known !== before)
  const open = others.filter((known) => !isOver(known.window, nowMs))
  if (before === undefined && open.length >= windowsMax) return 'full'
  const over = others
    .filter((known) => isOver(known.window, nowMs) && overMs(known) + overKeptMs > nowMs)
    .sort((one, other) => overMs(one) - overMs(other))
    .slice(-overKeptMax)
  const kept = new Set([...open, ...over])
  windows.known = [...others.filter((known) => kept.has(known)), knownOf({ window, notedMs: nowMs })]
  windows.fitting = new Map()
  windows.stored = { kind: 'maintenance', windows: windows.known.map(({ fits: _fits, ...noted }) => noted) }
  windows.isChanged = true
  return 'noted'
}

const fittingOf = (windows: WindowsInForce, profile: DeviceProfile): readonly Known[] => {
  const { device, class: own, site, region, product, model, firmware, plan, fixed } = profile
  const key = [device, own, site, region, product, model, firmware, plan, fixed].join('\n')
  let fitting = windows.fitting.get(key)
  if (fitting === undefined) {
    fitting = windows.known.filter(({ window, fits }) => !window.withdrawn && fits(profile))
    if (windows.fitting.size >= profilesKeptMax) windows.fitting.clear()
    windows.fitting.set(key, fitting)
  }
  return fitting
}

const none: readonly ActiveWindow[] = []

/** Those that hold for the device at `nowMs`, the one that ends last first. */
export const activeWindows = (windows: WindowsInForce, profile: DeviceProfile, nowMs: number): readonly ActiveWindow[] => {
  if (windows.known.length === 0) return none
  const active = fittingOf(windows, profile).filter(({ window: { fromMs, toMs } }) => fromMs <= nowMs && nowMs < toMs)
  if (active.length === 0) return none
  return active
    .map(({ window: { id, toMs, reason } }) => ({ id, untilMs: toMs, reason }))
    .sort((one, other) => other.untilMs - one.untilMs || (one.id < other.id ? -1 : 1))
    .slice(0, holdingMax)
}

/** When the next one begins for the device; `never`: none does. Its end is a deadline of the alarms that it holds down. */
export const nextBeginMs = (windows: WindowsInForce, profile: DeviceProfile, nowMs: number): number =>
  windows.known.length === 0
    ? never
    : fittingOf(windows, profile).reduce((dueMs, { window: { fromMs } }) => (fromMs > nowMs ? Math.min(dueMs, fromMs) : dueMs), never)

/** What a device keeps of them, to see that others hold now; '' none. */
export const markOf = (active: readonly ActiveWindow[]): string => active.map(({ id, untilMs }) => `${id} ${untilMs}`).join('\n')

/**
 * Alarms of a device are held down by the windows that hold for it now, and by no other. What takes hold does so before another lets
 * go: in between nobody is told. What ends by its time, the alarm's own deadline ends.
 */
export const holdBy = (alarms: DeviceAlarms, active: readonly ActiveWindow[], nowMs: number): void => {
  for (const id of alarms.ofTypes(null)) {
    const before = alarms.stateOf(id)
    if (before !== null && isHeldable(before))
      for (const window of active)
        alarms.tell(id, { kind: 'Suppress', suppressor: suppressorOf(window), reason: window.reason, atMs: nowMs })
    for (const { kind, by, untilMs } of before?.suppressedBy ?? []) {
      const isOurs = kind === 'maintenance' && !active.some((window) => window.id === by)
      if (isOurs && (untilMs === null || untilMs > nowMs)) alarms.tell(id, { kind: 'Unsuppress', by, atMs: nowMs })
    }
  }
}

/** Stands, is about to, or was when the window came: one whose end is put off keeps its hold. */
const isHeldable = (state: AlarmState): boolean => isTroubled(state) || state.suppressedBy.some(({ kind }) => kind === 'maintenance')
