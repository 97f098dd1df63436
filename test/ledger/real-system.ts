/**
 * The recorder as separate programs on real servers, for the ledger test: Mosquitto, Kafka, a warehouse that speaks
 * ClickHouse's protocol, one bridge, two processors and a query API, each a process of its own that may be killed. No
 * ClickHouse server can be had without containers: the embedded engine's process stands in.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { startWarehouseChild } from '../../adapters/chdb/supervisor.ts'
import { openWarehouse } from '../../adapters/clickhouse/warehouse.ts'
import { type KafkaServer, startKafka } from '../real/kafka-server.ts'
import { type MosquittoServer, startMosquitto } from '../real/mosquitto-server.ts'
import type { LedgerSystem } from './ledger-run.ts'
import { fetchStatus, freePorts, waitFor } from './recorder-process.ts'

const project = resolve(import.meta.dirname, '../..')
const readyWithinMs = 120_000
const outputLinesMax = 400
const memoryBytesMax = 1_500_000_000

export type RealSystemOptions = {
  folder: string
  /** Whose kills are tried; all when not given. Without `mosquitto` nothing at all may be lost. */
  victims?: readonly string[]
  mqttProtocol?: '3.1.1' | '5'
  kafkaClient?: 'kafkajs' | 'platformatic'
}

type Program = { start: () => Promise<void>; kill: () => Promise<void>; stop: () => Promise<void>; ready: () => Promise<boolean> }

export const createRealSystem = async (options: RealSystemOptions): Promise<LedgerSystem> => {
  const { folder } = options
  const [warehousePort = 0, ...statusPorts] = await freePorts(6)
  const adminToken = 'ledger-test-token-0123456789'
  let lines: string[] = []
  const keepOutput =
    (name: string) =>
    (bytes: Buffer): void => {
      const added = bytes.toString().split('\n').filter(Boolean)
      lines = [...lines, ...added.map((line) => `${name}: ${line}`)].slice(-outputLinesMax)
    }
  const output = (): string => lines.join('\n')
  const made = {} as { mosquitto: MosquittoServer; kafka: KafkaServer; warehouse: Awaited<ReturnType<typeof startWarehouseChild>> }
  const programs: Record<string, Program> = {}

  const environmentOf = (name: string, port: number): Record<string, string> => ({
    DATA_DIR: join(folder, name),
    HTTP_LISTEN: `127.0.0.1:${port}`,
    ADMIN_TOKEN: adminToken,
    KAFKA_BROKERS: made.kafka.brokers,
    KAFKA_PARTITIONS: '4',
    KAFKA_CLIENT: options.kafkaClient ?? 'platformatic',
    KAFKA_MASTER_KEY_FILE: join(folder, 'master-key'),
    CLICKHOUSE_URL: made.warehouse.access.url,
    CLICKHOUSE_USERNAME: made.warehouse.access.username,
    CLICKHOUSE_PASSWORD_FILE: join(folder, 'warehouse-password'),
    MQTT_URL: made.mosquitto.url,
    MQTT_PROTOCOL: options.mqttProtocol ?? '5',
  })

  const program = (name: string, kind: string, port: number): Program => {
    let child: ChildProcess | undefined
    const ended = (process: ChildProcess): Promise<void> =>
      process.exitCode !== null || process.signalCode !== null
        ? Promise.resolve()
        : new Promise((done) => process.once('exit', () => done()))
    const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
      if (child === undefined) return
      child.kill(signal)
      await ended(child)
    }
    return {
      start: async () => {
        const started = spawn(process.execPath, ['--max-semi-space-size=16', 'app/program-main.ts', kind], {
          cwd: project,
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...process.env, MALLOC_ARENA_MAX: '2', ...environmentOf(name, port) },
        })
        started.stdout.on('data', keepOutput(name))
        started.stderr.on('data', keepOutput(name))
        child = started
      },
      kill: () => end('SIGKILL'),
      stop: () => end('SIGTERM'),
      ready: async () => (await fetchStatus(`http://127.0.0.1:${port}/readyz`)) === 200,
    }
  }
  const all = [
    ['bridge', 'ingest'],
    ['processors-1', 'processors'],
    ['processors-2', 'processors'],
    ['query-api', 'query-api'],
  ] as const

  const untilReady = async (what: string): Promise<void> => {
    await waitFor(
      `all are ready after ${what}`,
      async () => (await Promise.all(Object.values(programs).map(({ ready }) => ready()))).every(Boolean),
      readyWithinMs,
      output,
    )
  }
  const timed = async (work: () => Promise<void>): Promise<number> => {
    const startedAt = performance.now()
    await work()
    return (performance.now() - startedAt) / 1000
  }
  /** Killed, started by its supervisor, and everybody ready again. */
  const killed = (name: string, kill: () => Promise<unknown>, start: () => Promise<unknown>) => () =>
    timed(async () => {
      await kill()
      await start()
      await untilReady(name)
    })

  const start = (): Promise<number> =>
    timed(async () => {
      mkdirSync(folder, { recursive: true })
      made.mosquitto = await startMosquitto({ dir: join(folder, 'mosquitto') })
      system.mqttUrl = made.mosquitto.url
      made.kafka = await startKafka({ dir: join(folder, 'kafka') })
      made.warehouse = await startWarehouseChild({
        dataDir: join(folder, 'warehouse'),
        listen: { host: '127.0.0.1', port: warehousePort },
        adminToken,
        memoryBytesMax,
      })
      writeFileSync(join(folder, 'master-key'), randomBytes(32).toString('hex'))
      writeFileSync(join(folder, 'warehouse-password'), made.warehouse.access.password)
      for (const [index, [name, kind]] of all.entries()) programs[name] = program(name, kind, statusPorts[index] ?? 0)
      for (const { start: startProgram } of Object.values(programs)) await startProgram()
      await untilReady('the start')
    })

  const killWarehouse = (): Promise<number> =>
    timed(async () => {
      const before = made.warehouse.pid()
      if (before === undefined) throw new Error('the warehouse is not running')
      process.kill(before, 'SIGKILL')
      const asking = openWarehouse({ ...made.warehouse.access, database: 'fleet' })
      await waitFor(
        'another warehouse answers',
        async () => made.warehouse.pid() !== before && (await asking.ping()),
        readyWithinMs,
        output,
      )
      await asking.close()
      await untilReady('warehouse')
    })

  const programVictims = Object.fromEntries(
    all.slice(0, 3).map(([name]) => [
      name,
      killed(
        name,
        async () => programs[name]?.kill(),
        async () => programs[name]?.start(),
      ),
    ]),
  )
  const victims: Record<string, () => Promise<number>> = {
    ...programVictims,
    warehouse: killWarehouse,
    kafka: killed(
      'kafka',
      () => made.kafka.kill(),
      () => made.kafka.start(),
    ),
    mosquitto: killed(
      'mosquitto',
      () => made.mosquitto.kill(),
      () => made.mosquitto.start(),
    ),
  }
  const chosen = options.victims ?? Object.keys(victims)
  const system: LedgerSystem = {
    mqttUrl: '',
    warehousePort,
    adminToken,
    start,
    victims: Object.fromEntries(Object.entries(victims).filter(([name]) => chosen.includes(name))),
    brokerVictim: 'mosquitto',
    output,
    stop: async () => {
      for (const { stop } of Object.values(programs).reverse()) await stop()
      await made.warehouse.stop()
      await made.kafka.stop()
      await made.mosquitto.stop()
    },
  }
  return system
}
