/**
 * The recorder as separate programs on real servers: Mosquitto, Kafka, a warehouse that speaks ClickHouse's protocol, and
 * the programs that a test names. No ClickHouse server can be had without containers: the embedded engine's process stands
 * in.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startWarehouseChild, type WarehouseChild } from '../../adapters/chdb/supervisor.ts'
import type { ProgramName } from '../../app/programs.ts'
import { freePorts, waitFor } from '../ledger/recorder-process.ts'
import { type KafkaServer, startKafka } from './kafka-server.ts'
import { type MosquittoServer, startMosquitto } from './mosquitto-server.ts'
import { type ServiceProgram, serviceProgram } from './service-program.ts'

export type RealServicesOptions = {
  folder: string
  /** In the order of their start. */
  programs: readonly { name: string; kind: ProgramName; environment?: Record<string, string> }[]
  /** For all programs. */
  environment?: Record<string, string>
}

export type RealServices = {
  mosquitto: MosquittoServer
  kafka: KafkaServer
  warehouse: WarehouseChild
  /** Port of the read-only door, and its password. */
  warehousePort: number
  adminToken: string
  program: (name: string) => ServiceProgram
  programs: readonly ServiceProgram[]
  /** Waits until every program says that it waits for nothing. */
  untilReady: (after: string) => Promise<void>
  /** The last lines that the programs wrote. */
  output: () => string
  stop: () => Promise<void>
}

export const readyWithinMs = 120_000
const adminToken = 'real-services-token-0123456789'
const outputLinesMax = 400
const memoryBytesMax = 1_500_000_000

/** Resolves when all are ready; leaves nothing running when it rejects. */
export const startRealServices = async (options: RealServicesOptions): Promise<RealServices> => {
  const { folder } = options
  const ends: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end()
  }
  try {
    return await start(options, join(folder, 'master-key'), ends, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

const start = async (
  { folder, programs: wanted, environment: common = {} }: RealServicesOptions,
  masterKey: string,
  ends: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<RealServices> => {
  const [warehousePort = 0, ...statusPorts] = await freePorts(1 + wanted.length)
  mkdirSync(folder, { recursive: true })
  const [mosquitto, kafka, warehouse] = await Promise.all([
    kept(ends, startMosquitto({ dir: join(folder, 'mosquitto') })),
    kept(ends, startKafka({ dir: join(folder, 'kafka') })),
    kept(
      ends,
      startWarehouseChild({
        dataDir: join(folder, 'warehouse'),
        listen: { host: '127.0.0.1', port: warehousePort },
        adminToken,
        memoryBytesMax,
      }),
    ),
  ])
  writeFileSync(masterKey, randomBytes(32).toString('hex'))
  writeFileSync(join(folder, 'warehouse-password'), warehouse.access.password)

  const lines: string[] = []
  const keepOutput =
    (name: string) =>
    (bytes: Buffer): void => {
      for (const line of bytes.toString().split('\n').filter(Boolean)) lines.push(`${name}: ${line}`)
      lines.splice(0, lines.length - outputLinesMax)
    }
  const output = (): string => lines.join('\n')
  const programs = wanted.map(({ name, kind, environment = {} }, index) =>
    serviceProgram({
      name,
      kind,
      statusPort: statusPorts[index] ?? 0,
      onOutput: keepOutput(name),
      environment: () => ({
        DATA_DIR: join(folder, name),
        HTTP_LISTEN: `127.0.0.1:${statusPorts[index] ?? 0}`,
        ADMIN_TOKEN: adminToken,
        KAFKA_BROKERS: kafka.brokers,
        KAFKA_PARTITIONS: '4',
        KAFKA_MASTER_KEY_FILE: masterKey,
        CLICKHOUSE_URL: warehouse.access.url,
        CLICKHOUSE_USERNAME: warehouse.access.username,
        CLICKHOUSE_PASSWORD_FILE: join(folder, 'warehouse-password'),
        MQTT_URL: mosquitto.url,
        MQTT_CLIENT_ID: name,
        ...common,
        ...environment,
      }),
    }),
  )
  for (const program of programs) {
    program.start()
    ends.push(program.stop)
  }
  let waiting: string[] = []
  const areReady = async (): Promise<boolean> => {
    const answers = await Promise.all(programs.map(async ({ name, waitingFor }) => ({ name, waits: await waitingFor() })))
    const late = answers.filter(({ waits }) => waits?.length !== 0)
    waiting = late.map(({ name, waits }) => `${name} ${waits === null ? 'does not answer' : `waits for ${waits.join(', ')}`}`)
    return late.length === 0
  }
  const untilReady = (after: string): Promise<void> =>
    waitFor(`all are ready after ${after}`, areReady, readyWithinMs, () => `${waiting.join('\n')}\n${output()}`)
  await untilReady('the start')
  const program = (name: string): ServiceProgram => {
    const found = programs.find((each) => each.name === name)
    if (found === undefined) throw new Error(`expected one of ${programs.map((each) => each.name).join(', ')}, got ${name}`)
    return found
  }
  return { mosquitto, kafka, warehouse, warehousePort, adminToken, program, programs, untilReady, output, stop }
}

/** Is stopped at the end, whatever fails beside it. */
const kept = <T extends { stop: () => Promise<unknown> }>(ends: (() => Promise<unknown>)[], starting: Promise<T>): Promise<T> => {
  ends.push(() =>
    starting.then(
      (started) => started.stop(),
      () => undefined,
    ),
  )
  return starting
}
