/** A receiver of notifications on loopback, as a customer writes it: verifies with an independent library, keeps what came. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

export type Received = { id: string; verified: boolean; answered: number; event: CloudEvent }
export type CloudEvent = { id: string; type: string; subject: string; time: string; dedupkey: string; data: Record<string, unknown> }

export type Receiver = {
  url: string
  received: Received[]
  /** What it answers from now on. */
  answerWith: (status: number) => void
  close: () => Promise<void>
}

export const startReceiver = async (secret: string, port = 0): Promise<Receiver> => {
  let status = 204
  const received: Received[] = []
  const webhook = new Webhook(secret)
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts).toString()
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
      let verified = true
      try {
        webhook.verify(body, headers)
      } catch {
        verified = false
      }
      received.push({ id: headers['webhook-id'] ?? '', verified, answered: status, event: JSON.parse(body) as CloudEvent })
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/alarms`,
    received,
    answerWith: (own) => {
      status = own
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
