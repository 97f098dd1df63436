/**
 * The whole recorder on its embedded parts: which adapter fills which port, and in which order they start. Stops newest
 * first: no more requests, no more messages, the processors finish their batch, then the warehouse and the log close.
 */
import { randomUUID } from 'node:crypto'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { writeDoorFile } from '../adapters/chdb/door-file.ts'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { lockDataDir } from '../adapters/lmdb/data-dir-lock.ts'
import { randomIds, systemClock } from '../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../adapters/system/inflate.ts'
import { type ReasonCode, reasons } from '../ingest/domain/reasons.ts'
import { startIngest } from '../ingest/main.ts'
import { startQueryApi } from '../query-api/main.ts'
import { type Config, splitListen } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { startInOrder, type Stop } from '../runtime/lifecycle.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { createMetrics } from '../runtime/metrics.ts'
import { adminToken, isSameToken } from './admin-token.ts'
import { currentInventory } from './current-inventory.ts'
import { exporterOf } from './exporter.ts'
import { startKeeper } from './keeper.ts'
import { loadKeepingRules } from './keeping-file.ts'
import { type LinkParts, openLink } from './link-parts.ts'
import { type LogParts, openLogParts } from './log-parts.ts'
import { type NightlySample, startNightlySample } from './nightly-sample.ts'
import { startProcessorsThread } from './processors-thread.ts'
import { loadSchemaTexts, loadTopicMap } from './project-files.ts'
import { oncePerMinute } from './quiet-warnings.ts'
import { refuseUnfinishedRestore } from './restore-unfinished.ts'

export type Recorder = {
  urls: { page: string; mqtt: string; mqttWs: string | null; mqtts: string | null; warehouse: string }
  token: ReturnType<typeof adminToken>
  /** The nightly sample, at once. */
  verifySample: () => Promise<void>
  stop: Stop
}

const linkObservedEveryMs = 5_000

/**
 * Resolves when everything listens; rejects, with what had started rolled back, when a part cannot start. `surroundings` is
 * what a test sets in the place of the machine.
 */
