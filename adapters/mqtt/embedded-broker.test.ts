import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deviceLinkContract } from '../device-link.contract.ts'
import { eventually, makePlace, type Place } from './broker-harness.ts'

deviceLinkContract('the embedded broker', async () => {
  const place = makePlace()
  const running = await place.start()
  const device = await running.client({ clientId: 'device', clean: false })
  return {
    link: running.broker,
    publish: async (topic, payload, qos, retain = false) => {
      await device.publishAsync(topic, payload, { qos, retain })
    },
    subscribe: async (topic, onPayload) => {
      device.on('message', (_topic, payload) => onPayload(payload.toString()))
      await device.subscribeAsync(topic, { qos: 1 })
    },
    close: place.clean,
  }
})

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.clean())

describe('acknowledgements', () => {
  it('come in the order of arrival, whatever order the handler resolves in', async () => {
    const { broker, raw } = await place.start()
    const held: (() => void)[] = []
    broker.onMessage(() => new Promise((resolve) => held.push(resolve)))
    const device = await raw()
    await device.connect()
    for (const messageId of [11, 12, 13]) {
      device.write({ cmd: 'publish', topic: 'a', payload: 'x', qos: 1, dup: false, retain: false, messageId })
    }
    await eventually(() => expect(held).toHaveLength(3))
    held[2]?.()
    held[1]?.()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(device.packets.filter((p) => p.cmd === 'puback')).toEqual([])
    held[0]?.()
    expect((await device.waitFor('puback', 3)).map((p) => p.messageId)).toEqual([11, 12, 13])
  })

  it('are not given while there is no handler: the device keeps its message', async () => {
    const { broker, client, messages } = await place.start({}, true)
    const device = await client({ protocolVersion: 5, clientId: 'd', clean: false, properties: { sessionExpiryInterval: 60 } })
    const published = device.publishAsync('a', 'early', { qos: 1 })
    await eventually(() => expect(broker.stats().refused['notReady']).toBeGreaterThan(0))
    broker.onMessage(async (message) => {
      messages.push(message)
    })
    await published
    expect(messages.map((m) => m.topic)).toEqual(['a'])
  })

  it('never come after a rejected message, and the connection is closed', async () => {
    const { broker, raw } = await place.start()
    let n = 0
    broker.onMessage(async () => {
      if (++n === 2) throw new Error('the log is down')
    })
    const device = await raw()
    await device.connect()
    for (const messageId of [1, 2, 3]) {
      device.write({ cmd: 'publish', topic: 'a', payload: 'x', qos: 1, dup: false, retain: false, messageId })
    }
    await eventually(() => expect(device.closed()).toBe(true))
    expect(device.packets.filter((p) => p.cmd === 'puback').every((p) => p.messageId === 1)).toBe(true)
    expect(broker.stats().handlerRejections).toBe(1)
  })
})

describe('QoS 2', () => {
  const publish = (messageId: number, dup: boolean) =>
    ({ cmd: 'publish', topic: 'a', payload: 'x', qos: 2, dup, retain: false, messageId }) as const

  it('is handed over once when the packet id is repeated before PUBREL, also while the first is being handed over', async () => {
    const { broker, raw, messages } = await place.start()
    let release: () => void = () => undefined
    const collect = messages
    broker.onMessage(async (message) => {
      collect.push(message)
      await new Promise<void>((resolve) => {
        release = resolve
      })
    })
    const device = await raw()
    await device.connect()
    device.write(publish(7, false))
    device.write(publish(7, true))
    await eventually(() => expect(messages).toHaveLength(1))
    release()
    await device.waitFor('pubrec', 2)
    device.write(publish(7, true))
    await device.waitFor('pubrec', 3)
    device.write({ cmd: 'pubrel', messageId: 7 })
    await device.waitFor('pubcomp')
    expect(messages).toHaveLength(1)
    device.write(publish(7, false)) // After PUBCOMP the id is free: a new message.
    await eventually(() => expect(messages).toHaveLength(2))
    release()
    await device.waitFor('pubrec', 4)
  })

  it('is handed over once across a restart of the broker', async () => {
    const first = await place.start()
    const device = await first.raw()
    await device.connect({ clean: false, clientId: 'q2' })
    device.write(publish(9, false))
    await device.waitFor('pubrec')
    await first.broker.stop()
    const second = await place.start()
    const again = await second.raw()
    await again.connect({ clean: false, clientId: 'q2' })
    again.write(publish(9, true))
    await again.waitFor('pubrec')
    again.write({ cmd: 'pubrel', messageId: 9 })
    await again.waitFor('pubcomp')
    expect(second.messages).toEqual([])
  })
})
