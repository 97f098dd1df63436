/**
 * How many events a second `npm run rebuild -- --verify` runs anew and compares: a simulated fleet's messages are made
 * events, go through the log and the processors into tables, and are then verified.
 *
 *   node bench/rebuild.ts [--events 300000] [--devices 1000] [--workers N] [--data DIR]
 *
 * With `--data` the filled folder is kept there and found again by the next run. Prints CPU seconds of the rebuild's own
 * threads and of the engines, which move less than a rate by the clock does.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
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
    encodeAlarm: createAlarmCodec().encode,
    encodeSignal: createFleetCodec().encode,
    decodeSignal: createFleetCodec().decode,
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

/** Processor seconds of processes that we started and that have ended: the engines. Linux: `man 5 proc_pid_stat`, cutime and cstime. */
const endedChildrenSeconds = (): number => {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[13]) + Number(fields[14])) / 100
}

try {
  if (!existsSync(join(dataDir, 'warehouse'))) {
    const startedMs = performance.now()
    await fill()
    console.log(`filled in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  }
  const startedMs = performance.now()
  const before = endedChildrenSeconds()
  const report = await verifyRebuild({
    config,
    sample: null,
    say: (line) => console.log(line),
    ...(values.workers === undefined ? {} : { workers: Number(values.workers) }),
  })
  const wallSeconds = (performance.now() - startedMs) / 1000
  const { figures, differences } = report
  const perEvent = (milliseconds: number): string => `${((milliseconds * 1000) / figures.records).toFixed(1)} us`
  console.log(
    `of an event, added up over ${figures.workers} workers, by the clock: read ${perEvent(figures.readMs)}, decode and stage ${perEvent(figures.runMs)}, encode ${perEvent(figures.encodeMs)}, waiting for inserts ${perEvent(figures.waitMs)}`,
  )
  console.log(
    `processor time of an event: rebuild ${perEvent(figures.cpuSeconds * 1000)}, both engines ${perEvent((endedChildrenSeconds() - before) * 1000)}`,
  )
  console.log(
    `run anew ${figures.seconds.toFixed(1)} s, added up ${figures.fillSeconds.toFixed(1)} s, compared ${figures.compareSeconds.toFixed(1)} s, all ${wallSeconds.toFixed(1)} s: ${Math.round(figures.records / figures.seconds)} events/s run anew, ${Math.round(figures.records / wallSeconds)} verified; ${differences.length} differences`,
  )
} finally {
  if (values.data === undefined) rmSync(dataDir, { recursive: true, force: true })
}