export const startRecorder = async (
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
  surroundings: { diskFreeBytes?: () => number } = {},
): Promise<Recorder> => {
  const metrics = createMetrics()
  const topicMap = loadTopicMap(config.TOPICS_FILE)
  const keepingRules = loadKeepingRules(config.KEEPING_FILE)
  const schemas = loadSchemaTexts()
  const urls = { page: '', mqtt: '', mqttWs: null, mqtts: null, warehouse: '' } as Recorder['urls']
  const clock = systemClock
  const warn = (what: string) => (error: unknown) => logger.warn(describeError(error), what)

  const appendFailures = oncePerMinute(clock.nowMs, (error, times) =>
    logger.warn({ times, ...describeError(error) }, 'the log did not take messages; they were not acknowledged and come again'),
  )

  const logTrouble = (what: string): ((error: unknown) => void) =>
    oncePerMinute(clock.nowMs, (error, times) => logger.warn({ times, ...describeError(error) }, what)).tell

  // Filled by the parts as they start; each is used only by parts that start later.
  const made = {} as {
    token: ReturnType<typeof adminToken>
    log: LogParts['log']
    keys: LogParts['keys']
    warehouseAccess: { url: string; username: string; password: string }
    warehouse: ReturnType<typeof openWarehouse>
    processors: ReturnType<typeof startProcessorsThread>
    sample: NightlySample
    link: LinkParts['link']
    ingest: Awaited<ReturnType<typeof startIngest>>
  }

  const stop = await startInOrder(
    [
      {
        name: 'data folder',
        start: async () => {
          await refuseUnfinishedRestore(config.DATA_DIR)
          const unlock = lockDataDir(config.DATA_DIR, clock.nowMs())
          made.token = adminToken(config.ADMIN_TOKEN, config.DATA_DIR)
          return async () => unlock()
        },
      },
      {
        name: 'log',
        start: async () => {
          const parts = await openLogParts(config, clock, logTrouble, surroundings)
          made.log = parts.log
          made.keys = parts.keys
          return parts.close
        },
      },
      {
        name: 'warehouse',
        start: async () => {
          const child = await startWarehouseChild({
            dataDir: config.DATA_DIR,
            listen: splitListen(config.WAREHOUSE_LISTEN),
            adminToken: made.token.token,
            memoryBytesMax: config.WAREHOUSE_MEMORY_BYTES_MAX,
            onRestart: (reason) => {
              metrics.warehouseRestarts.inc()
              logger.warn({ reason }, 'the warehouse ended and is started again')
            },
          })
          urls.warehouse = child.publicUrl
          made.warehouseAccess = child.access
          made.warehouse = openWarehouse({ ...child.access, database: 'fleet' })
          await migrate(made.warehouse, { alone: true })
          const removeDoorFile = writeDoorFile(config.DATA_DIR, child.access)
          return async () => {
            removeDoorFile()
            await made.warehouse.close()
            await child.stop()
          }
        },
      },
      {
        name: 'processors',
        start: async () => {
          made.processors = startProcessorsThread({
            data: { config, warehouse: made.warehouseAccess },
            logger,
            metrics,
            onRefusedStart: ({ code, message }) => onFatal(new AppError(code, message)),
          })
          return made.processors.stop
        },
      },
      {
        name: 'keeping',
        start: async () =>
          startKeeper({
            warehouse: made.warehouse,
            rules: keepingRules,
            tenant: config.TENANT,
            clock,
            logger,
            metrics,
            lagRecords: made.processors.lagRecords,
          }),
      },
      {
        name: 'nightly sample',
        start: async () => {
          made.sample = startNightlySample({ config, publicUrl: urls.warehouse, logger, metrics, nowMs: clock.nowMs })
          return made.sample.stop
        },
      },
      {
        name: 'front door',
        start: async () => {
          const parts = await openLink(config, { filters: topicMap.filters, onProblem: warn('the front door has a problem'), surroundings })
          made.link = parts.link
          made.ingest = await startIngest({
            link: made.link,
            log: made.log,
            codec: createEventCodec(),
            encodeDeadLetter: deadLetters.encode,
            decodeDeadLetter: deadLetters.decode,
            keys: made.keys,
            ids: randomIds,
            clock,
            tenant: config.TENANT,
            topicMap,
            inflate: inflateBounded,
            instance: randomUUID(),
            currentInventory: currentInventory(made.warehouse, config.TENANT),
            counters: {
              accepted: () => metrics.messages.inc({ outcome: 'accepted' }),
              deadLettered: (reason) => {
                metrics.messages.inc({ outcome: 'dead_letter' })
                metrics.deadLetters.inc({ reason })
              },
              ignored: () => metrics.messages.inc({ outcome: 'ignored' }),
            },
            onAppendFailed: (error) => {
              metrics.acceptFailures.inc()
              appendFailures.tell(error)
            },
            onKeyExpiryFailed: warn('keys of old dead letters could not be erased'),
            onAccepted: (tookMs) => metrics.acceptSeconds.observe(tookMs / 1000),
          })
          const observing = setInterval(() => parts.observe(metrics), linkObservedEveryMs)
          Object.assign(urls, parts.urls)
          return async () => {
            clearInterval(observing)
            await made.link.stop()
            await made.ingest.stop()
          }
        },
      },
      {
        name: 'query API',
        start: async () => {
          const api = await startQueryApi(
            {
              warehouse: made.warehouse,
              clock,
              tenant: config.TENANT,
              listen: splitListen(config.HTTP_LISTEN),
              authenticate: async (bearer) => (isSameToken(bearer, made.token.token) ? { actor: 'admin' } : null),
              parse: made.ingest.parse,
              importInventory: made.ingest.importInventory,
              retire: made.ingest.retire,
              redrive: made.ingest.redrive,
              openSealed: made.keys.open,
              decodeFrame: createEventCodec().decode,
              completeThroughMs: made.processors.completeThroughMs,
              readiness: async () => {
                const waitingFor: string[] = []
                if (!made.link.health().connected) waitingFor.push('front door')
                if (made.processors.lagRecords() === null) waitingFor.push('processors')
                for (const { stage, partition, times } of made.processors.failing()) {
                  waitingFor.push(`a batch of ${stage}, partition ${partition}, that failed ${times} times`)
                }
                if (!(await answers(made.log.bounds('device-events', 0)))) waitingFor.push('log')
                if (!(await made.warehouse.ping())) waitingFor.push('warehouse')
                return { ready: waitingFor.length === 0, waitingFor }
              },
              metricsText: () => metrics.registry.metrics(),
              keepingRules,
              exporter: exporterOf(made.warehouseAccess),
              schemaText: (id) => schemas.get(id),
              explainReason: (code) => (Object.hasOwn(reasons, code) ? reasons[code as ReasonCode] : undefined),
            },
            logger.child({}, { level: 'warn' }), // Silent when healthy: no line about listening.
          )
          urls.page = api.url
          return api.stop
        },
      },
    ],
    (part, error) => logger.error({ part, ...describeError(error) }, 'a part did not stop in order'),
  )
  made.token.keep()
  return { urls, token: made.token, verifySample: made.sample.run, stop }
}

const deadLetters = createDeadLetterCodec()

const answersWithinMs = 2_000

const answers = async (asked: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), answersWithinMs)
  })
  const answered = asked.then(
    () => true,
    () => false,
  )
  return Promise.race([answered, tooLate]).finally(() => clearTimeout(timer))
}
