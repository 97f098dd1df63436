/**
 * Erases one device or place: key, rows of every table and rollup, inventory, the stages' states, the broker's messages, and
 * its records in the log, which become empty records at the same offsets. A mark stays (`rebuild-erasures.ts`), so that a
 * rebuild tells erased from missing. Works on the running recorder, which goes on meanwhile, and on a stopped one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { countRows, deleteRows, dropOldParts, subjectTables } from '../adapters/clickhouse/delete-rows.ts'
import { createDeadLetterCodec } from '../adapters/avro/event-codec.ts'
import { blankRecords, type Blanking } from '../adapters/lmdb/blank-records.ts'
import { openBrokerStore } from '../adapters/lmdb/broker-traces.ts'
import { type Environment, openEnvironment } from '../adapters/lmdb/environment.ts'
import { whenQuiet } from '../adapters/lmdb/quiet-copy.ts'
import { scrubFreePages } from '../adapters/lmdb/free-pages.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { backlogOf, endsOf, removeSubjectStates } from '../adapters/lmdb/subject-states.ts'
import { clearRetained } from '../adapters/mqtt/clear-retained.ts'
import { parseMac } from '../ingest/domain/mac.ts'
import { partitionOf } from '../model/partition.ts'
import type { LogTopic, Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { openOperatorWarehouse } from './operator-warehouse.ts'
import { writeErasures } from './rebuild-erasures.ts'

export type ErasureReport = {
  subject: string
  erasedAt: string
  running: boolean
  /** Stores that were searched, and what was deleted in each. */
  touched: { store: string; what: string; count: number }[]
  /** What is still there, and until when. */
  remains: string[]
}

/** `actor`: who does it, as the mark names them. */
export type EraseOptions = { config: Config; name: string; actor: string }

const stageWithinMs = 120_000
const quietWithinMs = 60_000

export const eraseSubject = async ({ config, name, actor }: EraseOptions): Promise<ErasureReport> => {
  if (config.KAFKA_BROKERS !== '')
    throw new AppError('CONFIG_INVALID', 'Expected the embedded log (KAFKA_BROKERS empty): an erasure over Kafka is not built yet')
  const subject = parseMac(name) ?? name
  const operator = await openOperatorWarehouse(config)
  const environment = openEnvironment(config.DATA_DIR)
  try {
    const { warehouse, running } = operator
    const touched: ErasureReport['touched'] = []
    const remains: string[] = []
    const { pseudonym, ...key } = await eraseKey(config.DATA_DIR, subject)
    touched.push(key)
    await eraseAtBroker(config, subject, running, touched, remains)
    // What is in the log already becomes rows first: else they would appear after the deletion.
    const behind = await waitForStages(environment, running)
    if (behind > 0)
      remains.push(
        `${behind} records of the log are not in the tables yet and become rows at the next start: start the recorder and erase again`,
      )
    const erasedAtMs = Date.now()
    const mark = { tenant: config.TENANT, pseudonym, erasedAtMs, actor }
    const through = await eraseRows(warehouse, environment, { subject, mark }, touched, remains)
    if (through !== null) {
      touched.push(await eraseFromLog(environment, subject, through))
      await scrubLog(environment, subject, remains)
    }
    remains.push(...(await windowsNaming(warehouse, config.TENANT, subject)), ...whatRemains(config, subject))
    return { subject, erasedAt: new Date(erasedAtMs).toISOString(), running, touched, remains }
  } finally {
    await environment.close()
    await operator.close()
  }
}

const eraseKey = async (dataDir: string, subject: string) => {
  const keys = openSubjectKeys(dataDir)
  try {
    return { store: 'keys', what: 'key', count: Number(await keys.erase(subject)), pseudonym: keys.pseudonym(subject) }
  } finally {
    await keys.close()
  }
}

