/**
 * Since when devices can reach us without a break, told by ticks alone. While none of the front doors reports its broker, and
 * when the ticks themselves were missing, absence says nothing about devices; when that ends, a front door starts or joins,
 * each device gets one deadline of grace. So a restart of broker or recorder raises no device alarm.
 */
import type { TickBody } from '../../../model/event.ts'
import type { OutsideBroker } from '../../../model/front-door.ts'
import { instancesMax } from '../front-door-watch.ts'
import { type BrokersHealth, type FrontDoorHealth, noteBrokers } from './broker-health.ts'

/** By the stage's time: `sinceMs` null while no front door has its broker, though some broker may be there. */
export type HealthState = BrokersHealth & {
  /** The newest tick. */
  heardMs: number
}

/** Three ticks: who is silent for longer is not there. */
export const freshMs = 15_000

export const initialHealth = (): HealthState => ({ sinceMs: null, heardMs: 0, instances: {} })

export const noteHealth = (state: HealthState, tick: TickBody, nowMs: number, outside: OutsideBroker | null = null): void => {
  const { instances } = state
  const isGap = nowMs - state.heardMs > freshMs
  for (const [name, { tickMs }] of Object.entries(instances))
    if (nowMs - tickMs > freshMs || tickMs - nowMs > freshMs) Reflect.deleteProperty(instances, name)
  const known = instances[tick.instance]
  const isStart = known?.startedAtMs !== tick.instanceStartedAtMs
  if (isStart && known === undefined && Object.keys(instances).length >= instancesMax) return
  instances[tick.instance] = {
    startedAtMs: tick.instanceStartedAtMs,
    tickMs: nowMs,
    healthyMs: tick.brokerConnected ? nowMs : isStart ? 0 : known.healthyMs,
    ...outside,
  }
  state.heardMs = nowMs
  const isHealthy = ({ healthyMs }: FrontDoorHealth): boolean => nowMs - healthyMs <= freshMs
  if (!Object.values(instances).some(isHealthy)) state.sinceMs = null
  else if (isGap || isStart || state.sinceMs === null) state.sinceMs = nowMs
  noteBrokers(state, { instance: tick.instance, isStart, isGap }, isHealthy, nowMs)
}
