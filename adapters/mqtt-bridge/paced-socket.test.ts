import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { eventually } from '../mqtt/broker-harness.ts'
import { connectPaced, muchBytes } from './paced-socket.ts'

describe('paced socket', () => {
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  const setUp = async (readsOn: () => boolean = () => true) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    const reads: Buffer[] = []
    const socket = connectPaced(
      { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      {
        take: (bytes) => {
          reads.push(bytes)
          return readsOn()
        },
        isWaiting: () => !readsOn(),
      },
    )
    const [remote] = (await accepted) as [Socket]
    ends.push(
      () => socket.destroy(),
      () => remote.destroy(),
      () => server.close(),
    )
    return { socket, remote, reads, text: () => Buffer.concat(reads).toString() }
  }

  it('gives all bytes in order, and what comes meanwhile in one piece', async () => {
    const { remote, reads, text } = await setUp()
    remote.setNoDelay(true)
    remote.write('first ')
    await eventually(() => expect(text()).toBe('first '))
    const more = Array.from({ length: 200 }, (_, n) => `${n} `)
    for (const one of more) remote.write(one)
    await eventually(() => expect(text()).toBe(`first ${more.join('')}`))
    expect(reads.length).toBeLessThan(20)
  })

  it('reads on at once while much comes', async () => {
    const { remote, text } = await setUp()
    const much = 'x'.repeat(muchBytes * 100)
    remote.write(much)
    await eventually(() => expect(text().length).toBe(much.length))
  })

  it('reads nothing while its reader waits, and goes on when told', async () => {
    let isRoom = false
    const { socket, remote, text } = await setUp(() => isRoom)
    remote.write('a')
    await eventually(() => expect(text()).toBe('a'))
    remote.write('b')
    await new Promise((resolve) => remote.write('c', resolve))
    expect(text()).toBe('a')
    isRoom = true
    socket.resume()
    await eventually(() => expect(text()).toBe('abc'))
  })

  it('tells of its end', async () => {
    const { socket, remote, text } = await setUp()
    const closed = once(socket, 'close')
    remote.end('last')
    await closed
    expect(text()).toBe('last')
  })
})
