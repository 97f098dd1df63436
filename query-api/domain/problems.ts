/**
 * Every refusal and failure that the API answers, in one table: a stable `code`, its HTTP status and title (RFC 9457).
 * `docs/reference/api-problems.md` has a heading for each code, and a test compares both ways.
 */
export const problems = {
  UNAUTHENTICATED: { status: 401, title: 'A bearer token is needed' },
  HOST_NOT_ALLOWED: { status: 403, title: 'Host not allowed' },
  ORIGIN_NOT_ALLOWED: { status: 403, title: 'Origin not allowed' },
  ROUTE_UNKNOWN: { status: 404, title: 'No such route' },
  REQUEST_INVALID: { status: 400, title: 'Request not valid' },
  MEDIA_TYPE_UNSUPPORTED: { status: 415, title: 'Media type not supported' },
  BODY_TOO_LARGE: { status: 413, title: 'Body too large' },
  TIME_INVALID: { status: 400, title: 'Time not valid' },
  TIME_RANGE_INVALID: { status: 400, title: 'Time range not valid' },
  TIME_ZONE_UNKNOWN: { status: 400, title: 'Time zone unknown' },
  STEP_INVALID: { status: 400, title: 'Step not valid' },
  QUANTILES_INVALID: { status: 400, title: 'Quantiles not valid' },
  TOO_MANY_POINTS: { status: 400, title: 'Too many points' },
  CURSOR_INVALID: { status: 400, title: 'Cursor not valid' },
  DEVICE_ID_INVALID: { status: 400, title: 'Device id not valid' },
  DEVICE_UNKNOWN: { status: 404, title: 'Device unknown' },
  PLACE_UNKNOWN: { status: 404, title: 'Place unknown' },
  METRIC_UNKNOWN: { status: 404, title: 'Metric unknown' },
  METRIC_IS_COUNTER: { status: 400, title: 'Metric is a counter' },
  SCHEMA_UNKNOWN: { status: 404, title: 'Schema unknown' },
  ALARM_ID_INVALID: { status: 400, title: 'Alarm id not valid' },
  ALARM_UNKNOWN: { status: 404, title: 'Alarm unknown' },
  RULES_UNKNOWN: { status: 404, title: 'Rules unknown' },
  EPISODE_STALE: { status: 409, title: 'Another episode by now' },
  ALARM_ACTION_INVALID: { status: 422, title: 'Action not possible' },
  MAINTENANCE_UNKNOWN: { status: 404, title: 'Maintenance window unknown' },
  MAINTENANCE_EXISTS: { status: 409, title: 'Another maintenance window has this id' },
  MAINTENANCE_STALE: { status: 409, title: 'Changed since' },
  MAINTENANCE_OVER: { status: 422, title: 'Maintenance window is over' },
  MAINTENANCE_TOO_MANY: { status: 422, title: 'Too many maintenance windows' },
  TOO_MANY_ALARMS: { status: 400, title: 'Too many alarms' },
  IMPORT_REJECTED: { status: 422, title: 'Import rejected' },
  EXPORT_TOO_LARGE: { status: 400, title: 'Export too large' },
  EXPORTS_BUSY: { status: 503, title: 'Too many exports at once' },
  WAREHOUSE_UNAVAILABLE: { status: 503, title: 'Warehouse unavailable' },
  LOG_UNAVAILABLE: { status: 503, title: 'Event log unavailable' },
  INTERNAL: { status: 500, title: 'Internal error' },
} as const satisfies Record<string, { status: number; title: string }>

export type ProblemCode = keyof typeof problems

export type Problem = { type: string; title: string; status: number; code: ProblemCode; detail: string } & Record<string, unknown>

/** `detail` says what was expected and what came; it never carries a secret, a stack or a query. */
export const problem = (code: ProblemCode, detail: string, extra: Record<string, unknown> = {}): Problem => ({
  type: `urn:fleet-recorder:problem:${code.toLowerCase().replaceAll('_', '-')}`,
  title: problems[code].title,
  status: problems[code].status,
  code,
  detail,
  ...extra,
})

/** Carries a problem out of a handler to the one place that answers it. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(code: ProblemCode, detail: string, extra: Record<string, unknown> = {}) {
    super(detail)
    this.name = 'ProblemError'
    this.problem = problem(code, detail, extra)
  }
}
