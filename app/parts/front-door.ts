/** The front door: the link to the devices, and `ingest` behind it. */
import { randomUUID } from 'node:crypto'
import { startIngest } from '../../ingest/main.ts'
import type { Part } from '../../runtime/lifecycle.ts'
import { describeError } from '../../runtime/logger.ts'
import type { Composition } from '../composition.ts'
import { openLink } from '../link-parts.ts'
import { oncePerMinute } from '../quiet-warnings.ts'
import { acceptDeps } from './accept-deps.ts'

const linkObservedEveryMs = 5_000

export const frontDoor = (composition: Composition): Part => ({
  name: 'front door',
  start: async () => {
    const { config, clock, logger, metrics, topicMap, surroundings, readiness, urls, warn, made } = composition
    const appendFailures = oncePerMinute(clock.nowMs, (error, times) =>
      logger.warn({ times, ...describeError(error) }, 'the log did not take messages; they were not acknowledged and come again'),
    )
    const { listenIn } = surroundings
    const parts = await openLink(config, {
      filters: topicMap.filters,
      listenIn: listenIn !== undefined,
      onProblem: listenIn?.onProblem ?? warn('the front door has a problem'),
      surroundings,
    })
    const { link } = parts
    made.link = link
    made.bridgeStats = parts.bridgeStats
    const ingest = await startIngest({
      ...acceptDeps(composition),
      link,
      clock,
      instance: randomUUID(),
      onAppendFailed: (error) => {
        metrics.acceptFailures.inc()
        appendFailures.tell(error)
      },
      onKeyExpiryFailed: warn('keys of old dead letters could not be erased'),
      onAccepted: (tookMs) => metrics.acceptSeconds.observe(tookMs / 1000),
    })
    readiness.push(async () => {
      const { connected, waitsFor } = link.health()
      if (connected) return []
      return [waitsFor === undefined ? 'front door' : `front door: ${waitsFor}`]
    })
    const observing = setInterval(() => parts.observe(metrics), linkObservedEveryMs)
    Object.assign(urls, parts.urls)
    return async () => {
      clearInterval(observing)
      await link.stop()
      await ingest.stop()
    }
  },
})
