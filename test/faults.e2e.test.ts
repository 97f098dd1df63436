/**
 * What an operator would otherwise have to mend by hand: the warehouse's process dies, the whole program dies, the disk is
 * full. After each, what was acknowledged is there, once, and nobody had to do anything.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRecorder } from '../app/recorder.ts'
import { loadConfig } from '../runtime/config.ts'
import { createLogger } from '../runtime/logger.ts'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'

const topic = 'dwr/311-a1/02-00-00-00-00-01/hardware/loadavg'
let folder = ''
let recorder: Recorder

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'faults-'))
  recorder = await createRecorder(folder)
  await recorder.start()
})
afterAll(async () => {
  await recorder.stop()
  await rm(folder, { recursive: true, force: true })
})

const sql = async (query: string): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${recorder.ports.warehouse}/?user=admin&password=${recorder.adminToken}`, {
    method: 'POST',
    body: query,
  })
  return (await answer.text()).trim()
}
const publish = async (port: number, seqs: readonly number[]): Promise<void> => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)
  for (const seq of seqs)
    await client.publishAsync(topic, JSON.stringify({ ts: 1767602400000 + seq, bootId: 'b', seq, load1: seq }), { qos: 1 })
  await client.endAsync()
}
const storedSeqs = () =>
  sql("SELECT groupArray(seq) FROM (SELECT seq FROM fleet.messages WHERE outcome = 'stored' AND subject_kind = 'device' ORDER BY seq)")
const rowsAre = (expected: string) =>
  waitFor(`the stored seqs are ${expected}`, async () => (await storedSeqs().catch(() => '')) === expected, 30_000, recorder.output)

describe('faults', () => {
  it('messages that come while the warehouse is dead are acknowledged, and have their rows when it is back', async () => {
    await publish(recorder.ports.mqtt, [1])
    await rowsAre('[1]')
    const back = recorder.killWarehouse()
    await publish(recorder.ports.mqtt, [2, 3])
    await back
    await rowsAre('[1,2,3]')
  }, 60_000)

  it('a killed program leaves no warehouse behind, and its next start goes on by itself', async () => {
    await publish(recorder.ports.mqtt, [4])
    await recorder.killProgram()
    await waitFor('the door of the warehouse is closed', async () => (await storedSeqs().catch(() => 'closed')) === 'closed', 15_000)
    await recorder.start()
    await rowsAre('[1,2,3,4]')
  }, 60_000)

  it('SIGTERM ends with 0, however often it comes', async () => {
    expect(await recorder.stop()).toBe(0)
    await recorder.start()
    await rowsAre('[1,2,3,4]')
  }, 60_000)
})

describe('a full disk', () => {
  it('is told by not acknowledging; reading goes on; with space again everything goes on', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'full-'))
    let freeBytes = 10_000_000_000
    const local = '127.0.0.1:0'
    const config = loadConfig(() => '', {
      DATA_DIR: dataDir,
      ADMIN_TOKEN: recorder.adminToken,
      MQTT_LISTEN: local,
      MQTT_WS_LISTEN: local,
      HTTP_LISTEN: local,
      WAREHOUSE_LISTEN: local,
      DISK_FREE_BYTES_MIN: '1000000000',
    })
    const fail = (error: unknown): void => {
      throw error
    }
    const running = await startRecorder(config, createLogger('error'), fail, { diskFreeBytes: () => freeBytes })
    const port = Number(new URL(running.urls.mqtt).port)
    const readyz = () => fetch(`${running.urls.page}/healthz`).then(({ status }) => status)
    const acknowledged: number[] = []
    const publishing = async (seq: number): Promise<void> => {
      await publish(port, [seq])
      acknowledged.push(seq)
    }
    try {
      await publishing(1)
      freeBytes = 500_000_000
      const second = publishing(2)
      await waitFor(
        'the refusal is counted',
        async () => /fleet_recorder_accept_failures_total [1-9]/.test(await (await fetch(`${running.urls.page}/metrics`)).text()),
        10_000,
      )
      expect([acknowledged, await readyz()]).toEqual([[1], 200])
      freeBytes = 1_000_000_000
      await second // MQTT.js connects again and sends what was not acknowledged.
      expect(acknowledged).toEqual([1, 2])
    } finally {
      await running.stop()
      await rm(dataDir, { recursive: true, force: true })
    }
  }, 60_000)
})
