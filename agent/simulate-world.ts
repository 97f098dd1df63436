/**
 * Publishes a planned world over MQTT at a multiple of its time, or as fast as it is acknowledged. With a connection per device those
 * connections live as the devices' do: opened at `connect` with that session's will, cut at `will` so that the broker publishes it.
 * Over fewer connections the wills are published like messages; what is sent is the same.
 */
import { appendFileSync } from 'node:fs'
import type { IClientOptions } from 'mqtt'
import { type Link, startLink } from './link.ts'
import { createMemoryOutbox, type Outbox } from './outbox.ts'
import type { SimulationSummary } from './simulate.ts'
import type { Plan } from './world/plan-types.ts'
import type { WorldEvent } from './world/outbound.ts'
import type { World } from './world/world.ts'

export type WorldOptions = {
  plan: Plan
  world: World
  /** Simulated seconds per second; Infinity: as fast as it goes. */
  speed: number
  /** Simulated end, at most the plan's. */
  endMs: number
  signal: AbortSignal
  url: string
  clientOptions: IClientOptions
  connections: number
  ackFile: string | undefined
  drainWithinMs: number
  say: (line: string) => void
  backoff?: { firstMs: number; maxMs: number }
}

/** Made and not yet acknowledged, over all connections; beyond it the world waits. */
const waitingMax = 50_000
const inFlightMax = 20
const inFlightSharedMax = 500
const tickMs = 10
const madePerTickMax = 5_000 // Between two looks at the sockets.

/** One connection and what has still to happen on it, in order: a will must not overtake the messages before it. */
type Channel = {
  outbox: Outbox
  ids: Map<number, string>
  todo: WorldEvent[]
  link: Link | undefined
  sessionId: string
  own: boolean
  clientId: string
  working: boolean
}

export const simulateWorld = async (options: WorldOptions): Promise<SimulationSummary> => {
  const { plan, world, say } = options
  const startedAt = performance.now()
  const own = options.connections >= plan.devices.length
  const summary: SimulationSummary = {
    generated: 0,
    sent: 0,
    acknowledged: 0,
    unacknowledged: 0,
    reboots: 0,
    lostConnections: 0,
    seconds: 0,
  }
  let waiting = 0
  let ackLines: string[] = []
  const busy = new Set<Channel>()

  const openLink = (channel: Channel, statusTopic: string | undefined): Link =>
    startLink({
      url: options.url,
      outbox: channel.outbox,
      inFlightMax: channel.own ? inFlightMax : inFlightSharedMax,
      clientOptions: () => ({
        ...options.clientOptions,
        clientId: channel.clientId,
        ...(statusTopic === undefined
          ? {}
          : { will: { topic: statusTopic, payload: Buffer.from(willPayload(channel.sessionId)), qos: 1 as const, retain: true } }),
      }),
      ...(options.backoff === undefined ? {} : { backoff: options.backoff }),
      onSent: () => summary.sent++,
      onAcknowledged: ({ positions: [position = -1] }) => {
        summary.acknowledged++
        waiting--
        const id = channel.ids.get(position)
        if (id !== undefined) ackLines.push(id)
        channel.ids.delete(position)
        if (channel.todo.length > 0) busy.add(channel)
      },
      onLost: (reason) => {
        summary.lostConnections++
        if (summary.lostConnections === 1) say(`a connection was lost (${reason}); it comes back by itself`)
      },
    })

  const channels: Channel[] = Array.from({ length: own ? plan.devices.length : options.connections }, (_, index) => ({
    outbox: createMemoryOutbox({ messagesMax: waitingMax }),
    ids: new Map(),
    todo: [],
    link: undefined,
    sessionId: '',
    own,
    clientId: own ? (plan.devices[index]?.mac ?? '') : `simulate-${process.pid}-${index}`,
    working: false,
  }))
  if (!own) for (const channel of channels) channel.link = openLink(channel, undefined)

  const keep = (channel: Channel, event: WorldEvent): void => {
    const position = channel.outbox.append(event)
    if (position !== undefined && options.ackFile !== undefined && event.bootId !== '')
      channel.ids.set(position, `${plan.devices[event.deviceIndex]?.mac ?? ''} ${event.bootId} ${event.seq}\n`)
  }

  /** Carries out what it can; stops at an event of the connection while messages before it are not acknowledged. */
  const work = async (channel: Channel): Promise<void> => {
    while (channel.todo.length > 0) {
      const event = channel.todo[0]
      if (event === undefined) break
      if (event.kind === 'message') keep(channel, event)
      else if (channel.outbox.counts().waiting > 0) break
      else if (event.kind === 'connect') {
        await channel.link?.stop()
        channel.sessionId = event.sessionId
        channel.outbox.rewind()
        const { product, model } = plan.devices[event.deviceIndex]?.model ?? { product: '', model: '' }
        channel.link = openLink(channel, `${product}/${model}/${channel.clientId}/status`)
      } else if (event.kind === 'will') {
        channel.link?.cut()
        await channel.link?.stop()
        channel.link = undefined
        waiting--
      } else {
        await channel.link?.stop()
        channel.link = undefined
      }
      channel.todo.shift()
    }
    channel.link?.pump()
  }

  const take = (event: WorldEvent): void => {
    if (event.topic !== '') {
      summary.generated++
      waiting++
      if (event.seq === 1 && event.topic.endsWith('/system/boot')) summary.reboots++
    }
    const channel = channels[event.deviceIndex % channels.length]
    if (channel === undefined) return
    if (channel.own) {
      if (event.kind === 'lost') return // Nobody notices until the will.
      channel.todo.push(event)
    } else if (event.topic !== '') keep(channel, event)
    busy.add(channel)
  }

  const beginMs = performance.now()
  let held: WorldEvent | undefined
  let ended = false
  while (!options.signal.aborted && !ended) {
    const dueMs =
      options.speed === Infinity ? options.endMs : Math.min(options.endMs, plan.fromMs + (performance.now() - beginMs) * options.speed)
    for (let made = 0; waiting < waitingMax && made < madePerTickMax; made++) {
      const event = held ?? world.next()
      held = event
      ended = event === undefined || event.atMs > options.endMs
      if (event === undefined || event.atMs > dueMs) break
      held = undefined
      take(event)
    }
    workAll()
    await sleep(options.speed === Infinity ? 0 : tickMs)
  }

  const drainEndMs = performance.now() + options.drainWithinMs
  while (waiting > 0 && performance.now() < drainEndMs && !options.signal.aborted) {
    workAll()
    await sleep(tickMs)
  }
  workAll()
  summary.unacknowledged = waiting
  // The run is over, not the devices: they say goodbye, so that no wills come that the truth does not know.
  await Promise.all(channels.map(async ({ link }) => link?.stop()))
  summary.seconds = (performance.now() - startedAt) / 1000
  return summary

  /** Closing a connection takes its time; only that channel waits for it. */
  function workAll(): void {
    const now = [...busy]
    busy.clear()
    for (const channel of now) {
      if (channel.working) {
        busy.add(channel)
        continue
      }
      channel.working = true
      void work(channel).finally(() => {
        channel.working = false
      })
    }
    if (options.ackFile !== undefined && ackLines.length > 0) appendFileSync(options.ackFile, ackLines.join(''))
    ackLines = []
  }
}

const willPayload = (sessionId: string): string => JSON.stringify({ state: 'offline', sessionId, reason: 'connection lost' })
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
