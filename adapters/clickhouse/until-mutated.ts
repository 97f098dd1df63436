/** Waits for the engine's mutations of a table: parts are written anew in the background, and go on when the caller is killed. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Warehouse } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'

const askEveryMsMin = 5
const askEveryMsMax = 200
const withinMs = 3_600_000

/** Resolves when none is open. `doing` begins the message of a failure: "deleting rows of". */
export const untilMutated = async (warehouse: Warehouse, table: string, doing: string): Promise<void> => {
  let askEveryMs = askEveryMsMin
  for (const until = performance.now() + withinMs; ; ) {
    const open = await warehouse.query<{ reason: string }>(
      `SELECT latest_fail_reason AS reason FROM system.mutations WHERE database = 'fleet' AND table = {table:String} AND NOT is_done`,
      { table },
    )
    if (open.length === 0) return
    const failed = open.find(({ reason }) => reason !== '')
    if (failed) throw new AppError('WAREHOUSE_REFUSED', `${doing} ${table}: ${failed.reason}`)
    if (performance.now() > until) throw new AppError('WAREHOUSE_UNAVAILABLE', `${doing} ${table} took more than an hour`)
    await delay(askEveryMs)
    askEveryMs = Math.min(askEveryMs * 2, askEveryMsMax)
  }
}
