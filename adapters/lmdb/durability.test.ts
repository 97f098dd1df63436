import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'
import { createStageStore } from './stage-store.ts'

const clock = { nowMs: () => Date.now() }
const acknowledgedMin = 300

describe('LMDB log over restarts', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'durability-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  const open = (partitions = 1) => {
    const environment = openEnvironment(dataDir)
    const close = () => environment.close()
    return { environment, close, log: () => openEventLog({ environment, clock, partitions, diskFreeBytesMin: 0 }) }
  }

  it('has every acknowledged record after kill -9, over two lives', { timeout: 30_000 }, async () => {
    const acknowledged = new Map<number, string>()
    for (let life = 1; life <= 2; life++) {
      const child = spawn(process.execPath, [fileURLToPath(new URL('./append-until-killed.fixture.ts', import.meta.url)), dataDir])
      const exited = once(child, 'exit')
      let output = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text
        if (output.split('\n').length > acknowledgedMin) child.kill('SIGKILL')
      })
      expect(await exited).toEqual([null, 'SIGKILL'])
      for (const line of output.split('\n').slice(0, -1)) {
        const [offset = '', text = ''] = line.split(' ')
        expect(acknowledged.has(Number(offset))).toBe(false) // No offset is given twice.
        acknowledged.set(Number(offset), text)
      }
    }
    const { log, close } = open()
    const stored = new Map<number, string>()
    for await (const { offset, value } of log().read('device-events', 0, 0, Number.MAX_SAFE_INTEGER)) {
      stored.set(offset, Buffer.from(value).toString())
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(2 * acknowledgedMin)
    for (const [offset, text] of acknowledged) expect(stored.get(offset)).toBe(text)
    await close()
  })

  it('keeps its id, its records and its offsets when opened again', async () => {
    const first = open()
    const log = first.log()
    await log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.from('a') }])
    await log.close()
    await first.close()
    const second = open()
    const again = second.log()
    expect(again.logId).toMatch(/^[0-9a-f]{16}$/)
    expect([again.logId, await again.bounds('device-events', 0)]).toEqual([log.logId, { first: 0, next: 1 }])
    await second.close()
  })

  it('gives a new log another id', async () => {
    const first = open()
    const { logId } = first.log()
    await first.close()
    rmSync(dataDir, { recursive: true })
    const second = open()
    expect(second.log().logId).not.toBe(logId)
    await second.close()
  })

  it('refuses another count of partitions than at creation, and says both', async () => {
    const first = open(2)
    first.log()
    await first.close()
    const second = open(3)
    expect(() => second.log()).toThrow(expect.objectContaining({ code: 'LOG_PARTITIONS_CHANGED' }))
    expect(() => second.log()).toThrow(/Expected 2 partitions of device-events.*got 3/)
    await second.close()
  })

  it('keeps a pending range and its state when opened again', async () => {
    const first = open()
    first.log()
    const store = createStageStore<string>({ environment: first.environment, group: 'g', clock })
    const done = { topic: 'device-events', partition: 0, from: 0, to: 4 } as const
    await store.finish({ range: done, states: new Map([['a', 'state']]), segments: [], tables: ['radio'], outputs: [] })
    await store.begin({ ...done, from: 5, to: 9 })
    await first.close()
    const second = open()
    const again = createStageStore<string>({ environment: second.environment, group: 'g', clock })
    expect(await again.resume('device-events', 0)).toEqual({ next: 5, repeatTo: 9, lastRowOffsets: { radio: 4 } })
    expect(again.get('device-events', 0, 'a')).toBe('state')
    await second.close()
  })
})
