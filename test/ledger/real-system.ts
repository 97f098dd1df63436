/**
 * The recorder as separate programs on real servers, for the ledger test: two bridges that share the messages, two
 * processors and a query API beside Mosquitto, Kafka and the warehouse. Each but the query API may be killed.
 */
import { openWarehouse } from '../../adapters/clickhouse/warehouse.ts'
import { readyWithinMs, type RealServices, startRealServices } from '../real/real-services.ts'
import type { LedgerSystem } from './ledger-run.ts'
import { waitFor } from './recorder-process.ts'

export type RealSystemOptions = {
  folder: string
  /** Whose kills are tried; all when not given. Without `mosquitto` nothing at all may be lost. */
  victims?: readonly RealVictim[]
}

export const realVictims = ['bridge-1', 'bridge-2', 'processors-1', 'processors-2', 'warehouse', 'kafka', 'mosquitto'] as const
export type RealVictim = (typeof realVictims)[number]

const shared = { MQTT_SHARE_GROUP: 'recorders' }
const programs = [
  { name: 'bridge-1', kind: 'ingest', environment: { ...shared, MQTT_PROTOCOL: '5', KAFKA_CLIENT: 'platformatic' } },
  { name: 'bridge-2', kind: 'ingest', environment: { ...shared, MQTT_PROTOCOL: '3.1.1', KAFKA_CLIENT: 'kafkajs' } },
  { name: 'processors-1', kind: 'processors' },
  { name: 'processors-2', kind: 'processors' },
  { name: 'query-api', kind: 'query-api' },
] as const

export const createRealSystem = ({ folder, victims = realVictims }: RealSystemOptions): LedgerSystem => {
  let services: RealServices | undefined
  const running = (): RealServices => {
    if (services === undefined) throw new Error('the services are not started')
    return services
  }
  /** Killed, started by its supervisor, and everybody ready again. */
  const killed = (name: RealVictim) => (): Promise<number> =>
    timed(async () => {
      const { kafka, mosquitto, program, untilReady } = running()
      const target = name === 'kafka' ? kafka : name === 'mosquitto' ? mosquitto : program(name)
      await target.kill()
      await target.start()
      await untilReady(name)
    })
  const killWarehouse = (): Promise<number> =>
    timed(async () => {
      const { warehouse, output, untilReady } = running()
      const before = warehouse.pid()
      if (before === undefined) throw new Error('the warehouse is not running')
      process.kill(before, 'SIGKILL')
      const asking = openWarehouse({ ...warehouse.access, database: 'fleet' })
      await waitFor('another warehouse answers', async () => warehouse.pid() !== before && (await asking.ping()), readyWithinMs, output)
      await asking.close()
      await untilReady('warehouse')
    })
  const system: LedgerSystem = {
    mqttUrl: '',
    warehousePort: 0,
    adminToken: '',
    start: () =>
      timed(async () => {
        services = await startRealServices({ folder, programs })
        const { mosquitto, warehousePort, adminToken } = services
        Object.assign(system, { mqttUrl: mosquitto.url, warehousePort, adminToken })
      }),
    victims: Object.fromEntries(victims.map((name) => [name, name === 'warehouse' ? killWarehouse : killed(name)])),
    brokerVictim: 'mosquitto',
    output: () => services?.output() ?? '',
    stop: async () => services?.stop(),
  }
  return system
}

const timed = async (work: () => Promise<void>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return (performance.now() - startedAt) / 1000
}
