/** Log lines of one device, newest first or oldest first, narrowed by text, severity, program and source. */
import type { CursorPart } from '../domain/cursor.ts'
import type { TimeRange } from '../domain/time.ts'
import { knownBy, knownParams, msOf, observedRange, type Scope } from './scope.ts'

export type LogRow = {
  observed_at_ms: number
  received_at_ms: number
  partition: number
  offset: number
  line: number
  source: string
  severity: number | null
  facility: string | null
  program: string | null
  message: string
  fingerprint: string
  class: string
  written_at: string
  cut: 0 | 1
}

export type LogQuery = TimeRange & {
  subject: string
  /** Only what had arrived by then; null: all. */
  knownMs: number | null
  text: string
  /** This severe or worse; lines of unknown severity are then left out. */
  severityMax: number | null
  program: string | null
  source: string | null
  descending: boolean
  limit: number
  after: CursorPart[] | null
}
export const logCursor = ['number', 'number', 'number', 'number'] as const

export const logLines = ({ warehouse, tenant }: Scope, query: LogQuery): Promise<LogRow[]> => {
  const params: Record<string, unknown> = {
    tenant,
    subject: query.subject,
    from_ms: query.fromMs,
    to_ms: query.toMs,
    limit: query.limit + 1,
    ...knownParams(query.knownMs),
  }
  const conditions = [`tenant = {tenant:String} AND subject = {subject:String} AND ${observedRange}${knownBy(query.knownMs)}`]
  const narrow = (name: string, value: unknown, condition: string): void => {
    params[name] = value
    conditions.push(condition)
  }
  // Written as the text index on `lowerUTF8(message)` needs it; % and _ of the reader are no wildcards.
  if (query.text !== '') {
    narrow('text', query.text.replace(/[\\%_]/g, '\\$&'), "lowerUTF8(message) LIKE concat('%', lowerUTF8({text:String}), '%')")
  }
  if (query.severityMax !== null) narrow('severity', query.severityMax, 'severity <= {severity:UInt8}')
  if (query.program !== null) narrow('program', query.program, 'program = {program:String}')
  if (query.source !== null) narrow('source', query.source, 'source = {source:String}')
  if (query.after !== null) {
    const [ms, partition, offset, line] = query.after
    Object.assign(params, { after_ms: ms, after_partition: partition, after_offset: offset, after_line: line })
    conditions.push(
      `(toUnixTimestamp64Milli(t.observed_at), toUInt64(t.partition), t.offset, toUInt64(t.line)) ${query.descending ? '<' : '>'} ({after_ms:Int64}, {after_partition:UInt64}, {after_offset:UInt64}, {after_line:UInt64})`,
    )
  }
  const direction = query.descending ? 'DESC' : 'ASC'
  return warehouse.query<LogRow>(
    `SELECT ${msOf('observed_at')} AS observed_at_ms, ${msOf('received_at')} AS received_at_ms, toUInt32(t.partition) AS partition, toFloat64(t.offset) AS offset, line,
  source, severity, facility, program, message, lower(hex(fingerprint)) AS fingerprint, class, written_at, cut
FROM log_lines AS t WHERE ${conditions.join(' AND ')}
ORDER BY t.observed_at ${direction}, t.partition ${direction}, t.offset ${direction}, t.line ${direction} LIMIT {limit:UInt32}`,
    params,
  )
}
