/** The processors on their thread; what is kept for how long; the nightly sample. */
import { createEventCodec } from '../../adapters/avro/event-codec.ts'
import { randomIds } from '../../adapters/system/clock-ids-digest.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { startActivatingRules } from '../activate-rules.ts'
import type { Composition } from '../composition.ts'
import { startKeeper } from '../keeper.ts'
import { startNightlySample } from '../nightly-sample.ts'
import { startProcessorsThread } from '../processors-thread.ts'

export const processors = ({ config, clock, logger, metrics, onFatal, warn, ruleSet, readiness, made }: Composition): Part => ({
  name: 'processors',
  start: async () => {
    const stopActivating = startActivatingRules(
      {
        log: made.log,
        codec: createEventCodec(),
        ids: randomIds,
        clock,
        tenant: config.TENANT,
        onError: warn('the rules could not be put into force and are tried again'),
      },
      ruleSet,
    )
    const thread = startProcessorsThread({
      data: { config, warehouse: made.warehouseAccess },
      logger,
      metrics,
      onRefusedStart: ({ code, message }) => onFatal(new AppError(code, message)),
    })
    made.processors = thread
    made.completeThroughMs = thread.completeThroughMs
    readiness.push(async () => [
      ...(thread.lagRecords() === null ? ['processors'] : []),
      ...thread.failing().map(({ stage, partition, times }) => `a batch of ${stage}, partition ${partition}, that failed ${times} times`),
    ])
    return async () => {
      await stopActivating()
      await thread.stop()
    }
  },
})

export const keeping = ({ config, clock, logger, metrics, keepingRules, made }: Composition): Part => ({
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
})

export const nightlySample = ({ config, clock, logger, metrics, urls, made }: Composition): Part => ({
  name: 'nightly sample',
  start: async () => {
    // The comparison reads the embedded log and the embedded engine's read-only door.
    if (config.KAFKA_BROKERS !== '' || config.CLICKHOUSE_URL !== '') {
      made.sample = { run: () => Promise.resolve(), stop: () => Promise.resolve() }
      return made.sample.stop
    }
    made.sample = startNightlySample({ config, publicUrl: urls.warehouse, logger, metrics, nowMs: clock.nowMs })
    return made.sample.stop
  },
})
