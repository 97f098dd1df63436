/**
 * After the front door has started anew, wills of the sessions it had held are lost. So whoever was online under the former
 * instance and says nothing through 150 s of healthy ticks is `unknown`. Time is that of ticks: a replay decides the same.
 */
import type { TickBody } from '../../model/event.ts'

export type WatchState = {
  /** Front doors that were heard, by their name. */
  instances: Record<string, { startedAtMs: number; lastTickMs: number }>
  running: {
    instance: string
    startedAtMs: number
    lastTickMs: number
    /** Healthy time so far. */
    healthyMs: number
    /** Next shard of online devices to judge, once the time is over. */
    shard: number
  } | null
}

/** A fleet of 20,000 is back within 120 s; who comes in time shall not be `unknown` first. */
export const silentForMs = 150_000
/** A longer silence of the ticks themselves is no healthy time; missed ticks are not made up. */
const tickGapMaxMs = 15_000
/** Front doors remembered; those heard least recently are forgotten. */
export const instancesMax = 64

/** Takes a tick in, in place. True: the devices of the next shards are to be judged now. */
export const noteTick = (state: WatchState, tick: TickBody, atMs: number): boolean => {
  const known = state.instances[tick.instance]
  if (known?.startedAtMs === tick.instanceStartedAtMs) known.lastTickMs = atMs
  else startWatch(state, tick, atMs)

  const { running } = state
  if (running?.instance !== tick.instance) return false
  const passedMs = atMs - running.lastTickMs
  if (tick.brokerConnected && passedMs > 0 && passedMs <= tickGapMaxMs) running.healthyMs += passedMs
  running.lastTickMs = atMs
  if (running.healthyMs < silentForMs) return false
  const others = Object.entries(state.instances).filter(([name]) => name !== running.instance)
  if (others.some(([, other]) => other.lastTickMs > running.startedAtMs + tickGapMaxMs)) {
    state.running = null // Another one joined, none was replaced.
    return false
  }
  return true
}

export const endWatch = (state: WatchState): void => {
  const { running } = state
  if (running === null) return
  for (const name of Object.keys(state.instances)) if (name !== running.instance) Reflect.deleteProperty(state.instances, name)
  state.running = null
}

const startWatch = (state: WatchState, tick: TickBody, atMs: number): void => {
  const first = Object.keys(state.instances).length === 0
  // Ticks of a clock that was ahead came before this one all the same.
  for (const other of Object.values(state.instances)) other.lastTickMs = Math.min(other.lastTickMs, atMs)
  state.instances[tick.instance] = { startedAtMs: tick.instanceStartedAtMs, lastTickMs: atMs }
  if (!first) {
    state.running = { instance: tick.instance, startedAtMs: tick.instanceStartedAtMs, lastTickMs: atMs, healthyMs: 0, shard: 0 }
  }
  const names = Object.keys(state.instances)
  if (names.length <= instancesMax) return
  const tickOf = (name: string): number => state.instances[name]?.lastTickMs ?? 0
  const oldest = names.reduce((least, name) => (tickOf(name) < tickOf(least) ? name : least))
  Reflect.deleteProperty(state.instances, oldest)
}
