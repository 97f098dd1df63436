/**
 * While a broker is away its devices are neither online nor offline: whoever was online through it and cannot be heard for 150 s is
 * unknown, with the side of the fault as cause. Its next message makes it online again. Called with each tick (`run-record.ts`).
 */
import { silentForMs } from '../front-door-watch.ts'
import type { BrokerHealth } from '../watch/broker-health.ts'
import type { HealthState } from '../watch/ingest-health.ts'
import { become, type Judging, judgedPerTickMax, onlineShards } from './presence.ts'

export const judgeUnheard = (judging: Judging, { brokers = {} }: HealthState): void => {
  const { receivedAtMs } = judging.event
  for (const [name, { away }] of Object.entries(brokers))
    if (away !== undefined && away.shard < onlineShards && receivedAtMs - away.sinceMs >= silentForMs)
      judgeShards(judging, name, Object.keys(brokers).length === 1, away)
}

const judgeShards = (judging: Judging, broker: string, isOnly: boolean, away: NonNullable<BrokerHealth['away']>): void => {
  const { overlay, event } = judging
  let judged = 0
  while (away.shard < onlineShards && judged < judgedPerTickMax) {
    const shard = overlay.look('online', String(away.shard++))
    for (const id of [...(shard?.ids ?? [])].sort()) {
      judged++
      const core = overlay.look('core', id)
      if (core?.presence?.state !== 'online' || core.lastReceivedAtMs > away.sinceMs) continue
      if (!isOnly && (overlay.look('watched', id)?.door?.broker ?? '') !== broker) continue
      overlay.keep('core', id, core)
      become(
        { ...judging, core, subject: id },
        { ...core.presence, state: 'unknown', atMs: event.receivedAtMs, cause: away.fault },
        'front-door-away',
      )
    }
  }
}
