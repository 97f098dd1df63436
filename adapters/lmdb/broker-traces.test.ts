import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoredPacket } from './broker-packets.ts'
import { type BrokerPersistence, openBrokerPersistence } from './broker-persistence.ts'
import { openBrokerStore } from './broker-traces.ts'

const mine = '00-11-22-33-44-55'
const limits = {
  retainedMessagesMax: 1_000,
  retainedBytesMax: 10_000_000,
  sessionsMax: 10,
  sessionExpirySeconds: 3_600,
  queuedPerSessionMax: 100,
  queuedBytesMax: 1_000_000,
}
const retained = (mac: string, text: string): StoredPacket => ({
  cmd: 'publish',
  topic: `dwr/311-a1/${mac}/modem/status`,
  payload: Buffer.from(text),
  qos: 1,
  retain: true,
  dup: false,
})

describe('what the broker keeps of a subject', () => {
  let dataDir: string
  let broker: BrokerPersistence
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'traces-'))
    broker = openBrokerPersistence({ path: join(dataDir, 'broker'), limits })
  })
  afterEach(async () => {
    await broker.destroy()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const file = (): Buffer => readFileSync(join(dataDir, 'broker', 'data.mdb'))
  const clear = (mac: string): Promise<void> => broker.storeRetained({ ...retained(mac, ''), payload: Buffer.alloc(0) })

  it('is nothing when no broker has kept anything', () => {
    expect(openBrokerStore(join(dataDir, 'elsewhere'), () => true)).toBe(null)
  })

  it('is found by a level of the topic, and no other device with it', async () => {
    await broker.storeRetained(retained(mine, '{"imei":"490154203237518"}'))
    await broker.storeRetained(retained('00-11-22-33-44-66', '{"imei":"490154203237526"}'))
    const store = openBrokerStore(dataDir, (level) => level === mine)
    expect(store?.traces().retained.map(({ topic }) => topic)).toEqual([`dwr/311-a1/${mine}/modem/status`])
    await store?.close()
  })

  it('leaves the file, long and short, once it is deleted, while the broker has it open, and the file grows by less than a megabyte', async () => {
    const long = `{"imei":"490154203237518","note":"${'x'.repeat(20_000)}"}`
    for (let device = 0; device < 200; device++)
      await broker.storeRetained(retained(`00-11-22-33-55-${device}`, `{"n":${device},"pad":"${'y'.repeat(300)}"}`))
    await broker.storeRetained(retained(mine, '{"imei":"490154203237534"}'))
    await broker.storeRetained(retained(mine, long))
    const store = openBrokerStore(dataDir, (level) => level === mine)
    const payloads = [...(store?.traces().retained ?? []).map(({ payload }) => payload), Buffer.from('{"imei":"490154203237534"}')]
    await clear(mine)
    const before = file().length
    expect(file().includes('490154203237518')).toBe(true)
    expect(await store?.scrub(payloads)).toBe(0)
    expect(file().includes('490154203237518')).toBe(false)
    expect(file().includes('490154203237534')).toBe(false)
    expect(file().length).toBeLessThan(before + 1_000_000)
    await store?.close()
    await broker.storeRetained(retained(mine, 'alive again'))
    expect(broker.stats()['retainedMessages']).toBe(201)
  })

  it('counts what it cannot remove: a message that is still retained', async () => {
    await broker.storeRetained(retained(mine, '{"imei":"490154203237518"}'))
    const store = openBrokerStore(dataDir, (level) => level === mine)
    expect(await store?.scrub([Buffer.from('{"imei":"490154203237518"}')])).toBe(1)
    expect(file().length).toBeLessThan(1_000_000)
    await store?.close()
  })
})
