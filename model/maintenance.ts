/**
 * Maintenance windows: times in which alarms of some devices are planned for and tell nobody (3GPP TS 28.532 calls the outage
 * "planned", TMF642 `plannedOutageIndicator`). All is recorded all the same. A window is a record of the log, in every partition;
 * each change is a further record with the next `version`, so that a replay holds down what was held down then.
 */
import type { MaintenanceWindowBody } from './event.ts'
import type { Result } from './result.ts'
import type { Selector } from './rule.ts'
import { everyDevice, select } from './selector-form.ts'
import { mistake, type Path } from './shape.ts'

export type MaintenanceWindow = Omit<MaintenanceWindowBody, 'kind'>

/** Windows that are not over yet, in a fleet: each stands in the state of every partition. */
export const windowsMax = 200
/** A window longer than this is no maintenance; a further one can follow it. */
export const windowMsMax = 30 * 86_400_000
/** How far ahead it can be planned. */
export const windowAheadMsMax = 366 * 86_400_000
export const windowReasonCharsMax = 500
export const windowIdForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/** Of its JSON text: 200 windows of it are 4 MB of state at most. */
export const selectorCharsMax = 20_000

/** What it selects by: at least one field, as texts with `*`. The text that the log carries names only those that were given. */
export const readSelector = (value: unknown): Result<{ selector: Selector; text: string }> => {
  const problems: string[] = []
  const read = select.read(value, [], (path, reason) => problems.push(`${where(path)}${reason}`))
  if (read === mistake) return { ok: false, reason: problems.slice(0, 5).join('; ') }
  const given = Object.entries(read).filter(([, wanted]) => wanted !== null)
  if (given.length === 0)
    return {
      ok: false,
      reason: 'expected at least one of device, site, region, class, model, firmware, plan, fixed; device: "*" means every device',
    }
  if (read.group !== null) return { ok: false, reason: 'group: devices have no groups yet; expected site, region, model or device' }
  const text = JSON.stringify(Object.fromEntries(given))
  if (text.length > selectorCharsMax)
    return {
      ok: false,
      reason: `expected at most ${selectorCharsMax} characters, got ${text.length}: name sites or models instead of devices`,
    }
  return { ok: true, value: { selector: read, text } }
}

const where = (path: Path): string => (path.length === 0 ? '' : `${path.join('.')}: `)

/** From the text that the log carries. Throws on a text that is none. */
export const selectorOfText = (text: string): Selector => ({ ...everyDevice, ...(JSON.parse(text) as Partial<Selector>) })

/**
 * Which of two tellings of one window holds: the higher version, and of two that were made at once the one whose `changeId` is
 * the greater, so that partitions that got them in another order agree.
 */
export const isNewerWindow = (one: MaintenanceWindow, other: MaintenanceWindow): boolean =>
  one.version === other.version ? one.changeId > other.changeId : one.version > other.version

export const isOver = ({ withdrawn, toMs }: MaintenanceWindow, nowMs: number): boolean => withdrawn || toMs <= nowMs
