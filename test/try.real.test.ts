/** `--try` on a real Mosquitto that others use: it finds devices and what is foreign, leaves nothing behind and says nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../adapters/mqtt/broker-harness.ts'
import { startListening } from '../app/try/try-broker.ts'
import { loadConfig } from '../runtime/config.ts'
import { createLogger } from '../runtime/logger.ts'
import { type MosquittoServer, startMosquitto } from './real/mosquitto-server.ts'

describe('listening in on a broker', () => {
  let folder: string
  let broker: MosquittoServer
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'try-real-'))
    broker = await startMosquitto({
      dir: join(folder, 'mosquitto'),
      lines: ['log_type subscribe', 'log_type information', 'log_type debug'],
    })
  })
  afterAll(async () => {
    await broker.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('names the devices and the foreign topics, and touches nothing', { timeout: 120_000 }, async () => {
    const config = loadConfig(() => '', { HTTP_LISTEN: '127.0.0.1:0', WAREHOUSE_LISTEN: '127.0.0.1:0' })
    const client = await connectAsync(broker.url, { clientId: 'others' })
    const heard: string[] = []
    client.on('message', (topic) => heard.push(topic))
    await client.subscribeAsync('#', { qos: 1 })
    await client.publishAsync('dwr/311-a1/00-11-22-33-44-55/status', 'online', { qos: 1, retain: true })
    const failures: unknown[] = []
    const listening = await startListening({ url: broker.url, csv: undefined, afterSeconds: 50 }, config, createLogger('error'), (error) =>
      failures.push(error),
    )
    try {
      await eventually(async () => expect(await listening.report()).toContain('#: granted with QoS 1'), { timeout: 30_000, interval: 200 })
      await client.publishAsync('dwr/311-a1/00-11-22-33-44-55/hardware/loadavg', '{"load1":1,"load5":1,"load15":2,"bootId":"b","seq":1}', {
        qos: 1,
      })
      await client.publishAsync('acme/device-12345/t', '1', { qos: 1 })
      await eventually(
        async () => {
          const report = await listening.report()
          expect(report).toContain('1 recognised')
          expect(report).toContain('00-11-22-33-44-55  311-a1')
          expect(report).toContain('1 were copies that the broker keeps')
          expect(report).toContain('pattern: "acme/{device}/{metric+}"')
          expect(report).toContain('"device-12345": "<its MAC>"')
        },
        { timeout: 60_000, interval: 500 },
      )
    } finally {
      await listening.stop()
    }
    expect(failures).toEqual([])
    await client.endAsync()
    // Only its own messages went over the broker: listening in published nothing.
    expect(heard.sort()).toEqual([
      'acme/device-12345/t',
      'dwr/311-a1/00-11-22-33-44-55/hardware/loadavg',
      'dwr/311-a1/00-11-22-33-44-55/status',
    ])
  })
})
