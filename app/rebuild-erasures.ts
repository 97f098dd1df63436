/**
 * Marks of erasures, as `erase-subject.ts` leaves them and a rebuild reads them: whose rows are gone up to which offset. A
 * subject is named by its pseudonym, so that the mark itself does not keep the name of what was erased.
 */
import type { LogTopic, Warehouse } from '../model/ports.ts'

export type ErasureMark = {
  pseudonym: string
  topic: LogTopic
  partition: number
  /** The last offset whose rows were taken away. */
  through: number
  /** Rows of `messages` (or dead letters) that were taken away: records that no table holds any more. */
  records: number
}

export const readErasures = async (warehouse: Warehouse, logId: string): Promise<ErasureMark[]> => {
  const rows = await warehouse.query<Record<'pseudonym' | 'topic', string> & Record<'partition' | 'through' | 'records', number | string>>(
    'SELECT pseudonym, topic, partition, max(through_offset) AS through, sum(records) AS records FROM erasures WHERE log_id = {logId:String} GROUP BY pseudonym, topic, partition',
    { logId },
  )
  return rows.map(({ pseudonym, topic, partition, through, records }) => ({
    pseudonym,
    topic: topic as LogTopic,
    partition: Number(partition),
    through: Number(through),
    records: Number(records),
  }))
}

export type ErasedThrough = (subject: string, topic: LogTopic, partition: number) => number | null

/** `pseudonym`: the installation's (`SubjectKeys.pseudonym`). */
export const erasedThroughOf = (marks: readonly ErasureMark[], pseudonym: (subject: string) => string): ErasedThrough => {
  if (marks.length === 0) return () => null
  const through = new Map(marks.map((mark) => [`${mark.topic}:${mark.partition}:${mark.pseudonym}`, mark.through]))
  return (subject, topic, partition) => through.get(`${topic}:${partition}:${pseudonym(subject)}`) ?? null
}

export type NewErasure = {
  tenant: string
  pseudonym: string
  erasedAtMs: number
  actor: string
  logId: string
  topic: LogTopic
  partition: number
  through: number
  records: number
}

/** Names of people and of topics come from us or the system, never from a device. */
export const writeErasures = async (warehouse: Warehouse, marks: readonly NewErasure[]): Promise<void> => {
  if (marks.length === 0) return
  const text = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const rows = marks.map(
    (mark) =>
      `(${text(mark.tenant)}, ${text(mark.pseudonym)}, fromUnixTimestamp64Milli(${mark.erasedAtMs}, 'UTC'), ${text(mark.actor)}, ${text(mark.logId)}, ${text(mark.topic)}, ${mark.partition}, ${mark.through}, ${mark.records})`,
  )
  await warehouse.command(
    `INSERT INTO erasures (tenant, pseudonym, erased_at, actor, log_id, topic, partition, through_offset, records) VALUES ${rows.join(', ')}`,
  )
}
