/** A maintenance window as lists, one window and the answers to changes show it, with whom it meets. */
import { type Static, Type } from 'typebox'
import { type MaintenanceWindow, selectorOfText } from '../../model/maintenance.ts'
import { selectorOf } from '../../model/selector.ts'
import { windowStateOf, windowStates } from '../domain/maintenance.ts'
import { ProblemError } from '../domain/problems.ts'
import { toTime } from '../domain/time.ts'
import { deviceProfiles, oneWindow, standingAlarms, windowOf, type WindowRow } from '../queries/maintenance.ts'
import type { RouteContext } from './context.ts'
import { choice, Time } from './schemas.ts'

export const SelectorSchema = Type.Unsafe<Record<string, string | string[]>>({
  type: 'object',
  additionalProperties: true,
  description:
    'All that it names must fit: device (MAC in any writing), site, region, class, model (`<product>/<model>`, or the model alone), firmware, plan: a text or a list of which any fits, `*` for any characters; fixed: true or false. At least one.',
  examples: [{ site: ['depot-*'], class: 'business' }],
})

export const Window = Type.Object({
  id: Type.String(),
  version: Type.Integer({ description: 'Grows with each change; name it as expectedVersion to change what you saw.' }),
  state: choice(windowStates),
  selector: SelectorSchema,
  from: Time,
  to: Type.String({ format: 'date-time', description: 'Excluded.' }),
  reason: Type.String(),
  createdAt: Time,
  createdBy: Type.String(),
  changedAt: Time,
  changedBy: Type.String(),
})
export const Listed = Type.Intersect([
  Window,
  Type.Object({ heldAlarms: Type.Integer({ description: 'Alarms that stand and that it holds down now.' }) }),
])
export const Met = Type.Object(
  {
    devices: Type.Integer({ description: 'That fit now; who will fit later is held down too.' }),
    standingAlarms: Type.Integer({ description: 'Of those devices.' }),
    examples: Type.Array(Type.String(), { description: 'Ids of some of the devices.' }),
  },
  { description: 'Whom it is about.' },
)
export const Told = Type.Intersect([
  Window,
  Type.Object({
    dryRun: Type.Boolean(),
    confirmed: Type.Boolean({
      description: 'The processors have taken it. false: it is in the log for certain and they are behind; or it was a dry run.',
    }),
    meets: Met,
  }),
])

export const WindowParams = Type.Object({ id: Type.String({ maxLength: 100 }) })
const examplesMax = 20

export const knownWindow = async ({ scope }: RouteContext, id: string): Promise<WindowRow> => knownOr404(await oneWindow(scope, id), id)

export const knownOr404 = (row: WindowRow | undefined, id: string): WindowRow => {
  if (row === undefined) throw new ProblemError('MAINTENANCE_UNKNOWN', `There is no maintenance window ${JSON.stringify(id.slice(0, 64))}.`)
  return row
}

export const meetsOf = async ({ scope }: RouteContext, window: MaintenanceWindow): Promise<Static<typeof Met>> => {
  const [profiles, standing] = await Promise.all([deviceProfiles(scope, null), standingAlarms(scope)])
  const met = profiles.filter(selectorOf(selectorOfText(window.selector)))
  return {
    devices: met.length,
    standingAlarms: met.reduce((sum, { device }) => sum + (standing.get(device) ?? 0), 0),
    examples: met.slice(0, examplesMax).map(({ device }) => device),
  }
}

export const selectorShown = (text: string): Record<string, string[]> => JSON.parse(text) as Record<string, string[]>

const shownOf = (window: MaintenanceWindow, nowMs: number) => ({
  id: window.id,
  version: window.version,
  state: windowStateOf(window, nowMs),
  selector: selectorShown(window.selector),
  from: toTime(window.fromMs),
  to: toTime(window.toMs),
  reason: window.reason,
})
const createdOf = ({ created_ms, created_by }: WindowRow) => ({ createdAt: toTime(created_ms), createdBy: created_by })
export const rowShown = (row: WindowRow, nowMs: number): Static<typeof Window> => ({
  ...shownOf(windowOf(row), nowMs),
  ...createdOf(row),
  changedAt: toTime(row.told_ms),
  changedBy: row.actor,
})
