/**
 * A planned fleet as one sequence of what reaches the broker, by simulated time: a heap over the routers, each of which knows when it
 * is heard next. Made without a clock, a network or MQTT, so it serves tests and evaluations as a generator too. One part of several
 * (`part`) is exactly what the whole says of those devices.
 */
import type { NoteTruth } from './coverage.ts'
import type { Plan } from './plan-types.ts'
import type { WorldEvent } from './outbound.ts'
import { createRouter, type Router } from './router.ts'

export type World = {
  /** Undefined after the end. Equal times come in the order of the devices. */
  next: () => WorldEvent | undefined
}

/** `part`: only devices whose index leaves this rest, for several cores. `note`: the truth that only shows as the world runs. */
export const createWorld = (plan: Plan, part: { index: number; of: number } = { index: 0, of: 1 }, note?: NoteTruth): World => {
  const routers: Router[] = []
  for (const device of plan.devices) if (device.index % part.of === part.index) routers.push(createRouter(plan, device, note))
  const keys = Float64Array.from(routers, (router) => router.nextAtMs())
  const heap = createIndexHeap(keys)
  return {
    next: () => {
      for (;;) {
        const index = heap.least()
        const router = routers[index]
        if (router === undefined || keys[index] === Infinity) return undefined
        const event = router.next()
        keys[index] = router.nextAtMs()
        heap.sink()
        if (event !== undefined) return event
      }
    },
  }
}

/** Of a plan all messages that a recorder would receive (wills too), for those who do not care for connections. */
export function* messagesOf(plan: Plan, part?: { index: number; of: number }, note?: NoteTruth): Generator<WorldEvent> {
  const world = createWorld(plan, part, note)
  for (let event = world.next(); event !== undefined; event = world.next()) if (event.topic !== '') yield event
}

/** Indexes of `keys`, the least on top; of equal ones the lower index. Only the top's key may change, then it sinks. */
const createIndexHeap = (keys: Float64Array): { least: () => number; sink: () => void } => {
  const order = Int32Array.from(keys, (_, index) => index)
  const at = (position: number): number => order[position] ?? 0
  const before = (a: number, b: number): boolean => {
    const x = keys[a] ?? 0
    const y = keys[b] ?? 0
    return x < y || (x === y && a < b)
  }
  const sinkFrom = (start: number): void => {
    const moved = at(start)
    let position = start
    for (;;) {
      let child = position * 2 + 1
      if (child >= order.length) break
      if (child + 1 < order.length && before(at(child + 1), at(child))) child++
      if (!before(at(child), moved)) break
      order[position] = at(child)
      position = child
    }
    order[position] = moved
  }
  for (let position = (order.length >> 1) - 1; position >= 0; position--) sinkFrom(position)
  return { least: () => at(0), sink: () => sinkFrom(0) }
}
