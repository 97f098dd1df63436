/**
 * After a power cut programs and servers come up in any order: a program that is first says at `/readyz` what it waits for,
 * goes on by itself when its server comes, and ends in order when it is told to while it waits.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startWarehouseChild } from '../../adapters/chdb/supervisor.ts'
import { freePorts } from '../ledger/recorder-process.ts'
import { startKafka } from './kafka-server.ts'
import { serviceProgram } from './service-program.ts'

const patiently = { timeout: 90_000, interval: 100 }

describe('programs that start before their servers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'start-order-'))
  const ends: (() => Promise<unknown>)[] = []
  afterAll(async () => {
    for (const end of ends.reverse()) await end()
    rmSync(folder, { recursive: true, force: true })
  })

  it('say what they wait for, and serve when it has come', async () => {
    const [kafkaPort = 0, warehousePort = 0, readersPort = 0, mqttPort = 0, ...statusPorts] = await freePorts(7)
    const masterKey = join(folder, 'master-key')
    const password = join(folder, 'warehouse-password')
    writeFileSync(masterKey, randomBytes(32).toString('hex'))
    writeFileSync(password, 'start-order-token-0123456789')
    const programs = (['ingest', 'processors', 'query-api'] as const).map((kind, at) =>
      serviceProgram({
        name: kind,
        kind,
        statusPort: statusPorts[at] ?? 0,
        onOutput: () => undefined,
        environment: () => ({
          DATA_DIR: join(folder, kind),
          HTTP_LISTEN: `127.0.0.1:${statusPorts[at] ?? 0}`,
          ADMIN_TOKEN: 'start-order-token-0123456789',
          KAFKA_BROKERS: `127.0.0.1:${kafkaPort}`,
          KAFKA_PARTITIONS: '2',
          KAFKA_MASTER_KEY_FILE: masterKey,
          CLICKHOUSE_URL: `http://127.0.0.1:${warehousePort}`,
          CLICKHOUSE_USERNAME: 'service',
          CLICKHOUSE_PASSWORD_FILE: password,
          MQTT_URL: `mqtt://127.0.0.1:${mqttPort}`,
        }),
      }),
    )
    for (const program of programs) {
      program.start()
      ends.push(program.stop)
    }
    const waits = async (): Promise<(string[] | null)[]> => Promise.all(programs.map(({ waitingFor }) => waitingFor()))

    await expect.poll(waits, patiently).toEqual([['start of log'], ['start of log'], ['start of log']])

    const kafka = await startKafka({ dir: join(folder, 'kafka'), port: kafkaPort })
    ends.push(kafka.stop)
    await expect
      .poll(waits, patiently)
      .toEqual([[expect.stringMatching(/^front door: no connection to mqtt:/)], ['start of warehouse'], ['start of warehouse']])

    const warehouse = await startWarehouseChild({
      dataDir: join(folder, 'warehouse'),
      listen: { host: '127.0.0.1', port: readersPort },
      adminToken: 'start-order-token-0123456789',
      memoryBytesMax: 1_500_000_000,
    })
    ends.push(warehouse.stop)
    writeFileSync(password, warehouse.access.password)
    const door = createServer((client) => {
      const server = connect(Number(new URL(warehouse.access.url).port), '127.0.0.1')
      client.pipe(server).pipe(client)
      for (const socket of [client, server]) socket.on('error', () => [client, server].forEach((each) => each.destroy()))
    })
    await once(door.listen(warehousePort, '127.0.0.1'), 'listening')
    ends.push(async () => door.close())
    await expect.poll(waits, patiently).toEqual([[expect.stringMatching(/^front door: no connection to mqtt:/)], [], []])
  })
})
