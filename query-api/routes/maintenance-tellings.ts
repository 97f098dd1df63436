/**
 * Tellings of maintenance windows by this program: judged one after the other, each by what the one before did, though the
 * warehouse has it a second or two later, or much later when the processors are behind.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { isOver, type MaintenanceWindow, windowsMax } from '../../model/maintenance.ts'
import { ProblemError } from '../domain/problems.ts'
import { oneWindow, openWindowIds, rowOf, windowHistory, windowOf, type WindowRow } from '../queries/maintenance.ts'
import type { RouteContext } from './context.ts'

/** Calls that wait for their turn. */
export const tellingsWaitingMax = 100
/** Ids with a telling that the warehouse does not have yet, or that failed; the oldest is forgotten first. */
const idsRememberedMax = 1_000
/** The stage writes its row within a second or two; an answer waits 5 s for it at most. */
const askedEveryMs = 100
const askedTimesMax = 50

export const createTellings = ({ deps, scope }: RouteContext) => {
  const unconfirmed = new Map<string, WindowRow>()
  /** The highest version that was sent out, whether the log took it or not. */
  const attempted = new Map<string, number>()
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0

  /** As the warehouse has it, or as this program has told since. */
  const newest = async (id: string): Promise<WindowRow | undefined> => {
    const row = await oneWindow(scope, id)
    const own = unconfirmed.get(id)
    if (own === undefined) return row
    if (row === undefined || row.version < own.version) return own
    unconfirmed.delete(id)
    return row
  }

  const openCount = async (nowMs: number): Promise<number> => {
    const ids = new Set(await openWindowIds(scope, nowMs))
    for (const row of unconfirmed.values()) {
      if (isOver(windowOf(row), nowMs)) ids.delete(row.window_id)
      else ids.add(row.window_id)
    }
    return ids.size
  }

  /**
   * The telling gets the next version: behind one that failed too, which some partitions may have taken. Rejects when the log did not
   * take it for certain; then the same call again is safe.
   */
  const tell = async (window: MaintenanceWindow, actor: string, before: WindowRow | undefined): Promise<WindowRow> => {
    if (deps.setMaintenance === undefined) throw new ProblemError('ALARM_ACTION_INVALID', 'This program writes no log; ask one that does.')
    const version = Math.max(before?.version ?? 0, attempted.get(window.id) ?? 0) + 1
    remember(attempted, window.id, version)
    const { atMs } = await deps.setMaintenance({ ...window, version }, actor)
    const row = rowOf({ ...window, version }, actor, atMs, before)
    remember(unconfirmed, window.id, row)
    return row
  }

  /** The same telling once more: where it is known it does nothing, and a partition that had missed it has it then. */
  const repeat = async (row: WindowRow): Promise<void> => {
    await deps.setMaintenance?.(windowOf(row), row.actor)
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= tellingsWaitingMax)
      throw new ProblemError('LOG_UNAVAILABLE', `Expected at most ${String(tellingsWaitingMax)} changes of maintenance windows at once.`)
    waiting++
    const own = last.then(work).finally(() => waiting--)
    last = own.catch(() => undefined)
    return own
  }

  return { newest, openCount, tell, repeat, inTurn, confirmed: (row: WindowRow) => confirmed(scope, row) }
}

const remember = <T>(map: Map<string, T>, id: string, value: T): void => {
  map.delete(id)
  map.set(id, value)
  const [oldest] = map.keys()
  if (map.size > idsRememberedMax && oldest !== undefined) map.delete(oldest)
}

/** Is it in the warehouse? One of the same version that another program told at the same moment may hold in its place. */
const confirmed = async (scope: RouteContext['scope'], { window_id: id, version, change_id: own }: WindowRow): Promise<boolean> => {
  for (let asked = 0; asked < askedTimesMax; asked++) {
    const others = (await windowHistory(scope, id)).filter((row) => row.version === version)
    const winner = others.at(-1)
    if (winner !== undefined && winner.change_id !== own)
      throw new ProblemError('MAINTENANCE_STALE', `It was changed at the same moment by ${winner.actor}; this change was not taken.`, {
        current: version,
      })
    if (winner !== undefined) return true
    await delay(askedEveryMs)
  }
  return false
}

/** As many as there may be are planned or active already. */
export const tooMany = (): ProblemError =>
  new ProblemError('MAINTENANCE_TOO_MANY', `Expected at most ${String(windowsMax)} windows that are planned or active; withdraw some.`)
