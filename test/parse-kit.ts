/** For tests of payload profiles: one message through the shipped mapping, and what came of it in short lines. */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import type { Body, Carrier } from '../model/event.ts'
import { type ParsedMessage, type ParseOutcome, parseMessage } from '../ingest/domain/parse-message.ts'
import { createTopicMap, type TopicMap } from '../ingest/domain/topic-map.ts'

export const shippedTopics = (): Record<string, unknown> =>
  parseYaml(readFileSync(new URL('../topics.yaml', import.meta.url), 'utf8')) as Record<string, unknown>

export const mapOf = (config: unknown): TopicMap => {
  const made = createTopicMap(config)
  if (!made.ok) throw new Error(made.reason)
  return made.value
}

const shipped = mapOf(shippedTopics())
export const receivedAtMs = 1767602410000
/** Not a secret here: each text has one, and it can be seen in a test. */
export const pseudonym = (text: string): string => {
  let hash = 0x811c9dc5 // FNV-1a.
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, 'f').repeat(4)
}

export const device = 'dwr/311-a1/00-11-22-33-44-55'

export const outcomeOf = (topic: string, payload: string | Uint8Array, topicMap: TopicMap = shipped): ParseOutcome =>
  parseMessage(topic, typeof payload === 'string' ? new TextEncoder().encode(payload) : payload, { topicMap, receivedAtMs, pseudonym })

export const messageOf = (topic: string, payload: string | Uint8Array, topicMap: TopicMap = shipped): ParsedMessage => {
  const outcome = outcomeOf(topic, payload, topicMap)
  if (outcome.kind !== 'message') throw new Error(JSON.stringify(outcome))
  return outcome.message
}

/** All that a message became, a line each; the documentation shows the same lines. */
export const linesOf = (outcome: ParseOutcome): string[] => {
  if (outcome.kind === 'ignored') return [`ignored: ${outcome.reason}`]
  if (outcome.kind === 'refused') return [`dead letter ${outcome.reason}: ${outcome.detail}`]
  const { message } = outcome
  const envelope = [
    ...(message.observedAtMs === null ? [] : [`at ${new Date(message.observedAtMs).toISOString()}`]),
    ...(message.bootId === null ? [] : [`boot ${message.bootId}`]),
    ...(message.seq === null ? [] : [`seq ${message.seq}`]),
  ]
  return [
    ...(envelope.length === 0 ? [] : [envelope.join(', ')]),
    ...message.bodies.flatMap(bodyLines).filter((line) => !/^fact device\.(?:product|model) /.test(line)),
    ...message.personalFacts.map(({ name, masked }) => `personal ${name} "${masked}"`),
    ...message.notes.map((note) => `note: ${note}`),
  ]
}

const bodyLines = (body: Body): string[] => {
  switch (body.kind) {
    case 'Measurements':
      return body.items.map(
        ({ metric, attributes, value, quality, observedAtMs }) =>
          `${metric}${short(attributes)} ${value ?? `null (${quality})`}${observedAtMs === null ? '' : ` at ${new Date(observedAtMs).toISOString()}`}`,
      )
    case 'Counters':
      return body.items.map(({ metric, attributes, value }) => `counter ${metric}${short(attributes)} ${value}`)
    case 'Facts':
      return body.items.map(({ name, value }) => `fact ${name} ${value === null ? 'none' : `"${value}"`}`)
    case 'LogLines':
      return body.items.map(
        ({ observedAtMs, writtenAt, severity, facility, program, message, cut }) =>
          `log ${body.source}: ${observedAtMs === null ? 'no time' : new Date(observedAtMs).toISOString()}, written "${writtenAt}", ${facility ?? '-'}.${severity ?? '-'}, ${program ?? '-'}, ${JSON.stringify(message)}${cut ? ', cut' : ''}`,
      )
    case 'Radio':
      return [
        `radio ${told({ ...body, kind: null, carriers: null })}`,
        ...body.carriers.map((carrier: Carrier) => `carrier ${told(carrier)}`),
      ]
    case 'Presence':
      return [`presence ${told({ ...body, kind: null })}`]
    case 'Boot':
      return [`boot ${told({ ...body, kind: null })}`]
    case 'TaskEvent':
      return [`task ${body.taskId} ${body.detail}`]
    default:
      return [body.kind]
  }
}

const told = (fields: Record<string, unknown>): string =>
  Object.entries(fields)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')

const short = (attributes: string): string => (attributes === '' ? '' : attributes.replaceAll('"', ''))
