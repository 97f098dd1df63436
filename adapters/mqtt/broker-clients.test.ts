/** Clients as they are in the field: three generations of MQTT.js, MQTT 3.1, 3.1.1 and 5, TCP and WebSocket. */
import type { MqttClient } from 'mqtt'
import * as mqtt3 from 'mqtt3'
import * as mqtt4 from 'mqtt4'
import * as mqtt5 from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { eventually, makePlace, type Place } from './broker-harness.ts'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.clean())

type Connect = (url: string, options: Record<string, unknown>) => MqttClient
const connectOf = (module: unknown): Connect => {
  const { connect, default: whole } = module as { connect?: Connect; default?: { connect: Connect } }
  const found = connect ?? whole?.connect
  if (!found) throw new Error('no connect function')
  return found
}
const publish = (client: MqttClient, topic: string, qos: 0 | 1 | 2): Promise<void> =>
  new Promise((resolve, reject) => client.publish(topic, 'x', { qos }, (error) => (error ? reject(error) : resolve())))
const subscribe = (client: MqttClient, filter: string): Promise<void> =>
  new Promise((resolve, reject) => client.subscribe(filter, { qos: 2 }, (error) => (error ? reject(error) : resolve())))

const versions = { 'MQTT.js 3': mqtt3, 'MQTT.js 4': mqtt4, 'MQTT.js 5': mqtt5 }
const protocols = [
  ['3.1', { protocolId: 'MQIsdp', protocolVersion: 3 }],
  ['3.1.1', { protocolVersion: 4 }],
  ['5', { protocolVersion: 5 }],
] as const

describe.each(Object.entries(versions))('%s', (_name, module) => {
  describe.each(protocols)('with MQTT %s', (_version, protocol) => {
    it.each(['tcp', 'WebSocket'])('publishes and gets all three QoS over %s', async (transport) => {
      const running = await place.start()
      const url = transport === 'tcp' ? running.url : running.webSocketUrl
      const client = connectOf(module)(url, { ...protocol, clientId: 'c', reconnectPeriod: 0 })
      try {
        await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject))
        const got: string[] = []
        client.on('message', (topic: string, _payload: Buffer, { qos }: { qos: number }) => got.push(`${topic} ${qos}`))
        await subscribe(client, 'q/+')
        for (const qos of [0, 1, 2] as const) await publish(client, `q/${qos}`, qos)
        await eventually(() => expect(got).toEqual(['q/0 0', 'q/1 1', 'q/2 2']))
        expect(running.messages.map((m) => [m.topic, m.qos])).toEqual([
          ['q/0', 0],
          ['q/1', 1],
          ['q/2', 2],
        ])
      } finally {
        await new Promise<void>((resolve) => client.end(true, {}, () => resolve()))
      }
    })
  })
})

describe('MQTT 5', () => {
  it('says in its CONNACK what it takes', async () => {
    const { raw } = await place.start()
    const device = await raw()
    await device.connect({ protocolVersion: 5 })
    expect(device.packets).toMatchObject([
      {
        reasonCode: 0,
        properties: {
          maximumPacketSize: 16 * 1024 * 1024,
          receiveMaximum: 2_000,
          topicAliasMaximum: 16,
          sharedSubscriptionAvailable: false,
        },
      },
    ])
  })

  it('resolves topic aliases before a message is handed over', async () => {
    const { raw, messages } = await place.start()
    const device = await raw()
    await device.connect({ protocolVersion: 5 })
    const packet = { cmd: 'publish', payload: 'x', qos: 1, dup: false, retain: false, properties: { topicAlias: 3 } } as const
    device.write({ ...packet, topic: 'long/topic', messageId: 1 })
    device.write({ ...packet, topic: '', messageId: 2 })
    await device.waitFor('puback', 2)
    expect(messages.map((m) => m.topic)).toEqual(['long/topic', 'long/topic'])
  })

  it('keeps user properties on their way to subscribers, and does not echo to a no-local subscription', async () => {
    const { client } = await place.start()
    const [a, b] = [await client({ protocolVersion: 5 }), await client({ protocolVersion: 5 })]
    const got: unknown[] = []
    a.on('message', () => got.push('echo'))
    b.on('message', (_topic, _payload, { properties }) => got.push(properties?.userProperties))
    await a.subscribeAsync('t', { qos: 1, nl: true })
    await b.subscribeAsync('t', { qos: 1 })
    await a.publishAsync('t', 'x', { qos: 1, properties: { userProperties: { site: 'north' } } })
    await eventually(() => expect(got).toEqual([expect.objectContaining({ site: 'north' })]))
  })

  it('is not sent a packet that is larger than it takes', async () => {
    const { client } = await place.start()
    const small = await client({ protocolVersion: 5, properties: { maximumPacketSize: 100 } })
    const got: string[] = []
    small.on('message', (_topic, payload) => got.push(payload.toString()))
    await small.subscribeAsync('t', { qos: 0 })
    const device = await client()
    for (const text of ['x'.repeat(100), 'fits']) await device.publishAsync('t', text, { qos: 1 })
    await eventually(() => expect(got).toEqual(['fits']))
  })

  it('refuses a shared subscription, as its CONNACK said', async () => {
    const { raw } = await place.start()
    const device = await raw()
    await device.connect({ protocolVersion: 5 })
    device.write({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '$share/g/a', qos: 1 }] })
    expect(await device.waitFor('suback')).toMatchObject([{ granted: [0x9e] }])
  })
})
