/** The warehouse, with its tables brought to the newest form. */
import type { Part } from '../../runtime/lifecycle.ts'
import type { Composition } from '../composition.ts'
import { openWarehouseParts } from '../warehouse-parts.ts'

export const warehouse = ({ config, logger, metrics, readiness, urls, made }: Composition): Part => ({
  name: 'warehouse',
  start: async () => {
    const parts = await openWarehouseParts(config, {
      adminToken: made.token.token,
      onRestart: (reason) => {
        metrics.warehouseRestarts.inc()
        logger.warn({ reason }, 'the warehouse ended and is started again')
      },
    })
    urls.warehouse = parts.url
    made.warehouse = parts.warehouse
    made.warehouseAccess = parts.access
    readiness.push(async () => ((await made.warehouse.ping()) ? [] : ['warehouse']))
    return parts.close
  },
})
