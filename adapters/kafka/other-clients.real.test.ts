/** The topics as others see them: kcat lists and reads them, and any reader of Confluent's framing decodes an event. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { Type } from 'avsc'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deviceEvent } from '../avro/event.arbitrary.ts'
import { createEventCodec } from '../avro/event-codec.ts'
import { partitionOf } from '../../model/partition.ts'
import { schemaIds } from '../../schemas/topics.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

let kafka: TemporaryKafka
beforeAll(async () => {
  kafka = await startTemporaryKafka()
})
afterAll(() => kafka.remove())

const kcat = async (...args: string[]): Promise<Buffer> =>
  (await promisify(execFile)('kcat', ['-b', kafka.server.brokers, '-q', ...args], { encoding: 'buffer' })).stdout

describe('the log to other clients', () => {
  it('is a topic that kcat reads, keys and offsets as we appended them', async () => {
    const settings = kafka.settings()
    const log = await openTestLog(settings)
    const keys = Array.from({ length: 30 }, (_, n) => `00-11-22-33-44-${String(n).padStart(2, '0')}`)
    await log.append(
      'device-events',
      keys.map((key, n) => ({ partition: partitionOf(key, 3), key, value: Buffer.from(`value ${n}`) })),
    )
    const text = (await kcat('-C', '-t', `${settings.prefix}device-events`, '-e', '-f', '%k %p %s\n')).toString()
    expect(text.trim().split('\n').sort()).toEqual(keys.map((key, n) => `${key} ${partitionOf(key, 3)} value ${n}`).sort())
    await log.close()
  })

  it('puts a key where the Java client would: murmur2', async () => {
    const settings = kafka.settings()
    const log = await openTestLog(settings)
    const topic = `${settings.prefix}device-events`
    for (const key of ['00-11-22-33-44-55', 'world/asia/taiwan/taipei', 'é', '']) {
      await promisify(execFile)('sh', [
        '-c',
        `printf '%s' "$0|x" | kcat -b ${kafka.server.brokers} -q -P -t ${topic} -K '|' -X partitioner=murmur2`,
        key,
      ])
    }
    const text = (await kcat('-C', '-t', topic, '-e', '-f', '%k|%p\n')).toString().trim().split('\n')
    for (const line of text) {
      const [key = '', partition = ''] = line.split('|')
      if (key !== '') expect([key, Number(partition)]).toEqual([key, partitionOf(key, 3)])
    }
    expect(text.length).toBe(4)
    await log.close()
  })

  it('holds events that a generic reader decodes by the schema id of the frame', async () => {
    const settings = kafka.settings()
    const log = await openTestLog(settings)
    const [event] = fc.sample(deviceEvent, { numRuns: 1, seed: 11 })
    if (event === undefined) throw new Error('a sample has one')
    await log.append('device-events', [{ partition: 0, key: event.subject.id, value: createEventCodec().encode(event) }])
    const frame = await kcat('-C', '-t', `${settings.prefix}device-events`, '-p', '0', '-c', '1', '-e', '-f', '%s')
    expect([frame[0], frame.readInt32BE(1)]).toEqual([0, schemaIds['device-event']])
    // What GET /schemas/ids/1 answers.
    const schema = readFileSync(new URL('../../schemas/avro/device-event.avsc', import.meta.url), 'utf8')
    const decoded = Type.forSchema(JSON.parse(schema) as never, { wrapUnions: true }).fromBuffer(frame.subarray(5)) as {
      tenant: string
      subject: object
    }
    expect([decoded.tenant, { ...decoded.subject }]).toEqual([event.tenant, event.subject])
    await log.close()
  })
})
