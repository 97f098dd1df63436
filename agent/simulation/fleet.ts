/**
 * The whole fleet as one endless, deterministic sequence of messages: devices take turns, message k is due at
 * start + k / rate. The same options give the same messages, byte for byte.
 */
import { createNetwork, type Network } from './cells.ts'
import { createDevice, type SimulatedDevice, type SimulatedMessage } from './device.ts'

export type FleetOptions = { devices: number; ratePerSecond: number; seed: number; startMs: number }
export type FleetMessage = SimulatedMessage & { deviceIndex: number; atMs: number }
export type Fleet = { network: Network; devices: readonly SimulatedDevice[]; next: () => FleetMessage }

const gridColumns = 5

export const createFleet = ({ devices: deviceCount, ratePerSecond, seed, startMs }: FleetOptions): Fleet => {
  const network = createNetwork(gridColumns)
  const devices = Array.from({ length: deviceCount }, (_, index) => createDevice(index, seed, network, startMs))
  let count = 0
  return {
    network,
    devices,
    next: () => {
      const deviceIndex = count % deviceCount
      const atMs = startMs + (count * 1000) / ratePerSecond
      count++
      const device = devices[deviceIndex]
      if (device === undefined) throw new Error(`Expected at least one device, got ${deviceCount}`)
      return { ...device.next(atMs), deviceIndex, atMs }
    },
  }
}
