import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { afterEach, describe, expect, it } from 'vitest'
import type { ChannelAnswer } from '../../model/notification.ts'
import { answerBytesMax, createWebhookChannel, problemOfUrl, type WebhookOptions } from './webhook-channel.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const clock = { nowMs: Date.now }
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

const listen = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  closing.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}
const send = (url: string, more: Partial<WebhookOptions> = {}): Promise<ChannelAnswer> =>
  createWebhookChannel({ url, secrets: [secret], networks: 'loopback', clock, ...more }).send({ id: 'a-1-raise', body: '{"x":1}' })
const answering = (status: number, headers: Record<string, string> = {}, body = ''): Promise<string> =>
  listen((_, response) => response.writeHead(status, headers).end(body))

describe('webhook channel', () => {
  it('sends what an independent library verifies', async () => {
    const seen: { headers: IncomingMessage['headers']; body: string; path: string }[] = []
    const url = await listen((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        seen.push({ headers: request.headers, body, path: request.url ?? '' })
        response.writeHead(204).end()
      })
    })
    expect(await send(`${url}/in?a=1`)).toEqual({ outcome: 'taken', answer: '204 No Content', retryAfterMs: null })
    const [{ headers, body, path } = { headers: {}, body: '', path: '' }] = seen
    expect(path).toBe('/in?a=1')
    expect(headers['content-type']).toBe('application/cloudevents+json; charset=utf-8')
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({ x: 1 })
  })

  it('says what the answer means', async () => {
    const outcomes: [number, string][] = []
    for (const status of [200, 202, 299, 301, 400, 401, 404, 408, 410, 422, 429, 500, 503])
      outcomes.push([status, (await send(await answering(status))).outcome])
    expect(outcomes).toEqual([
      [200, 'taken'],
      [202, 'taken'],
      [299, 'taken'],
      [301, 'failed'],
      [400, 'refused'],
      [401, 'refused'],
      [404, 'refused'],
      [408, 'failed'],
      [410, 'gone'],
      [422, 'refused'],
      [429, 'failed'],
      [500, 'failed'],
      [503, 'failed'],
    ])
  })

  it('takes the wish of the receiver, and shows the begin of what it says on one line', async () => {
    const answer = await send(await answering(429, { 'retry-after': '120' }, `slow\n\u001b[31m${'x'.repeat(1000)}`))
    expect(answer).toMatchObject({ outcome: 'failed', retryAfterMs: 120_000 })
    expect(answer.answer).toMatch(/^429 Too Many Requests: slow \[31mx+$/)
    expect(answer.answer.length).toBeLessThan(250)
  })

  it('follows no redirect: what it points to is not asked', async () => {
    let asked = 0
    const inside = await listen((_, response) => {
      asked++
      response.end()
    })
    expect((await send(await answering(302, { location: inside }))).outcome).toBe('failed')
    expect(asked).toBe(0)
  })

  it('reads no more than 64 kB of the answer', async () => {
    let closed = false
    const url = await listen((_, response) => {
      response.on('close', () => (closed = true))
      response.writeHead(200)
      const push = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384)));
        if (!response.destroyed) response.once('drain', push)
      }
      push()
    })
    expect((await send(url)).outcome).toBe('taken')
    await expect.poll(() => closed).toBe(true)
    expect(answerBytesMax).toBe(65_536)
  })

  it('takes the status for the answer when the body does not end in time', async () => {
    const url = await listen((_, response) => response.writeHead(200).write('so far'))
    expect(await send(url, { timeoutMs: 200 })).toMatchObject({ outcome: 'taken' })
  })

  it('fails when the receiver would speak another protocol', async () => {
    const url = await listen((request) =>
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    )
    expect(await send(url)).toEqual({ outcome: 'failed', answer: '101: it would speak another protocol', retryAfterMs: null })
  })

  it('waits no longer than its time', async () => {
    const url = await listen(() => undefined)
    expect(await send(url, { timeoutMs: 50 })).toEqual({ outcome: 'failed', answer: 'no answer within 0.05 s', retryAfterMs: null })
  })

  it('connects to the checked address: a name that resolves inside is not connected to', async () => {
    let asked = 0
    const url = await listen((_, response) => {
      asked++
      response.end()
    })
    const { port } = new URL(url)
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }]
    const refused = await send(`http://rebind.example:${port}/`, { networks: 'public', resolve })
    expect(refused).toMatchObject({
      outcome: 'failed',
      answer: expect.stringMatching(/^refused to connect: 127\.0\.0\.1 is this machine/) as string,
    })
    expect(asked).toBe(0)
    let resolved = 0
    const once = async () => {
      resolved++
      return [{ address: '127.0.0.1', family: 4 }]
    }
    expect((await send(`http://rebind.example:${port}/`, { networks: 'loopback', resolve: once })).outcome).toBe('taken')
    expect([asked, resolved]).toEqual([1, 1])
  })

  it('tries the next address of the name when one does not connect, and says of each why when none does', async () => {
    let asked = 0
    const url = await listen((_, response) => {
      asked++
      response.end()
    })
    const { port } = new URL(url)
    const resolve =
      (...hosts: string[]) =>
      async () =>
        hosts.map((address) => ({ address, family: 4 }))
    const name = `http://several.example:${port}/`
    expect((await send(name, { resolve: resolve('127.0.0.2', '127.0.0.1') })).outcome).toBe('taken')
    expect(asked).toBe(1)
    const none = await send(name, { resolve: resolve('127.0.0.2', '127.0.0.3') })
    expect(none).toEqual({
      outcome: 'failed',
      answer: `connect ECONNREFUSED 127.0.0.2:${port}; connect ECONNREFUSED 127.0.0.3:${port}`,
      retryAfterMs: null,
    })
    expect((await send(name, { resolve: resolve('127.0.0.2', '127.0.0.3', '127.0.0.1') })).outcome).toBe('failed')
    expect(asked).toBe(1)
  })

  it('a receiver that answers is not left for the next address, whatever it says', async () => {
    let asked = 0
    const url = await listen((request) => {
      asked++
      request.socket.destroy()
    })
    const resolve = async () => ['127.0.0.1', '127.0.0.1'].map((address) => ({ address, family: 4 }))
    expect((await send(`http://several.example:${new URL(url).port}/`, { resolve })).outcome).toBe('failed')
    expect(asked).toBe(1)
  })

  it('a receiver that is not there is a failure, never an exception', async () => {
    const url = await answering(200)
    for (const close of closing.splice(0)) close()
    expect(await send(url)).toMatchObject({ outcome: 'failed', answer: expect.stringContaining('ECONNREFUSED') as string })
    const unknown = await send('https://name.example/', {
      resolve: async () => Promise.reject(new Error('getaddrinfo ENOTFOUND name.example')),
    })
    expect(unknown).toEqual({ outcome: 'failed', answer: 'getaddrinfo ENOTFOUND name.example', retryAfterMs: null })
  })

  it('an address is https, or http to this machine where that is allowed', () => {
    expect(problemOfUrl('https://a.example/x', 'public')).toBe(null)
    expect(problemOfUrl('http://127.0.0.1:9000/x', 'loopback')).toBe(null)
    for (const [url, networks] of [
      ['http://127.0.0.1:9000/x', 'public'],
      ['http://a.example/', 'loopback'],
      ['http://127.evil.com/', 'loopback'],
      ['ftp://a.example/', 'loopback'],
      ['https://user:word@a.example/', 'public'],
      ['https://a.example/#x', 'public'],
      ['a.example', 'public'],
    ] as const)
      expect(problemOfUrl(url, networks), url).toEqual(expect.any(String))
  })
})
