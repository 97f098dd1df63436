import { expect, it } from 'vitest'
import type { DeviceEvent } from '../model/event.ts'
import { outsideBrokerOf } from '../model/front-door.ts'
import type { DeviceLink } from '../model/ports.ts'
import { createBench, eventCodec } from '../test/stage-fakes.ts'
import { startTicks } from './ticks.ts'

const firstTick = async (health: ReturnType<DeviceLink['health']>): Promise<DeviceEvent | null> => {
  const { log } = createBench()
  const deps = {
    log,
    codec: eventCodec,
    ids: { eventId: () => new Uint8Array(16) },
    clock: { nowMs: () => 1_767_614_400_000 },
    tenant: 'main',
    instance: 'front-1',
    health: () => health,
  }
  const stop = await startTicks(deps, (error) => {
    throw error
  })
  await stop()
  for await (const { value } of log.read('device-events', 0, 0, 1)) {
    const decoded = eventCodec.decode(value)
    if (decoded.ok) return decoded.event
  }
  return null
}

it('a bridge tells with its tick which broker it is for, and whose fault it is that it is away', async () => {
  const outside = { broker: 'mqtts://one.example:8883', clientId: 'fleet-recorder', fault: 'our-bridge' } as const
  const tick = await firstTick({ connected: false, lastMessageAtMs: null, connections: 0, outside })
  expect(tick?.bodies.map(({ kind }) => kind)).toEqual(['Tick', 'Facts'])
  expect(outsideBrokerOf(tick?.bodies ?? [])).toEqual(outside)
})

it('an embedded broker tells nothing beside the tick', async () => {
  const tick = await firstTick({ connected: true, lastMessageAtMs: null, connections: 3 })
  expect(tick?.bodies).toEqual([
    { kind: 'Tick', instance: 'front-1', counter: 0, instanceStartedAtMs: 1_767_614_400_000, brokerConnected: true, lastMessageAtMs: null },
  ])
  expect(outsideBrokerOf(tick?.bodies ?? [])).toBeNull()
})
