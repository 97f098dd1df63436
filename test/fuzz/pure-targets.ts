/** Targets without I/O: topic map, payloads on the whole path, Avro frames. None may throw, none may take long. */
import fc from 'fast-check'
import { deflateRawSync } from 'node:zlib'
import { deadLetter, deviceEvent } from '../../adapters/avro/event.arbitrary.ts'
import { createDeadLetterCodec, createEventCodec } from '../../adapters/avro/event-codec.ts'
import { isPublishable } from '../../adapters/mqtt/admission.ts'
import { limitsWith } from '../../adapters/mqtt/limits.ts'
import { filterMatches } from '../../adapters/mqtt/topic-filter.ts'
import type { Random } from '../../agent/simulation/random.ts'
import { parseMessage } from '../../ingest/domain/parse-message.ts'
import { createTopicMap } from '../../ingest/domain/topic-map.ts'
import { pseudonym, receivedAtMs, shippedTopics } from '../parse-kit.ts'
import { anyOf, mutateBytes, mutateJson, mutateText } from './mutations.ts'
import { bytesOf, createCounts, Finding, type Input, type Target, textOf } from './fuzz-target.ts'
import { type Sample, samples, sampleTopics } from './samples.ts'
import { runWholePath, type Sent, shippedMap } from './whole-path.ts'

/** Of the processor, so that a machine that is busy with other things shows no faults; what is slow once may be a collection. */
const stallMs = 250
const triesOfSlow = 3

const withinTime = async (work: () => Promise<void> | void): Promise<void> => {
  let best = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < triesOfSlow && best > stallMs; tries++) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    best = Math.min(best, (user + system) / 1_000)
  }
  if (best > stallMs) throw new Finding(`one input takes more than ${stallMs} ms of the processor`, `${Math.round(best)} ms`)
}

const topicPieces = [
  '/',
  '//',
  '+',
  '#',
  '\0',
  '\ufffd',
  '\ud800',
  '~',
  '$',
  '..',
  '-',
  '00-11-22-33-44-55',
  '001122334455',
  'germany',
  'status',
  'batch/deflate',
  'x'.repeat(1_000),
  '/a'.repeat(40),
  '\u202e',
  ' ',
]
const limits = limitsWith()

/** Parts: a topic, or (when there are two) a configuration and a topic that it maps. */
export const topicsTarget = (): Target => {
  const { add, counts } = createCounts()
  const config = JSON.stringify(shippedTopics())
  return {
    name: 'topics',
    inputsAtOnce: 1,
    inputOf: (random) => {
      const topic = bytesOf(mutateText(random, anyOf(random, sampleTopics), topicPieces))
      return random.chance(0.1) ? [bytesOf(mutateJson(random, config)), topic] : [random.chance(0.1) ? mutateBytes(random, topic) : topic]
    },
    check: async (input) => {
      const topic = textOf(input.at(-1))
      await withinTime(() => {
        if (input.length > 1) {
          add(checkConfig(textOf(input[0]), topic))
          return
        }
        add(checkTopic(topic))
      })
    },
    counts,
  }
}

const checkConfig = (text: string, topic: string): string => {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch {
    return 'config is no JSON'
  }
  const made = createTopicMap(config)
  if (!made.ok) return 'config refused'
  made.value.resolve(topic)
  parseMessage(topic, bytesOf('{"value":1}'), { topicMap: made.value, receivedAtMs, pseudonym })
  return 'config taken'
}

