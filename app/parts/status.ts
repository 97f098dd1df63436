/** Health and metrics of a program without the query API, at HTTP_LISTEN. */
import { startStatusServer } from '../../adapters/system/status-server.ts'
import { splitListen } from '../../runtime/config.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { type Composition, readinessOf } from '../composition.ts'

export const status = (composition: Composition): Part => ({
  name: 'status',
  start: async () => {
    const { config, metrics, urls } = composition
    const server = await startStatusServer({
      listen: splitListen(config.HTTP_LISTEN),
      readiness: () => readinessOf(composition),
      metricsText: () => metrics.registry.metrics(),
    })
    urls.page = server.url
    return server.stop
  },
})
