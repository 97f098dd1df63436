/**
 * Health and metrics at HTTP_LISTEN, from before anything else starts: what the start waits for can be asked. A program with
 * the query API gives the place to it when all the rest has started.
 */
import { startStatusServer } from '../../adapters/system/status-server.ts'
import { splitListen } from '../../runtime/config.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { type Composition, readinessOf } from '../composition.ts'

export const status = (composition: Composition): Part => ({
  name: 'status',
  start: async () => {
    const { config, metrics, urls, made } = composition
    const server = await startStatusServer({
      listen: splitListen(config.HTTP_LISTEN),
      readiness: () => readinessOf(composition),
      metricsText: () => metrics.registry.metrics(),
    })
    urls.page = server.url
    made.status = server
    return server.stop
  },
})
