/**
 * The rules of the files come into force: at each start one record to every partition. A stage that has them already passes it
 * over. So what judges stands in the log beside what is judged, and a replay judges by the rules of its time.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { ownSource } from '../model/own-source.ts'
import type { Clock, EventCodec, EventLog, Ids } from '../model/ports.ts'
import type { RuleSet } from '../model/rule.ts'
import { hash53 } from '../processors/domain/hash.ts'
import { tickKey } from '../processors/rebuild.ts'

export type ActivateDeps = { log: EventLog; codec: EventCodec; ids: Ids; clock: Clock; tenant: string; onError: (error: unknown) => void }

const againAfterMs = 5_000

/** Goes on in the background while the log takes nothing (a full disk, Kafka away). Returns stop. */
export const startActivatingRules = (deps: ActivateDeps, ruleSet: RuleSet): (() => Promise<void>) => {
  const stopping = new AbortController()
  const activate = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await appendRules(deps, ruleSet)
        return
      } catch (error) {
        deps.onError(error)
        await delay(againAfterMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      }
    }
  }
  const activating = activate()
  return async () => {
    stopping.abort()
    await activating
  }
}

export const appendRules = async ({ log, codec, ids, clock, tenant }: Omit<ActivateDeps, 'onError'>, ruleSet: RuleSet): Promise<void> => {
  const text = JSON.stringify(ruleSet)
  const value = codec.encode({
    eventId: ids.eventId(),
    tenant,
    subject: { kind: 'fleet', id: tickKey },
    observedAtMs: null,
    receivedAtMs: clock.nowMs(),
    bootId: null,
    seq: null,
    uptimeSeconds: null,
    source: ownSource('recorder', null),
    bodies: [{ kind: 'RuleActivated', version: hash53(text, '').toString(36), ruleSet: text }],
    payload: { encoding: 'none', bytes: new Uint8Array(0) },
  })
  const partitions = log.partitionCount('device-events')
  await log.append(
    'device-events',
    Array.from({ length: partitions }, (_, partition) => ({ partition, key: tickKey, value })),
  )
}
