/** A few devices of both MQTT versions that publish readings with QoS 1, each in its own order, and know what was acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'

export type Device = { mac: string; protocol: '3.1.1' | '5' }

/** Three measurements each. */
export const readingOf = (seq: number): string => JSON.stringify({ bootId: 'b', seq, load1: 0.5, load5: 0.25, load15: 0.125 })

export const topicOf = (mac: string): string => `dwr/311-a1/${mac}/hardware/loadavg`

export const connectDevice = (url: string, { mac, protocol }: Device): Promise<MqttClient> =>
  connectAsync(url, { clientId: mac, protocolVersion: protocol === '5' ? 5 : 4, reconnectPeriod: 100 })

export type DevicePublisher = {
  /** By device: messages of sequence 1 to this are acknowledged. */
  acknowledged: ReadonlyMap<string, number>
  total: () => number
  /** Resolves when the last message is acknowledged. */
  stop: () => Promise<void>
}

/** Each device goes on after its `from`, one message after the other. */
export const startDevices = async (
  url: string,
  devices: readonly Device[],
  { from, everyMs }: { from: ReadonlyMap<string, number>; everyMs: number },
): Promise<DevicePublisher> => {
  const acknowledged = new Map(from)
  let going = true
  const goesOn = (): boolean => going
  const publish = async (client: MqttClient, mac: string): Promise<void> => {
    while (goesOn()) {
      const seq = (acknowledged.get(mac) ?? 0) + 1
      await client.publishAsync(topicOf(mac), readingOf(seq), { qos: 1 })
      acknowledged.set(mac, seq)
      await sleep(everyMs)
    }
    await client.endAsync()
  }
  const clients = await Promise.all(devices.map(async (device) => ({ mac: device.mac, client: await connectDevice(url, device) })))
  const running = Promise.all(clients.map(({ client, mac }) => publish(client, mac)))
  return {
    acknowledged,
    total: () => [...acknowledged.values()].reduce((sum, seq) => sum + seq, 0),
    stop: async () => {
      going = false
      await running
    },
  }
}
