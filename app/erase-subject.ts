/**
 * Erases one device or place: key, rows of every table and rollup, inventory, the stages' states, the broker's messages. The
 * log cannot be changed; what stands in it sealed is closed for ever with the key, and the report names what remains in
 * clear. Works on the running recorder, which goes on meanwhile, and on a stopped one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { countRows, deleteRows, dropOldParts, subjectTables } from '../adapters/clickhouse/delete-rows.ts'
import { openBrokerStore } from '../adapters/lmdb/broker-traces.ts'
import { type Environment, openEnvironment } from '../adapters/lmdb/environment.ts'
import { whenQuiet } from '../adapters/lmdb/quiet-copy.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { backlogOf, endsOf, removeSubjectStates } from '../adapters/lmdb/subject-states.ts'
import { clearRetained } from '../adapters/mqtt/clear-retained.ts'
import { parseMac } from '../ingest/domain/mac.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { openOperatorWarehouse } from './operator-warehouse.ts'

export type ErasureReport = {
  subject: string
  erasedAt: string
  running: boolean
  /** Stores that were searched, and what was deleted in each. */
  touched: { store: string; what: string; count: number }[]
  /** What is still there, and until when. */
  remains: string[]
}

const stageWithinMs = 120_000
const quietWithinMs = 60_000

export const eraseSubject = async (config: Config, name: string): Promise<ErasureReport> => {
  const subject = parseMac(name) ?? name
  const operator = await openOperatorWarehouse(config)
  const environment = openEnvironment(config.DATA_DIR)
  try {
    const { warehouse, running } = operator
    const touched: ErasureReport['touched'] = []
    const remains: string[] = []
    touched.push(await eraseKey(config.DATA_DIR, subject))
    await eraseAtBroker(config, subject, running, touched, remains)
    // What is in the log already becomes rows first: else they would appear after the deletion.
    const behind = await waitForStages(environment, running)
    if (behind > 0)
      remains.push(
        `${behind} records of the log are not in the tables yet and become rows at the next start: start the recorder and erase again`,
      )
    const letterDays = await deadLetterDays(warehouse, subject)
    await eraseRows(warehouse, environment, subject, touched, remains)
    remains.push(...whatTheLogKeeps(config, subject, letterDays))
    return { subject, erasedAt: new Date().toISOString(), running, touched, remains }
  } finally {
    await environment.close()
    await operator.close()
  }
}

const eraseKey = async (dataDir: string, subject: string) => {
  const keys = openSubjectKeys(dataDir)
  try {
    return { store: 'keys', what: 'key', count: Number(await keys.erase(subject)) }
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
  const ends = endsOf(environment)
  if (!running) return backlogOf(environment, ends)
  for (const until = performance.now() + stageWithinMs; ; ) {
    const behind = backlogOf(environment, ends)
    if (behind === 0) return 0
    if (performance.now() > until)
      throw new Error(`The key is erased, rows are not: the processors are ${behind} records behind. Erase again when they have caught up`)
    await delay(50)
  }
}

const eraseRows = async (
  warehouse: Warehouse,
  environment: Environment,
  subject: string,
  touched: ErasureReport['touched'],
  remains: string[],
): Promise<void> => {
  const changed: string[] = []
  for (const { table, column } of await subjectTables(warehouse)) {
    const count = await countRows(warehouse, table, column, subject)
    if (count > 0) {
      await deleteRows(warehouse, table, column, subject)
      changed.push(table)
    }
    touched.push({ store: 'warehouse', what: `rows of ${table}`, count })
  }
  const states = await whenQuiet(environment, quietWithinMs, async () => {
    await dropOldParts(warehouse, changed)
    return removeSubjectStates(environment, subject)
  })
  if (states === null) remains.push('states of the stages and old parts of the tables: no moment without an insert came; erase again')
  else touched.push({ store: 'log', what: 'states of the stages', count: states })
  for (const { table, column } of await subjectTables(warehouse)) {
    const count = await countRows(warehouse, table, column, subject)
    if (count > 0) remains.push(`${count} rows of ${table} that came meanwhile: the device still sends. Stop it and erase again`)
  }
}

const deadLetterDays = async (warehouse: Warehouse, subject: string): Promise<string[]> => {
  const days = await warehouse.query<{ day: string }>(
    'SELECT DISTINCT toString(toDate(received_at)) AS day FROM dead_letters WHERE subject = {subject:String} ORDER BY day',
    { subject },
  )
  return days.map(({ day }) => day)
}

const whatTheLogKeeps = (config: Config, subject: string, letterDays: readonly string[]): string[] => [
  `the log (log/data.mdb), until its retention (${config.LOG_RETENTION_HOURS} h or ${config.LOG_RETENTION_BYTES_MAX} bytes): the id ${subject}, topics and payloads that hold no personal identifier, and inventory changes (name, serial, aliases) in clear; identifiers are sealed and cannot be opened any more`,
  ...(letterDays.length === 0
    ? []
    : [
        `dead letters in the log, sealed under the keys of their days, which other devices share: ${letterDays.map((day) => `dead-letters:${day}`).join(', ')}`,
      ]),
  'backups and exports that were made before: they hold the key and the rows; delete them, or erase again after a restore',
]
