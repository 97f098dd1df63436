import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Link, publishPacketBytes, startLink } from './link.ts'
import { createMemoryOutbox, type Outbox } from './outbox.ts'
import { startTestBroker, type TestBroker, until } from './test-broker.ts'

describe('the link to the broker', () => {
  let broker: TestBroker
  let outbox: Outbox
  let link: Link
  const lost: string[] = []
  const append = (from: number, to: number): void => {
    for (let n = from; n < to; n++) outbox.append({ topic: 'a/b', payload: String(n), retain: false })
  }
  const numbers = (): number[] => broker.received.filter(({ topic }) => topic === 'a/b').map(({ payload }) => Number(payload))
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)
  const start = (inFlightMax = 5): void => {
    link = startLink({
      url: broker.url,
      clientOptions: () => ({
        clientId: 'device',
        protocolVersion: 4,
        will: { topic: 'a/status', payload: Buffer.from('offline'), qos: 1, retain: true },
      }),
      outbox,
      inFlightMax,
      onLost: (reason) => lost.push(reason),
      backoff: { firstMs: 20, maxMs: 50 },
    })
  }

  beforeEach(async () => {
    broker = await startTestBroker()
    outbox = createMemoryOutbox({ messagesMax: 1000 })
    lost.length = 0
  })
  afterEach(async () => {
    await link.stop()
    await broker.close()
  })

  it('sends everything in order and forgets it at the acknowledgement', async () => {
    append(0, 100)
    start()
    expect(await link.drained(5000)).toBe(true)
    expect(numbers()).toEqual(range(0, 100))
    expect(outbox.counts()).toEqual({ waiting: 0, waitingBytes: 0, dropped: 0 })
  })

  it('keeps what the broker does not acknowledge and sends it again, in order, on the next connection', async () => {
    append(0, 3)
    start()
    await link.drained(5000)
    broker.holdBack(true)
    append(3, 20)
    link.pump()
    expect(await link.drained(100)).toBe(false)
    expect(outbox.counts().waiting).toBe(17)
    broker.cutAll()
    broker.holdBack(false)
    expect(await link.drained(5000)).toBe(true)
    expect(numbers()).toEqual(range(0, 20))
  })

  it('comes back by itself after the broker was away', async () => {
    start()
    await until('connected', () => link.connected())
    const port = Number(new URL(broker.url).port)
    await broker.close()
    append(0, 10)
    link.pump()
    await until('a refused attempt', () => lost.length >= 2)
    broker = await startTestBroker(port)
    expect(await link.drained(5000)).toBe(true)
    expect(numbers()).toEqual(range(0, 10))
  })

  it('a cut leaves the will, a stop does not', async () => {
    start()
    await until('connected', () => link.connected())
    link.cut()
    await until('the will', () => broker.received.some(({ topic }) => topic === 'a/status'))
    await until('connected again', () => link.connected())
    await link.stop()
    expect(broker.received.filter(({ topic }) => topic === 'a/status')).toHaveLength(1)
  })

  it('what is published now goes before what waits, once, and is forgotten too', async () => {
    start(1)
    await until('connected', () => link.connected())
    append(0, 3)
    const position = outbox.append({ topic: 'a/b', payload: '99', retain: false }) ?? -1
    link.publishNow({ topic: 'a/b', payload: '99', retain: true, positions: [position] })
    expect(await link.drained(5000)).toBe(true)
    expect(numbers()).toEqual([99, 0, 1, 2])
  })

  it('waits longer after each failure, jittered between half and the whole of a doubling bound', async () => {
    await broker.close()
    const waits: number[] = []
    link = startLink({
      url: broker.url,
      clientOptions: () => ({}),
      outbox,
      inFlightMax: 1,
      onLost: (_, retryAfterMs) => waits.push(retryAfterMs),
      backoff: { firstMs: 8, maxMs: 40 },
      random: () => 0.5,
    })
    await until('five failures', () => waits.length >= 5)
    expect(waits.slice(0, 5)).toEqual([6, 12, 24, 30, 30])
    broker = await startTestBroker()
  })

  it('counts a PUBLISH as MQTT 3.1.1 lays it out', () => {
    expect(publishPacketBytes({ topic: 'a/b', payload: '0123456789' })).toBe(2 + 2 + 3 + 2 + 10)
    expect(publishPacketBytes({ topic: 'a/b', payload: 'x'.repeat(121) })).toBe(1 + 2 + 128)
  })
})

describe('the queue in memory', () => {
  it('refuses at its bound and takes again after an acknowledgement', () => {
    const outbox = createMemoryOutbox({ messagesMax: 2 })
    const add = (): number | undefined => outbox.append({ topic: 't', payload: 'p', retain: false })
    expect([add(), add(), add()]).toEqual([0, 1, undefined])
    outbox.acknowledge(0)
    expect([add(), add()]).toEqual([2, undefined])
  })

  it('keeps order and count over many acknowledgements', () => {
    const outbox = createMemoryOutbox({ messagesMax: 10_000 })
    for (let n = 0; n < 5000; n++) outbox.append({ topic: 't', payload: String(n), retain: false })
    for (let n = 0; n < 3000; n++) outbox.acknowledge(n)
    outbox.rewind()
    expect(outbox.next()).toEqual({ topic: 't', payload: '3000', retain: false, position: 3000 })
    expect(outbox.counts().waiting).toBe(2000)
  })
})
