/**
 * Up to when everything that arrived is in the warehouse, for a query API without processors in its own program: read from
 * the ticks, which every partition gets every 5 s and which the device stage writes into `messages` like all else.
 */
import type { Part } from '../../runtime/lifecycle.ts'
import type { Composition } from '../composition.ts'

const askEveryMs = 1_000
/** Ticks older than this are not looked for: then the answer is that nothing is known. */
const lookBackSeconds = 86_400

export const completeThrough = ({ made, config, clock, readiness, warn }: Composition): Part => ({
  name: 'complete through',
  start: async () => {
    let throughMs: number | null = null
    let asking: Promise<void> | null = null
    const failed = warn('it cannot be read up to when the data are complete')
    const ask = async (): Promise<void> => {
      const rows = await made.warehouse.query<{ partition: number; tick_ms: number }>(
        `SELECT partition, toInt64(toUnixTimestamp64Milli(max(received_at))) AS tick_ms FROM messages
         WHERE tenant = {tenant:String} AND outcome = 'tick' AND log_id = {logId:String}
           AND received_at >= fromUnixTimestamp64Milli({fromMs:Int64}) GROUP BY partition`,
        { tenant: config.TENANT, logId: made.log.logId, fromMs: clock.nowMs() - lookBackSeconds * 1_000 },
      )
      throughMs = rows.length < made.log.partitionCount('device-events') ? null : Math.min(...rows.map(({ tick_ms }) => tick_ms))
    }
    made.completeThroughMs = () => throughMs
    readiness.push(async () => (throughMs === null ? ['processors'] : []))
    const timer = setInterval(() => {
      asking ??= ask()
        .catch(failed)
        .finally(() => {
          asking = null
        })
    }, askEveryMs)
    return async () => {
      clearInterval(timer)
      await asking
    }
  },
})
