/** The main thread appends, a worker consumes and finishes stages, in one environment: as the program runs. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'
import { createKeepFrom, createStageStore } from './stage-store.ts'

const clock = { nowMs: () => Date.now() }
const appends = 400

describe('log and stage store in two threads', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'threads-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  it('give each offset once, lose nothing, and see what the other committed', { timeout: 30_000 }, async () => {
    const environment = openEnvironment(dataDir)
    const log = openEventLog({ environment, clock, partitions: 1, diskFreeBytesMin: 0 })
    const worker = new Worker(new URL('./stage-thread.fixture.ts', import.meta.url), { workerData: { dataDir, until: appends } })
    const failed = new Promise<never>((_, reject) => worker.once('error', reject))

    const seen = once(worker, 'message')
    const given: number[] = []
    for (let n = 0; n < appends; n++) {
      // Both topics in one turn: the second is the one that the worker appends to as well.
      const [, offsets] = await Promise.all([
        log.append('device-events', [{ partition: 0, key: 'device', value: Buffer.from(`${n}`) }]),
        log.append('dead-letters', [{ partition: 0, key: 'main', value: Buffer.from(`main ${n}`) }]),
      ])
      given.push(...offsets)
    }
    expect(await Promise.race([seen, failed])).toEqual(['seen'])
    const closed = once(worker, 'message')
    worker.postMessage('close')
    await Promise.race([closed, failed])
    await worker.terminate()

    const texts: string[] = []
    for await (const { offset, key, value } of log.read('dead-letters', 0, 0, 2 * appends + 1)) {
      expect(offset).toBe(texts.length)
      if (key === 'main') expect(given[Number(Buffer.from(value).toString().slice(5))]).toBe(offset)
      texts.push(Buffer.from(value).toString())
    }
    const each = (who: string): string[] => Array.from({ length: appends }, (_, n) => `${who} ${n}`)
    expect(texts.filter((text) => text.startsWith('main'))).toEqual(each('main'))
    expect(texts.filter((text) => text.startsWith('worker'))).toEqual(each('worker'))

    const store = createStageStore<{ seen: number }>({ environment, group: 'stage', clock })
    expect(await store.resume('device-events', 0)).toEqual({ next: appends, repeatTo: null, lastRowOffsets: { messages: appends - 1 } })
    expect(store.get('device-events', 0, 'counter')).toEqual({ seen: appends })
    const keepFrom = createKeepFrom(environment, [
      { group: 'stage', topics: ['device-events'] },
      { group: 'never started', topics: ['dead-letters'] },
    ])
    expect([keepFrom('device-events', 0), keepFrom('dead-letters', 0)]).toEqual([appends, 0])
    await log.close()
    await environment.close()
  })

  it('go on when an error ends one of them in the middle of its writes, and no reader stays behind', { timeout: 30_000 }, async () => {
    const environment = openEnvironment(dataDir)
    const log = openEventLog({ environment, clock, partitions: 1, diskFreeBytesMin: 0 })
    for (let life = 0; life < 5; life++) {
      const failAfterMs = 30 + 7 * life
      const worker = new Worker(new URL('./failing-thread.fixture.ts', import.meta.url), {
        workerData: { dataDir, group: `life ${life}`, failAfterMs },
      })
      const errors: unknown[] = []
      const thread = { running: true }
      worker.once('error', (error) => errors.push(error))
      worker.once('exit', () => (thread.running = false))
      while (thread.running) await log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.from('x') }])
      expect(errors).toMatchObject([{ message: 'planted' }])
      await log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.from('after') }])
    }
    environment.refresh()
    expect(environment.root.getStats()).toMatchObject({ numReaders: 1 })
    await log.close()
    await environment.close()
  })
})
