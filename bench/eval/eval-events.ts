/**
 * A planned fleet as the events that the recorder's front door would make of it, in order of arrival: the inventory first, then
 * every message through the front door's own parser, and a tick each 5 s. A broker restart of the scenario is seen as the
 * recorder sees it: by turns as an outside broker that is away, and as the recorder itself, whose ticks are missing until it
 * starts anew.
 */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { worldInventory } from '../../agent/world/inventory.ts'
import type { Plan } from '../../agent/world/plan-types.ts'
import type { NoteTruth } from '../../agent/world/coverage.ts'
import type { WorldEvent } from '../../agent/world/outbound.ts'
import { messagesOf } from '../../agent/world/world.ts'
import { type ParsedMessage, parseMessage } from '../../ingest/domain/parse-message.ts'
import { createTopicMap, type TopicMap } from '../../ingest/domain/topic-map.ts'
import { tickEveryMs } from '../../ingest/ticks.ts'
import type { Body, DeviceEvent, InventoryChangedBody } from '../../model/event.ts'
import { ownSource } from '../../model/own-source.ts'

export const tenant = 'main'
const noBytes = new Uint8Array(0)
const noId = new Uint8Array(16)

export const shippedTopicMap = (): TopicMap => {
  const made = createTopicMap(parseYaml(readFileSync(new URL('../../topics.yaml', import.meta.url), 'utf8')))
  if (!made.ok) throw new Error(made.reason)
  return made.value
}

/** Not a secret here. */
export const pseudonym = (text: string): string => {
  let hash = 0x811c9dc5 // FNV-1a.
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, 'f').repeat(4)
}

export type EvalEventsOptions = {
  part?: { index: number; of: number }
  /** In place of the plan's own messages: a worse way of delivery. */
  messages?: Iterable<WorldEvent>
  onRefused?: () => void
  /** The truth that shows as the world runs. */
  note?: NoteTruth
}

export function* createEvalEvents(plan: Plan, options: EvalEventsOptions = {}): Generator<DeviceEvent> {
  const topicMap = shippedTopicMap()
  const restarts = restartsOf(plan)
  yield* inventoryEvents(plan, options.part)
  let tickMs = plan.fromMs
  const ticksUntil = function* (atMs: number): Generator<DeviceEvent> {
    for (; tickMs <= atMs; tickMs += tickEveryMs) {
      const tick = tickEvent(plan, restarts, tickMs)
      if (tick !== null) yield tick
    }
  }
  for (const message of options.messages ?? messagesOf(plan, options.part, options.note)) {
    if (message.atMs >= tickMs) yield* ticksUntil(message.atMs)
    const { event, isRefused } = eventOf(plan, topicMap, message)
    if (isRefused) options.onRefused?.()
    if (event !== null) yield event
  }
  yield* ticksUntil(plan.endMs)
}

type Made = { event: DeviceEvent | null; isRefused: boolean }

/** The front door is the same for all of its messages; what differs is the device. Of what it refuses the device's ledger hears. */
const eventOf = (plan: Plan, topicMap: TopicMap, { topic, payload, atMs, dup, retain, deviceIndex }: WorldEvent): Made => {
  const bytes = Buffer.from(payload)
  const outcome = parseMessage(topic, bytes, { topicMap, receivedAtMs: atMs, pseudonym })
  const came = { topic, atMs, bytes, clientId: plan.devices[deviceIndex]?.mac ?? '', dup, retain }
  if (outcome.kind === 'message') return { event: eventOfMessage(outcome.message, came), isRefused: false }
  if (outcome.kind === 'ignored' || outcome.subject === null) return { event: null, isRefused: outcome.kind === 'refused' }
  const body: Body = { kind: 'Quarantined', reason: outcome.reason, deadLetter: '0:0' }
  const nothing = { observedAtMs: null, bootId: null, seq: null, uptimeSeconds: null, personalFacts: [] }
  const event = eventOfMessage({ ...nothing, subject: outcome.subject, bodies: [body] }, came)
  return { event: { ...event, payload: { encoding: 'none', bytes: noBytes } }, isRefused: true }
}

