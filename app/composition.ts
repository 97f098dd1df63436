/**
 * What the parts of a program share: its settings, its own counts, and what the parts that started earlier have made. Each
 * program is a list of parts (`recorder.ts`, `ingest-program.ts`, ...); a part takes what it needs from here and leaves what it
 * made. What a program lacks a part for is undefined, and nobody in it asks.
 */
import type { BridgeStats } from '../adapters/mqtt-bridge/bridge.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { TopicMap } from '../ingest/domain/topic-map.ts'
import type { KeepingRules } from '../model/keeping.ts'
import type { RuleSet } from '../model/rule.ts'
import type { Clock, DeviceLink, EventLog, SubjectKeys, Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import type { Stop } from '../runtime/lifecycle.ts'
import { describeError, type Logger } from '../runtime/logger.ts'
import { createMetrics, type Metrics } from '../runtime/metrics.ts'
import type { AdminToken } from './admin-token.ts'
import { loadKeepingRules } from './keeping-file.ts'
import type { NightlySample } from './nightly-sample.ts'
import type { ProcessorsThread } from './processors-thread.ts'
import { loadTopicMap } from './project-files.ts'
import { loadRuleSet } from './rules-file.ts'
import type { WarehouseAccess } from './warehouse-parts.ts'

export type Urls = { page: string; mqtt: string; mqttWs: string | null; mqtts: string | null; warehouse: string }

/** Filled by the parts as they start; each is used only by parts that start later. */
export type Made = {
  /** Answers at HTTP_LISTEN while the program starts; ended by the query API, which takes its place. */
  status: { stop: Stop }
  token: AdminToken
  log: EventLog
  keys: SubjectKeys
  warehouse: Warehouse
  warehouseAccess: WarehouseAccess
  processors: ProcessorsThread
  sample: NightlySample
  link: DeviceLink
  bridgeStats: (() => BridgeStats) | undefined
  completeThroughMs: () => number | null
}

export type Surroundings = {
  diskFreeBytes?: () => number
  /** `npm start -- --try`: a broker of others is only listened to. `onProblem` hears what it refused. */
  listenIn?: { onProblem: (error: Error) => void }
  /** Aborted when the program is to end: a start that still waits for a server gives up. */
  ending?: AbortSignal
}

export type Composition = {
  config: Config
  logger: Logger
  clock: Clock
  metrics: Metrics
  topicMap: TopicMap
  keepingRules: KeepingRules
  ruleSet: RuleSet
  /** What a test sets in the place of the machine. */
  surroundings: Surroundings
  /** A part says that the program cannot go on. */
  onFatal: (error: unknown) => void
  /** Logs a failure that is tried again. */
  warn: (what: string) => (error: unknown) => void
  /** Each part adds a question: what it waits for. Empty: nothing. */
  readiness: (() => Promise<readonly string[]>)[]
  urls: Urls
  made: Made
}

export const createComposition = (
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
  surroundings: Surroundings = {},
): Composition => ({
  config,
  logger,
  clock: systemClock,
  metrics: createMetrics(),
  topicMap: loadTopicMap(config.TOPICS_FILE),
  keepingRules: loadKeepingRules(config.KEEPING_FILE),
  ruleSet: loadRuleSet(config.RULES_DIR),
  surroundings,
  onFatal,
  warn: (what) => (error) => logger.warn(describeError(error), what),
  readiness: [],
  urls: { page: '', mqtt: '', mqttWs: null, mqtts: null, warehouse: '' },
  made: {} as Made,
})

/** The answer of `/readyz`. */
export const readinessOf = async ({ readiness }: Composition): Promise<{ ready: boolean; waitingFor: string[] }> => {
  const waitingFor = (await Promise.all(readiness.map((ask) => ask()))).flat()
  return { ready: waitingFor.length === 0, waitingFor }
}