const subjectForm = /^(?:[0-9a-f]{2}(?:-[0-9a-f]{2}){5}|[^\p{Cc}+#]+)$/u
const checkTopic = (topic: string): string => {
  filterMatches('dwr/+/+/hardware/#', topic)
  if (!isPublishable(topic, limits)) shippedMap.resolve(topic) // An import or a re-drive may bring it all the same.
  const outcome = parseMessage(topic, bytesOf('{"value":1}'), { topicMap: shippedMap, receivedAtMs, pseudonym })
  if (outcome.kind === 'ignored') return 'ignored'
  const { subject, storedTopic } = outcome.kind === 'message' ? outcome.message : outcome
  if (subject !== null && !subjectForm.test(subject.id))
    throw new Finding('a subject holds what no id may hold', JSON.stringify(subject.id))
  if (/[\p{Cc}]/u.test(storedTopic)) throw new Finding('a stored topic holds control characters', JSON.stringify(storedTopic))
  if (!storedTopic.isWellFormed()) throw new Finding('a stored topic is no UTF-8', JSON.stringify(storedTopic))
  if (/^germany\/bavaria\/nuremberg\/(?:90402|12a)/.test(storedTopic)) throw new Finding('a stored topic names a household', storedTopic)
  return outcome.kind === 'message' ? 'message' : outcome.reason
}
/** Parts: topic, payload, flags, and again for each further message of the same exchange. */
export const payloadsTarget = (): Target => {
  const { add, counts } = createCounts()
  return {
    name: 'payloads',
    inputsAtOnce: 1,
    inputOf: (random) => {
      const base = anyOf(random, samples)
      const parts: Uint8Array[] = []
      for (let messages = anyOf(random, [1, 1, 1, 2, 3, 5]); messages > 0; messages--)
        parts.push(...mutatedMessage(random, random.chance(0.8) ? base : anyOf(random, samples)))
      return parts
    },
    check: (input) =>
      withinTime(async () => {
        for (const [outcome, times] of Object.entries(await runWholePath(sentOf(input)))) add(outcome, times)
      }),
    counts,
  }
}

export const mutatedPayload = (random: Random, payload: string): Uint8Array => {
  const text = random.chance(0.7) ? mutateJson(random, payload) : mutateText(random, payload)
  const bytes = bytesOf(text)
  return random.chance(0.1) ? mutateBytes(random, bytes, [bytesOf(anyOf(random, samples).payload)]) : bytes
}

const mutatedMessage = (random: Random, sample: Sample): Uint8Array[] => {
  const topic = random.chance(0.1) ? anyOf(random, sampleTopics) : sample.topic
  const flags = Uint8Array.of(random.between(0, 7))
  if (topic.endsWith('batch/deflate') || random.chance(0.03)) return [bytesOf(batchTopicOf(topic)), batchOf(random), flags]
  return [bytesOf(topic), mutatedPayload(random, sample.payload), flags]
}

const batchTopicOf = (topic: string): string => (topic.endsWith('batch/deflate') ? topic : 'dwr/311-a1/00-11-22-33-44-55/batch/deflate')

const batchOf = (random: Random): Uint8Array => {
  const lines = Array.from({ length: random.between(1, 6) }, () => {
    const { topic, payload } = anyOf(random, samples)
    const line = `{"topic":${JSON.stringify(topic.split('/').slice(3).join('/') || topic)},"payload":${payload.startsWith('{') ? payload : JSON.stringify(payload)}}`
    return random.chance(0.5) ? mutateText(random, line) : line
  })
  const packed = deflateRawSync(bytesOf(random.chance(0.05) ? lines.join('\n').repeat(5_000) : lines.join('\n')))
  return random.chance(0.3) ? mutateBytes(random, packed) : packed
}

const sentOf = (input: Input): Sent[] => {
  const messages: Sent[] = []
  for (let at = 0; at + 1 < input.length; at += 3) {
    const flags = input[at + 2]?.[0] ?? 0
    const payload = input[at + 1] ?? new Uint8Array(0)
    messages.push({
      topic: textOf(input[at]),
      payload,
      dup: (flags & 1) !== 0,
      retain: (flags & 2) !== 0,
      sessionId: (flags & 4) !== 0 ? 'fuzz-session' : null,
      cutFromBytes: flags === 7 ? payload.byteLength + 70_000 : null,
    })
  }
  return messages
}

const framesOfSeed = 200

/** Parts: one frame. */
export const avroTarget = (): Target => {
  const { add, counts } = createCounts()
  const events = createEventCodec()
  const letters = createDeadLetterCodec()
  const frames = [
    ...fc.sample(deviceEvent, { numRuns: framesOfSeed, seed: 1 }).map((event) => Uint8Array.from(events.encode(event))),
    ...fc.sample(deadLetter, { numRuns: framesOfSeed, seed: 1 }).map((letter) => Uint8Array.from(letters.encode(letter))),
  ]
  return {
    name: 'avro',
    inputsAtOnce: 1,
    inputOf: (random) => [mutateBytes(random, anyOf(random, frames), frames)],
    check: (input) =>
      withinTime(() => {
        const frame = input[0] ?? new Uint8Array(0)
        const decoded = events.decode(frame)
        if (decoded.ok) checkAgain(frame, events.encode(decoded.event), 'event')
        const letter = letters.decode(frame)
        if (letter.ok) checkAgain(frame, letters.encode(letter.value), 'dead letter')
        add(decoded.ok || letter.ok ? 'decoded' : 'refused')
      }),
    counts,
  }
}

/** What decodes is encoded to a frame that decodes to the same: blocks may be written otherwise, values may not. */
const checkAgain = (frame: Uint8Array, again: Uint8Array, what: string): void => {
  const codec = what === 'event' ? createdEvents : createdLetters
  const [first, second] = [codec(frame), codec(again)]
  if (first !== second) throw new Finding(`a decoded ${what} is not what it becomes when it is encoded again`)
}
const eventsAgain = createEventCodec()
const lettersAgain = createDeadLetterCodec()
const written = (_key: string, value: unknown): unknown => (Object.is(value, -0) ? '-0' : value)
const createdEvents = (frame: Uint8Array): string => JSON.stringify(eventsAgain.decode(frame), written)
const createdLetters = (frame: Uint8Array): string => JSON.stringify(lettersAgain.decode(frame), written)
