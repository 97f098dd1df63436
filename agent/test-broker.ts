/** A broker for tests of this room: records what arrives in order, and can hold back acknowledgements or be cut and started again. */
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes } from 'aedes'

export type Received = { topic: string; payload: string; retain: boolean; clientId: string }
export type TestBroker = {
  url: string
  received: Received[]
  /** While true nothing is acknowledged (and nothing recorded). */
  holdBack: (hold: boolean) => void
  cutAll: () => void
  close: () => Promise<void>
}

export const startTestBroker = async (port = 0): Promise<TestBroker> => {
  const received: Received[] = []
  const sockets = new Set<Socket>()
  let holding = false
  const broker = await Aedes.createBroker({
    // The recorder's order: what is kept first, the acknowledgement after.
    authorizePublish: (client, packet, done) => {
      if (holding) return
      received.push({ topic: packet.topic, payload: packet.payload.toString(), retain: packet.retain, clientId: client?.id ?? '' })
      done(null)
    },
  })
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    broker.handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  const cutAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `mqtt://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    received,
    holdBack: (hold) => {
      holding = hold
    },
    cutAll,
    close: async () => {
      cutAll()
      await new Promise<void>((resolve) => broker.close(resolve))
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Waits until `check` holds; fails with `what` after `withinMs`. */
export const until = async (what: string, check: () => boolean, withinMs = 10_000): Promise<void> => {
  const endMs = Date.now() + withinMs
  while (!check()) {
    if (Date.now() > endMs) throw new Error(`Not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