const eraseAtBroker = async (
  config: Config,
  subject: string,
  running: boolean,
  touched: ErasureReport['touched'],
  remains: string[],
): Promise<void> => {
  const store = openBrokerStore(config.DATA_DIR, (level) => level === subject || parseMac(level) === subject)
  if (store === null) return
  try {
    const { retained, queued } = store.traces()
    const topics = retained.map(({ topic }) => topic)
    if (!running) await store.remove()
    else if (topics.length > 0 && config.MQTT_USERS_FILE === '') {
      await clearRetained(`mqtt://${config.MQTT_LISTEN}`, topics).catch((error: unknown) =>
        remains.push(
          `the broker did not take the deletion of retained messages: ${error instanceof Error ? error.message : String(error)}`,
        ),
      )
    }
    const left = store.traces()
    touched.push({ store: 'broker', what: 'retained messages', count: retained.length - left.retained.length })
    touched.push({ store: 'broker', what: 'queued messages', count: queued.length - left.queued.length })
    if (left.retained.length > 0)
      remains.push(
        `retained messages at the broker, which wants a login to delete them: ${left.retained.map(({ topic }) => topic).join(', ')} (publish an empty retained message to each, or erase while the recorder is stopped)`,
      )
    if (left.queued.length > 0)
      remains.push(
        `${left.queued.length} messages wait at the broker for clients that are away (until they come, or erase while the recorder is stopped)`,
      )
    const kept = new Set(left.retained.map(({ topic }) => topic))
    const found = await store.scrub(
      [...retained.filter(({ topic }) => !kept.has(topic)), ...(running ? [] : queued)].map(({ payload }) => payload),
    )
    if (found > 0) remains.push(`${found} deleted messages in free pages of broker/data.mdb, until these are used again`)
  } finally {
    await store.close()
  }
}

/** Answers the records that are not finished. */
const waitForStages = async (environment: Environment, running: boolean): Promise<number> => {
  if (!running) return backlogOf(environment, endsOf(environment))
  // What the device stage tells of its last records is read by the fleet stage after them.
  await untilRead(environment)
  return untilRead(environment)
}

const untilRead = async (environment: Environment): Promise<number> => {
  const ends = endsOf(environment)
  for (const until = performance.now() + stageWithinMs; ; ) {
    const behind = backlogOf(environment, ends)
    if (behind === 0) return 0
    if (performance.now() > until)
      throw new Error(`The key is erased, rows are not: the processors are ${behind} records behind. Erase again when they have caught up`)
    await delay(50)
  }
}

type Mark = { tenant: string; pseudonym: string; erasedAtMs: number; actor: string }

/** Answers up to where, by topic and partition, its rows are gone; null when no moment without an insert came. */
const eraseRows = async (
  warehouse: Warehouse,
  environment: Environment,
  { subject, mark }: { subject: string; mark: Mark },
  touched: ErasureReport['touched'],
  remains: string[],
): Promise<Through[] | null> => {
  const tables = await subjectTables(warehouse)
  const counts = new Map<string, number>()
  const changed = new Set<string>()
  const takeAway = async (): Promise<void> => {
    for (const { table, column } of tables) {
      const count = await countRows(warehouse, table, column, subject)
      counts.set(table, (counts.get(table) ?? 0) + count)
      if (count === 0) continue
      await deleteRows(warehouse, table, column, subject)
      changed.add(table)
    }
  }
  await takeAway()
  const done = await whenQuiet(environment, quietWithinMs, async () => {
    // What came meanwhile. From here on no stage goes on until we are done, so the mark says exactly what is gone.
    await takeAway()
    await dropOldParts(warehouse, [...changed])
    const logId = String(environment.facts.get('logId'))
    const through = finishedOf(environment, subject)
    await writeErasures(
      warehouse,
      through.map((own) => ({ ...mark, ...own, logId, records: counts.get(rowsOfTopic[own.topic]) ?? 0 })),
    )
    return { states: removeSubjectStates(environment, subject), through }
  })
  for (const { table } of tables) touched.push({ store: 'warehouse', what: `rows of ${table}`, count: counts.get(table) ?? 0 })
  if (done === null) {
    remains.push('states of the stages, old parts of the tables and records of the log: no moment without an insert came; erase again')
    return null
  }
  touched.push({ store: 'log', what: 'states of the stages', count: done.states })
  touched.push({ store: 'warehouse', what: 'marks of the erasure (written)', count: done.through.length })
  for (const { table, column } of tables) {
    const count = await countRows(warehouse, table, column, subject)
    if (count > 0) remains.push(`${count} rows of ${table} that came after it: the device still sends. Stop it and erase again`)
  }
  return done.through
}

