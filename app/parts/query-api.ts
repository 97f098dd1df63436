/** The query API and the page, with what it needs of ingest. */
import { createEventCodec } from '../../adapters/avro/event-codec.ts'
import { type ReasonCode, reasons } from '../../ingest/domain/reasons.ts'
import { createIngestTools } from '../../ingest/main.ts'
import { startQueryApi } from '../../query-api/main.ts'
import { splitListen } from '../../runtime/config.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { isSameToken } from '../admin-token.ts'
import { type Composition, readinessOf } from '../composition.ts'
import { currentInventory } from '../current-inventory.ts'
import { exporterOf } from '../exporter.ts'
import { loadSchemaTexts } from '../project-files.ts'
import { acceptDeps } from './accept-deps.ts'

export const queryApi = (composition: Composition): Part => ({
  name: 'query API',
  start: async () => {
    const { config, clock, logger, metrics, keepingRules, urls, made } = composition
    const tools = createIngestTools({
      ...acceptDeps(composition),
      clock,
      currentInventory: currentInventory(made.warehouse, config.TENANT),
    })
    const schemas = loadSchemaTexts()
    await made.status.stop()
    const api = await startQueryApi(
      {
        warehouse: made.warehouse,
        clock,
        tenant: config.TENANT,
        listen: splitListen(config.HTTP_LISTEN),
        authenticate: async (bearer) => (isSameToken(bearer, made.token.token) ? { actor: 'admin' } : null),
        ...tools,
        openSealed: made.keys.open,
        decodeFrame: createEventCodec().decode,
        completeThroughMs: made.completeThroughMs,
        channel: () => channelNow(composition),
        readiness: () => readinessOf(composition),
        metricsText: () => metrics.registry.metrics(),
        keepingRules,
        rules: composition.ruleSet.rules,
        ruleOverrides: composition.ruleSet.overrides,
        exporter: exporterOf(made.warehouseAccess),
        schemaText: (id) => schemas.get(id),
        explainReason: (code) => (Object.hasOwn(reasons, code) ? reasons[code as ReasonCode] : undefined),
      },
      logger.child({}, { level: 'warn' }), // Silent when healthy: no line about listening.
    )
    urls.page = api.url
    return api.stop
  },
})

/** Undefined processors: another program sends. */
const channelNow = ({ config, made }: Composition) => {
  const { processors } = made as Partial<Composition['made']>
  const outputs = processors?.outputs() ?? null
  return outputs === null ? null : { ...outputs, configured: config.WEBHOOK_URL !== '' }
}
