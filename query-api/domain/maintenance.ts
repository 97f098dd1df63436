/** What a person asks of a maintenance window, as the window that goes to the log; refused here with what was expected and what came. */
import {
  type MaintenanceWindow,
  readSelector,
  windowAheadMsMax,
  windowIdForm,
  windowMsMax,
  windowReasonCharsMax,
} from '../../model/maintenance.ts'
import { parseDeviceId } from './device-id.ts'
import { ProblemError } from './problems.ts'
import { parseTime, toTime } from './time.ts'

export const windowStates = ['planned', 'active', 'over', 'withdrawn'] as const
export type WindowState = (typeof windowStates)[number]

export const windowStateOf = ({ fromMs, toMs, withdrawn }: MaintenanceWindow, nowMs: number): WindowState =>
  withdrawn ? 'withdrawn' : nowMs < fromMs ? 'planned' : nowMs < toMs ? 'active' : 'over'

export type AskedWindow = { id?: string; selector?: unknown; from?: string; to?: string; reason?: string }
type Made = { changeId: string; nowMs: number }

/** From now on where no beginning is given. */
export const newWindow = (asked: AskedWindow, id: string, { changeId, nowMs }: Made): MaintenanceWindow => {
  if (!windowIdForm.test(id))
    throw invalid(
      'id',
      `Expected id as 1 to 64 of letters, digits, ".", "_" and "-", beginning with one of the first two, got ${quoted(id)}.`,
    )
  return checked(
    {
      id,
      version: 1,
      changeId,
      selector: selectorText(asked.selector),
      fromMs: asked.from === undefined ? nowMs : parseTime('from', asked.from),
      toMs: parseTime('to', needed(asked.to, 'to')),
      reason: needed(asked.reason, 'reason'),
      withdrawn: false,
    },
    nowMs,
  )
}

/** What is not given stays. The beginning of one that has begun stays too: what was held down was. */
export const changedWindow = (before: MaintenanceWindow, asked: AskedWindow, { changeId, nowMs }: Made): MaintenanceWindow => {
  const fromMs = asked.from === undefined ? before.fromMs : parseTime('from', asked.from)
  if (fromMs !== before.fromMs && before.fromMs <= nowMs)
    throw invalid('from', `It began at ${toTime(before.fromMs)}, which cannot change any more.`)
  return checked(
    {
      ...before,
      version: before.version + 1,
      changeId,
      selector: asked.selector === undefined ? before.selector : selectorText(asked.selector),
      fromMs,
      toMs: asked.to === undefined ? before.toMs : parseTime('to', asked.to),
      reason: asked.reason === undefined ? before.reason : needed(asked.reason, 'reason'),
    },
    nowMs,
  )
}

export const withdrawnWindow = (before: MaintenanceWindow, reason: string | undefined, changeId: string): MaintenanceWindow => ({
  ...before,
  version: before.version + 1,
  changeId,
  reason: reason === undefined || reason.trim() === '' ? before.reason : reason,
  withdrawn: true,
})

/** All that is asked for is so already: asked once more, as after an answer that was lost. */
export const isAsAsked = (window: MaintenanceWindow, { selector, from, to, reason }: AskedWindow): boolean =>
  (selector === undefined || selectorText(selector) === window.selector) &&
  (from === undefined || parseTime('from', from) === window.fromMs) &&
  (to === undefined || parseTime('to', to) === window.toMs) &&
  (reason === undefined || reason === window.reason)

const checked = (window: MaintenanceWindow, nowMs: number): MaintenanceWindow => {
  const { fromMs, toMs } = window
  const times = `got from ${toTime(fromMs)} and to ${toTime(toMs)}`
  if (toMs <= fromMs) throw invalid('to', `Expected from before to, ${times}.`)
  if (toMs <= nowMs) throw invalid('to', `Expected an end that is still to come, ${times}; it is ${toTime(nowMs)}.`)
  if (toMs - fromMs > windowMsMax) throw invalid('to', `Expected at most ${String(windowMsMax / 86_400_000)} days, ${times}.`)
  if (fromMs > nowMs + windowAheadMsMax) throw invalid('from', `Expected a beginning within a year, ${times}.`)
  return window
}

const selectorText = (asked: unknown): string => {
  const read = readSelector(withCanonicalDevices(asked))
  if (!read.ok) throw invalid('selector', `Selector: ${read.reason}.`)
  return read.value.text
}

/** A MAC address in any writing; of a pattern colons become hyphens. */
const withCanonicalDevices = (asked: unknown): unknown => {
  if (typeof asked !== 'object' || asked === null || !('device' in asked)) return asked
  const canonical = (one: unknown): unknown =>
    typeof one !== 'string' ? one : one.includes('*') ? one.toLowerCase().replaceAll(/[:.]/g, '-') : parseDeviceId(one)
  return { ...asked, device: Array.isArray(asked.device) ? asked.device.map(canonical) : canonical(asked.device) }
}

const needed = (text: string | undefined, name: string): string => {
  if (text === undefined || text.trim() === '' || text.length > windowReasonCharsMax)
    throw invalid(
      name,
      `Expected ${name} as 1 to ${String(windowReasonCharsMax)} characters, got ${text === undefined ? 'nothing' : quoted(text)}.`,
    )
  return text
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 60))
const invalid = (parameter: string, detail: string): ProblemError => new ProblemError('REQUEST_INVALID', detail, { parameter })