/** They are of all partitions and may name others too: a person's words, like a comment. */
const windowsNaming = async (warehouse: Warehouse, tenant: string, subject: string): Promise<string[]> => {
  const rows = await warehouse.query<{ id: string }>(
    `SELECT DISTINCT window_id AS id FROM maintenance_windows WHERE tenant = {tenant:String} AND position(selector, {named:String}) > 0 ORDER BY id LIMIT 100`,
    { tenant, named: JSON.stringify(subject) },
  )
  return rows.length === 0
    ? []
    : [`maintenance windows that name it, in table, log and states: ${rows.map(({ id }) => id).join(', ')} (they are kept for ever)`]
}

type Erasable = 'device-events' | 'dead-letters'
type Through = { topic: Erasable; partition: number; through: number }

/** The table that has one row for each record of the topic. */
const rowsOfTopic = { 'device-events': 'messages', 'dead-letters': 'dead_letters' } as const satisfies Record<Erasable, string>

/** The last offset that the stages have finished, where the subject has its records; read under the write lock. */
const finishedOf = (environment: Environment, subject: string): Through[] => {
  const least = new Map<string, Through>()
  for (const { key, value } of environment.progress.getRange({})) {
    const [, topic, partition] = key
    if (!isErasable(topic) || partition !== partitionIn(environment, topic, subject) || value.next === 0) continue
    const known = least.get(topic)
    const through = value.next - 1
    if (known === undefined || through < known.through) least.set(topic, { topic, partition, through })
  }
  return [...least.values()]
}

const isErasable = (topic: LogTopic): topic is Erasable => Object.hasOwn(rowsOfTopic, topic)

const partitionIn = (environment: Environment, topic: Erasable, subject: string): number =>
  topic === 'dead-letters' ? 0 : partitionOf(subject, Number(environment.facts.get(`partitions:${topic}`) ?? 1))

/** Behind the marks every group has finished its records: nobody reads them again but to run the past anew. */
const eraseFromLog = async (environment: Environment, subject: string, through: readonly Through[]) => {
  const letters = createDeadLetterCodec()
  const blankings = through.map(
    (own): Blanking => ({
      topic: own.topic,
      partition: own.partition,
      before: own.through + 1,
      isOurs: ({ key, value }) => {
        if (own.topic === 'device-events') return key === subject
        const letter = letters.decode(value)
        return letter.ok && letter.value.subject?.id === subject
      },
    }),
  )
  // What was told of it to the fleet stage: keyed by the device, without rows of its own.
  const progress = environment.progress.get(['fleet-stage', 'fleet-signals', 0])
  if (progress !== undefined && through.length > 0)
    blankings.push({ topic: 'fleet-signals', partition: 0, before: progress.next, isOurs: ({ key }) => key === subject })
  return { store: 'log', what: 'records (emptied in place)', count: await blankRecords(environment, blankings) }
}

/** Old copies of states and of their keys. Another device's message that names this one holds the id, too, and stays. */
const scrubLog = async (environment: Environment, subject: string, remains: string[]): Promise<void> => {
  const { path, root, chunks, bounds, facts, progress, states, segments } = environment
  const fill = {
    put: (number: number, zeros: Buffer) => facts.putSync(`~fill:${number}`, zeros.toString('latin1')),
    remove: (number: number) => facts.removeSync(`~fill:${number}`),
  }
  const databases = [chunks, bounds, facts, progress, states, segments]
  const left = await scrubFreePages({ path, root, databases, fill }, [Buffer.from(subject)])
  if (left > 0) remains.push(`the id ${subject} in log/data.mdb: in free pages until these are used again, or in what others sent`)
}

const whatRemains = (config: Config, subject: string): string[] => [
  `the id ${subject} alone in the files of the tables (dictionaries of words, the text of the deletion), until merges write them anew, and in free pages of keys/data.mdb`,
  `the log (log/data.mdb): messages of ${subject} that its retention (${config.LOG_RETENTION_HOURS} h) had taken away before may stand in free pages of the file until new records need them; their identifiers are sealed and cannot be opened any more`,
  'dead letters whose topic did not tell the device: sealed under the key of their day, which goes after its time',
  'backups and exports that were made before: they hold the key and the rows; delete them, or erase again after a restore',
]
