/**
 * Publishes a simulated fleet over MQTT at its rate. What is not acknowledged is kept, bounded, and sent again after a lost
 * connection; when a connection's queue is full the fleet waits and catches up later, so that nothing is left out.
 */
import { appendFileSync } from 'node:fs'
import type { IClientOptions } from 'mqtt'
import { type Link, startLink } from './link.ts'
import { createMemoryOutbox, type Outbox } from './outbox.ts'
import type { Fleet, FleetMessage } from './simulation/fleet.ts'

export type SimulationOptions = {
  fleet: Fleet
  startMs: number
  ratePerSecond: number
  /** Ends after this many messages; Infinity: until `signal`. */
  messagesMax: number
  signal: AbortSignal
  url: string
  clientOptions: IClientOptions
  connections: number
  /** Gets a line `<mac> <bootId> <seq>` for each acknowledged message. */
  ackFile: string | undefined
  drainWithinMs: number
  say: (line: string) => void
  backoff?: { firstMs: number; maxMs: number }
}

export type SimulationSummary = {
  generated: number
  sent: number
  acknowledged: number
  unacknowledged: number
  reboots: number
  lostConnections: number
  seconds: number
}

const inFlightPerConnectionMax = 20
const keptMessagesMax = 200_000 // Over all connections: a minute of the highest rate that two cores give.
const tickMs = 10
const connectionsPerTick = 20 // 2,000 a second: the recorder's limit on new connections.

type Connection = { link: Link; outbox: Outbox; ids: Map<number, string>; cut: () => void }

export const simulate = async (options: SimulationOptions): Promise<SimulationSummary> => {
  const { fleet, say } = options
  const startedAt = performance.now()
  const ownConnections = options.connections >= fleet.devices.length
  const summary: SimulationSummary = {
    generated: 0,
    sent: 0,
    acknowledged: 0,
    unacknowledged: 0,
    reboots: 0,
    lostConnections: 0,
    seconds: 0,
  }
  let ackLines: string[] = []
  const writeAcks = (): void => {
    if (options.ackFile !== undefined && ackLines.length > 0) appendFileSync(options.ackFile, ackLines.join(''))
    ackLines = []
  }
  let stopping = false // Connections that end now are no losses.

  const openConnection = (index: number): Connection => {
    const outbox = createMemoryOutbox({ messagesMax: Math.max(100, Math.floor(keptMessagesMax / options.connections)) })
    const ids = new Map<number, string>()
    let cutByUs = false
    const device = ownConnections ? fleet.devices[index] : undefined
    const link = startLink({
      url: options.url,
      outbox,
      inFlightMax: device === undefined ? inFlightPerConnectionMax * 25 : inFlightPerConnectionMax,
      clientOptions: () => ({
        ...options.clientOptions,
        clientId: device?.identity.mac ?? `simulate-${process.pid}-${index}`,
        ...(device === undefined ? {} : { will: willOf(device) }),
      }),
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      onSent: () => summary.sent++,
      onAcknowledged: ({ positions: [position = -1] }) => {
        summary.acknowledged++
        ackLines.push(ids.get(position) ?? '')
        ids.delete(position)
      },
      onLost: (reason) => {
        const wanted = cutByUs || stopping
        cutByUs = false
        if (wanted) return
        summary.lostConnections++
        if (summary.lostConnections === 1) say(`a connection was lost (${reason}); it comes back by itself`)
      },
    })
    const cut = (): void => {
      cutByUs = link.connected()
      link.cut()
    }
    return { link, outbox, ids, cut }
  }

  const connections: Connection[] = []
  while (connections.length < options.connections && !options.signal.aborted) {
    for (let more = 0; more < connectionsPerTick && connections.length < options.connections; more++)
      connections.push(openConnection(connections.length))
    await sleep(tickMs)
  }

  let waiting: FleetMessage | undefined
  const beginMs = performance.now()
  while (!options.signal.aborted && summary.generated < options.messagesMax) {
    const due = Math.min(options.messagesMax, 1 + Math.floor(((performance.now() - beginMs) * options.ratePerSecond) / 1000))
    const touched = new Set<Link>()
    while (summary.generated < due) {
      const message = waiting ?? fleet.next()
      waiting = undefined
      const connection = connections[message.deviceIndex % connections.length]
      if (connection === undefined) break
      if (message.rebooted && ownConnections) connection.cut() // As a device that restarts does: its will is published.
      const position = connection.outbox.append(message)
      if (position === undefined) {
        waiting = { ...message, rebooted: false }
        break
      }
      if (message.rebooted) summary.reboots++
      if (options.ackFile !== undefined) connection.ids.set(position, ackLine(fleet, message))
      summary.generated++
      touched.add(connection.link)
    }
    for (const link of touched) link.pump()
    writeAcks()
    await sleep(tickMs)
  }

  const drainEndMs = performance.now() + options.drainWithinMs
  for (const { link } of connections) await link.drained(Math.max(0, drainEndMs - performance.now()))
  stopping = true
  writeAcks()
  summary.unacknowledged = connections.reduce((sum, { outbox }) => sum + outbox.counts().waiting, 0)
  // The devices vanish: with a connection each, the broker publishes their wills.
  if (ownConnections) for (const { cut } of connections) cut()
  await Promise.all(connections.map(({ link }) => link.stop()))
  summary.seconds = (performance.now() - startedAt) / 1000
  return summary
}

const willOf = (device: Fleet['devices'][number]): NonNullable<IClientOptions['will']> => {
  const { product, model, mac } = device.identity
  return {
    topic: `${product}/${model}/${mac}/status`,
    payload: Buffer.from(JSON.stringify({ state: 'offline', sessionId: device.sessionId(), reason: 'connection lost' })),
    qos: 1,
    retain: true,
  }
}

const ackLine = (fleet: Fleet, { deviceIndex, bootId, seq }: FleetMessage): string =>
  `${fleet.devices[deviceIndex]?.identity.mac ?? ''} ${bootId} ${seq}\n`

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
