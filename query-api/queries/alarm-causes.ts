/** Why devices were offline, for the alarms that say that they were: presence tells it, and tells it again when it knows better. */
import { idOfRow } from '../domain/alarm-id.ts'
import type { AlarmRow } from '../domain/alarm-row.ts'
import { knownBy, knownParams, msOf, type Scope, timeParam } from './scope.ts'

const offlineType = 'presence.offline'
/** The presence row may be a little older than the raise: a will comes before the alarm's delay. */
const beforeRaiseMs = 15 * 60_000

type CauseRow = { subject: string; at_ms: number; cause: string }

/** By alarm id; only of those whose cause is known, or was by `knownMs`. */
export const offlineCausesOf = async (
  { warehouse, tenant }: Scope,
  rows: readonly AlarmRow[],
  knownMs: number | null = null,
): Promise<ReadonlyMap<string, string>> => {
  const own = rows.filter(({ type }) => type === offlineType)
  if (own.length === 0) return new Map()
  const told = await warehouse.query<CauseRow>(
    `SELECT subject, ${msOf('observed_at')} AS at_ms, cause FROM presence
WHERE tenant = {tenant:String} AND subject IN {subjects:Array(String)} AND cause != '' AND observed_at >= ${timeParam('from_ms')}${knownBy(knownMs)}
ORDER BY subject, received_at, offset`,
    {
      tenant,
      subjects: [...new Set(own.map(({ subject }) => subject))],
      ...knownParams(knownMs),
      from_ms: Math.min(...own.map(({ raised_ms }) => raised_ms)) - beforeRaiseMs,
    },
  )
  const causes = new Map<string, string>()
  for (const row of own) {
    const until = row.cleared_ms ?? Number.POSITIVE_INFINITY
    const fits = told.filter(({ subject, at_ms }) => subject === row.subject && at_ms >= row.raised_ms - beforeRaiseMs && at_ms <= until)
    const newest = fits.at(-1)
    if (newest !== undefined) causes.set(idOfRow(row), newest.cause)
  }
  return causes
}
