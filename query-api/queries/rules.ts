/** When which rules came into force: each start of the recorder tells the log the rules that it judges by, whether they changed or not. */
import { msOf, type Scope, timeParam } from './scope.ts'

export type ActivationRow = { activated_ms: number; partition: number; offset: number; frame_base64: string }

/** Of the whole fleet, beside its ticks. */
const toldOf = "tenant = {tenant:String} AND subject = 'all' AND outcome = 'rules'"
const columns = `${msOf('received_at')} AS activated_ms, toUInt32(partition) AS partition, toFloat64(offset) AS offset, base64Encode(frame) AS frame_base64`

/** The last by then; undefined where none is known. */
export const rulesInForce = async ({ warehouse, tenant }: Scope, atMs: number): Promise<ActivationRow | undefined> =>
  (
    await warehouse.query<ActivationRow>(
      `SELECT ${columns} FROM messages WHERE ${toldOf} AND received_at <= ${timeParam('at_ms')} ORDER BY messages.received_at DESC, messages.offset DESC LIMIT 1`,
      { tenant, at_ms: atMs },
    )
  )[0]

/** Null: none yet. */
export const firstActivationMs = async ({ warehouse, tenant }: Scope): Promise<number | null> =>
  (
    await warehouse.query<{ activated_ms: number }>(
      `SELECT ${msOf('received_at')} AS activated_ms FROM messages WHERE ${toldOf} ORDER BY messages.received_at LIMIT 1`,
      { tenant },
    )
  )[0]?.activated_ms ?? null
