/**
 * How many events a second `npm run rebuild -- --verify` runs anew and compares: a simulated fleet's messages are made
 * events, go through the log and the processors into tables, and are then verified.
 *
 *   node bench/rebuild.ts [--events 300000] [--devices 1000] [--workers N] [--data DIR]
 *
 * With `--data` the filled folder is kept there and found again by the next run. Prints CPU seconds of the rebuild's own
 * threads and of the engines, which move less than a rate by the clock does.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createDeadLetterCodec, createEventCodec } from '../adapters/avro/event-codec.ts'
import { startWarehouseChild } from '../adapters/chdb/supervisor.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { openWarehouse } from '../adapters/clickhouse/warehouse.ts'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'
import { createStageStore } from '../adapters/lmdb/stage-store.ts'
import { openSubjectKeys } from '../adapters/lmdb/subject-keys.ts'
import { md5, randomIds, systemClock } from '../adapters/system/clock-ids-digest.ts'
import { inflateBounded } from '../adapters/system/inflate.ts'
import { createFleet } from '../agent/simulation/fleet.ts'
import { loadTopicMap } from '../app/project-files.ts'
import { verifyRebuild } from '../app/rebuild-verify.ts'
import { createAccept } from '../ingest/accept.ts'
import { startProcessors } from '../processors/main.ts'
import { loadConfig } from '../runtime/config.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '300000' },
    devices: { type: 'string', default: '1000' },
    workers: { type: 'string' },
    data: { type: 'string' },
  },
})
const events = Number(values.events)
const devices = Number(values.devices)
const dataDir = values.data ?? mkdtempSync(join(tmpdir(), 'bench-rebuild-'))
const config = loadConfig(() => '', { DATA_DIR: dataDir, ADMIN_TOKEN: 'bench-token-0123456789', DISK_FREE_BYTES_MIN: '0' })

const fill = async (): Promise<void> => {
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: systemClock, partitions: 1, diskFreeBytesMin: 0 })
  const keys = openSubjectKeys(dataDir)
  const letters = createDeadLetterCodec()
  const codec = createEventCodec()
  const accept = createAccept({
    log,
    codec,
    encodeDeadLetter: letters.encode,
    keys,
    ids: randomIds,
    tenant: config.TENANT,
    topicMap: loadTopicMap(''),
    inflate: inflateBounded,
    counters: { accepted: () => undefined, deadLettered: () => undefined, ignored: () => undefined },
  })
  const ratePerSecond = devices / 10
  const fleet = createFleet({ devices, ratePerSecond, seed: 7, startMs: Date.now() - (events / ratePerSecond) * 1000 })
  for (let made = 0; made < events; ) {
    const waiting: Promise<void>[] = []
    for (const until = Math.min(events, made + 2_000); made < until; made++) {
      const { topic, payload, atMs } = fleet.next()
      waiting.push(accept(messageOf(topic, payload, atMs + 40)))
    }
    await Promise.all(waiting)
  }
  const child = await startWarehouseChild({ dataDir, listen: null, adminToken: '', memoryBytesMax: config.WAREHOUSE_MEMORY_BYTES_MAX })
  const warehouse = openWarehouse({ ...child.access, database: 'fleet' })
  await migrate(warehouse, { alone: true })
  const processors = await startProcessors({
    log,
    warehouse,
    createStore: (group) => createStageStore({ environment, group, clock: systemClock }),
    codec,
    decodeDeadLetter: letters.decode,
    encodeDeadLetter: letters.encode,
    digest: md5,
    tenant: config.TENANT,
    onError: (error) => console.error(error.message),
    onCount: () => undefined,
  })
  while (processors.lagRecords() > 0) await new Promise((resolve) => setTimeout(resolve, 200))
  await processors.stop()
  await warehouse.close()
  await child.stop()
  await log.close()
  await keys.close()
  await environment.close()
}

const messageOf = (topic: string, payload: string | Uint8Array, receivedAtMs: number) => ({
  topic,
  payload: Buffer.from(payload),
  cutFromBytes: null,
  qos: 1 as const,
  dup: false,
  retain: false,
  storedCopy: false,
  packetId: 1,
  clientId: 'bench',
  sessionId: null,
  connection: 1,
  receivedAtMs,
})

try {
  if (!existsSync(join(dataDir, 'warehouse'))) {
    const startedMs = performance.now()
    await fill()
    console.log(`filled in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  }
  const startedMs = performance.now()
  const report = await verifyRebuild({
    config,
    sample: null,
    say: (line) => console.log(line),
    ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
  })
  console.log(JSON.stringify(report.figures))
  console.log(`${report.differences.length} differences, ${((performance.now() - startedMs) / 1000).toFixed(1)} s in all`)
} finally {
  if (values.data === undefined) rmSync(dataDir, { recursive: true, force: true })
}
