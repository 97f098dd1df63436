/**
 * One row per log line: severity and program as written, a fingerprint of its wording, and the class of fault that it names
 * (`log-classes.ts`). Bursts are bounded: beyond the limit of a minute of arrival one notice stands for the rest, whose text
 * stays in `messages`.
 */
import type { LogLineItem, LogLinesBody } from '../../../model/event.ts'
import { classOf, fingerprintOf } from '../log-classes.ts'
import { placeItem } from '../placed-time.ts'
import type { Context } from '../projection.ts'

/** Lines per device and minute: a kernel that logs 100 a second tells nothing new in the next ones. */
export const logLinesPerMinuteMax = 6_000
export const burstClass = 'burst'

export const projectLogLines = (context: Context, body: LogLinesBody): void => {
  const { core, event, onLimit } = context
  const minuteMs = event.receivedAtMs - (event.receivedAtMs % 60_000)
  // Another one, not a later one: the recorder's clock may have been ahead and was set back.
  if (minuteMs !== core.logMinuteMs) {
    core.logMinuteMs = minuteMs
    core.logLines = 0
  }
  for (const [line, item] of body.items.entries()) {
    core.logLines++
    if (core.logLines <= logLinesPerMinuteMax) {
      pushRow(context, body.source, item, line, classOf(item.message))
      continue
    }
    onLimit('log-lines-per-minute')
    if (core.logLines === logLinesPerMinuteMax + 1)
      pushRow(
        context,
        body.source,
        { ...item, severity: 4, facility: null, program: null, message: burstNotice, cut: false },
        line,
        burstClass,
      )
  }
}

const burstNotice = `more than ${logLinesPerMinuteMax} lines within a minute: the others of this minute are kept in messages only`

const pushRow = ({ event, place, placed, rows }: Context, source: string, item: LogLineItem, line: number, lineClass: string): void => {
  rows.log_lines.push({
    tenant: event.tenant,
    subject: event.subject.id,
    observed_at: placeItem(item.observedAtMs, placed.observedAtMs, event.receivedAtMs),
    received_at: event.receivedAtMs,
    source,
    severity: item.severity !== null && item.severity >= 0 && item.severity <= 7 ? item.severity : null,
    facility: item.facility,
    program: item.program,
    message: item.message,
    fingerprint: fingerprintOf(item.message),
    class: lineClass,
    written_at: item.writtenAt,
    cut: Number(item.cut),
    log_id: place.logId,
    partition: place.partition,
    offset: place.offset,
    line,
  })
}
