/**
 * Up to when everything that arrived is in the warehouse, for a query API without processors in its own program: read from
 * the ticks, which every partition gets every 5 s and which the device stage writes into `messages` like all else.
 */
import type { EventLog, Warehouse } from '../../model/ports.ts'
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
      throughMs = await readCompleteThrough({ warehouse: made.warehouse, log: made.log, tenant: config.TENANT, nowMs: clock.nowMs() })
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

type Asked = { warehouse: Warehouse; log: Pick<EventLog, 'logId' | 'partitionCount'>; tenant: string; nowMs: number }

/**
 * Null: some partition has no tick of the last day. Of a partition the last tick in the log counts, not the greatest: a clock may
 * have been ahead; and what a tick tells of the time to come is not true yet.
 */
export const readCompleteThrough = async ({ warehouse, log, tenant, nowMs }: Asked): Promise<number | null> => {
  const rows = await warehouse.query<{ partition: number; tick_ms: number }>(
    `SELECT partition, toInt64(toUnixTimestamp64Milli(argMax(received_at, offset))) AS tick_ms FROM messages
     WHERE tenant = {tenant:String} AND outcome = 'tick' AND log_id = {logId:String}
       AND received_at >= fromUnixTimestamp64Milli({fromMs:Int64}) GROUP BY partition`,
    { tenant, logId: log.logId, fromMs: nowMs - lookBackSeconds * 1_000 },
  )
  return rows.length < log.partitionCount('device-events') ? null : Math.min(nowMs, ...rows.map(({ tick_ms }) => tick_ms))
}
