/**
 * How many QoS 1 messages a second the front door acknowledges, and how fast: the embedded broker in this process, the load
 * generator in its own on the same machine.
 *
 *   node bench/front-door.ts [--handler immediate|log|accept] [--connections 100] [--in-flight 10] [--seconds 10] [--rate N]
 *
 * `immediate` resolves on the next turn of the event loop: the broker alone. `log` appends each payload to the embedded event
 * log and waits until it is synced. `accept` is the real thing, `ingest/accept.ts`: parsed, made an event, encoded, synced.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { startEmbeddedBroker } from '../adapters/mqtt/embedded-broker.ts'
import { randomIds } from '../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../adapters/system/inflate.ts'
import { loadTopicMap } from '../app/project-files.ts'
import { createAccept } from '../ingest/accept.ts'
import { rightsOf } from '../ingest/domain/access.ts'
import type { DeviceMessage } from '../model/ports.ts'

const { values } = parseArgs({
  options: {
    handler: { type: 'string', default: 'immediate' },
    connections: { type: 'string', default: '100' },
    'in-flight': { type: 'string', default: '10' },
    seconds: { type: 'string', default: '10' },
    rate: { type: 'string', default: '0' },
  },
})

type Handler = { handle: (message: DeviceMessage) => Promise<void>; close: () => Promise<void> }

const immediate = (): Handler => ({
  handle: () => new Promise((resolve) => setImmediate(resolve)),
  close: async () => undefined,
})

const intoLog = (dataDir: string): Handler => {
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: { nowMs: Date.now }, partitions: 1, diskFreeBytesMin: 0 })
  return {
    handle: async ({ topic, payload }) => {
      await log.append('device-events', [{ partition: 0, key: topic.split('/', 3)[2] ?? '', value: payload }])
    },
    close: async () => {
      await log.close()
      await environment.close()
    },
  }
}

/** All that an acknowledged message costs the front door: parsed, made an event, encoded, synced. The processors do not run. */
const accepted = (dataDir: string): Handler => {
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: { nowMs: Date.now }, partitions: 1, diskFreeBytesMin: 0 })
  const keys = openSubjectKeys(dataDir)
  const handle = createAccept({
    log,
    codec: createEventCodec(),
    encodeDeadLetter: createDeadLetterCodec().encode,
    keys,
    ids: randomIds,
    tenant: 'default',
    topicMap: loadTopicMap(''),
    inflate: inflateBounded,
    counters: { accepted: () => undefined, deadLettered: () => undefined, ignored: () => undefined },
  })
  return {
    handle,
    close: async () => {
      await log.close()
      await keys.close()
      await environment.close()
    },
  }
}

const dataDir = mkdtempSync(join(tmpdir(), 'front-door-'))
const handler = values.handler === 'log' ? intoLog(dataDir) : values.handler === 'accept' ? accepted(dataDir) : immediate()
const broker = await startEmbeddedBroker({
  dataDir,
  listen: { tcp: { host: '127.0.0.1', port: 0 }, webSocket: null, tls: null },
  usersFile: null,
  rightsOf,
})
broker.onMessage(handler.handle)

const cpuBefore = process.cpuUsage()
const generator = spawn(
  process.execPath,
  [
    join(import.meta.dirname, 'load-generator.ts'),
    ...['--port', String(broker.addresses.tcp?.port), '--connections', values.connections, '--in-flight', values['in-flight']],
    ...['--seconds', values.seconds, '--rate', values.rate],
  ],
  { stdio: ['ignore', 'inherit', 'inherit'] },
)
await new Promise((resolve) => generator.once('exit', resolve))
const cpu = process.cpuUsage(cpuBefore)
const { qos1 } = broker.stats().accepted
process.stdout.write(
  `${JSON.stringify({
    handler: values.handler,
    acceptedMessages: qos1,
    brokerCpuMicrosPerMessage: Math.round(((cpu.user + cpu.system) / Math.max(1, qos1)) * 10) / 10,
    rssBytes: process.memoryUsage.rss(),
  })}\n`,
)
await broker.stop()
await handler.close()
rmSync(dataDir, { recursive: true, force: true })