type Said = Pick<ParsedMessage, 'subject' | 'observedAtMs' | 'bootId' | 'seq' | 'uptimeSeconds' | 'bodies' | 'personalFacts'>
type Came = { topic: string; atMs: number; bytes: Uint8Array; clientId: string; dup: boolean; retain: boolean }

export const eventOfMessage = (
  { subject, observedAtMs, bootId, seq, uptimeSeconds, bodies, personalFacts }: Said,
  { topic, atMs, bytes, clientId, dup, retain }: Came,
): DeviceEvent => {
  const masked = personalFacts.map(({ name, masked: value }) => ({ name, value, sealed: null }))
  return {
    eventId: noId,
    tenant,
    subject,
    observedAtMs,
    receivedAtMs: atMs,
    bootId,
    seq,
    uptimeSeconds,
    source: {
      origin: 'mqtt',
      topic,
      qos: 1,
      dup,
      retain,
      storedCopy: false,
      clientId,
      sessionId: null,
      connection: 0,
      packetId: null,
      redriveOf: null,
      actor: null,
    },
    bodies: masked.length === 0 ? bodies : [...bodies, { kind: 'Facts', items: masked }],
    payload: { encoding: 'plain', bytes },
  }
}

type Restart = { fromMs: number; toMs: number; isRecorder: boolean }

const restartsOf = ({ truth }: Plan): Restart[] =>
  truth.filter(({ kind }) => kind === 'broker_restart').map(({ fromMs, toMs }, at) => ({ fromMs, toMs, isRecorder: at % 2 === 1 }))

const tickEvent = ({ fromMs }: Plan, restarts: readonly Restart[], atMs: number): DeviceEvent | null => {
  const now = restarts.find((restart) => atMs >= restart.fromMs && atMs < restart.toMs)
  if (now?.isRecorder === true) return null
  const started = restarts.findLast(({ isRecorder, toMs }) => isRecorder && toMs <= atMs)
  return tickAt(atMs, started?.toMs ?? fromMs, now === undefined, Math.round((atMs - fromMs) / tickEveryMs))
}

export const tickAt = (atMs: number, instanceStartedAtMs: number, brokerConnected = true, counter = 0): DeviceEvent => ({
  ...ownEvent(atMs, 'all', 'fleet'),
  bodies: [{ kind: 'Tick', instance: 'front-1', counter, instanceStartedAtMs, brokerConnected, lastMessageAtMs: null }],
})

export const ownEvent = (receivedAtMs: number, id: string, kind: 'fleet' | 'device' = 'device'): DeviceEvent => ({
  eventId: noId,
  tenant,
  subject: { kind, id },
  observedAtMs: null,
  receivedAtMs,
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  source: ownSource('recorder', null),
  bodies: [],
  payload: { encoding: 'none', bytes: noBytes },
})

function* inventoryEvents(plan: Plan, part: { index: number; of: number } = { index: 0, of: 1 }): Generator<DeviceEvent> {
  const [header = '', ...lines] = worldInventory(plan)['devices.csv'].trimEnd().split('\n')
  const [, ...names] = header.split(',')
  for (const [index, line] of lines.entries()) {
    if (index % part.of !== part.index) continue
    const [id = '', ...cells] = line.split(',')
    const fields = Object.fromEntries(names.map((name, at) => [name, cells[at] ?? '']).filter(([, value]) => value !== '')) as Record<
      string,
      string
    >
    const body: InventoryChangedBody = {
      kind: 'InventoryChanged',
      entity: 'device',
      id,
      retired: false,
      fields,
    }
    yield { ...ownEvent(plan.fromMs, id), bodies: [body] }
  }
}
