import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Row } from '../../model/ports.ts'
import { startForTest } from '../chdb/start-for-test.ts'
import { migrate } from './migrations.ts'
import { gatheredBytesMax, gatheredRowsMax, openRowGatherer, type RowGatherer } from './row-gatherer.ts'

const receivedAtMs = Date.UTC(2026, 0, 5)
const messageOf = (offset: number, frame: Uint8Array = new Uint8Array(1)): Row => ({
  tenant: 'main',
  subject_kind: 'device',
  subject: 'd',
  observed_at: receivedAtMs,
  claimed_at: null,
  received_at: receivedAtMs,
  clock_verdict: 'missing',
  outcome: 'stored',
  topic: `t/${offset % 3}`,
  boot_id: '',
  seq: null,
  log_id: 'log',
  partition: 0,
  offset,
  frame,
})
const presenceOf = (offset: number): Row => ({
  tenant: 'main',
  subject: 'd',
  observed_at: receivedAtMs,
  received_at: receivedAtMs,
  state: 'online',
  session_id: null,
  reason: null,
  cause: '',
  log_id: 'log',
  partition: 0,
  offset,
})

describe('rows gathered for large inserts', { timeout: 120_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  let gatherer: RowGatherer
  beforeAll(async () => {
    started = await startForTest({ listen: null })
    await migrate(started.warehouse)
    gatherer = openRowGatherer({ ...started.child.access, database: 'fleet' })
  }, 60_000)
  afterAll(async () => {
    await gatherer.close()
    await started.stop()
  })
  const held = (table: string) =>
    started.warehouse
      .query<{ offset: number }>(`SELECT offset FROM ${table} ORDER BY offset`)
      .then((rows) => rows.map(({ offset }) => offset))

  it('reach their tables with the flush, those that come meanwhile with the next one', async () => {
    const rows = [messageOf(0), messageOf(1)]
    gatherer.add('messages', rows)
    rows.length = 0 // They are let go of at once.
    gatherer.add('messages', [messageOf(2)])
    gatherer.add('presence', [presenceOf(2)])
    expect(await held('messages')).toEqual([])
    const first = gatherer.flush((table) => `first:${table}`)
    gatherer.add('messages', [messageOf(3)])
    await first
    expect([await held('messages'), await held('presence')]).toEqual([[0, 1, 2], [2]])
    await gatherer.flush((table) => `second:${table}`)
    expect(await held('messages')).toEqual([0, 1, 2, 3])
    const topics = await started.warehouse.query<{ topic: string }>('SELECT topic FROM messages ORDER BY offset')
    expect(topics.map(({ topic }) => topic)).toEqual(['t/0', 't/1', 't/2', 't/0'])
  })

  it('are due at a number of rows, and at a number of bytes', () => {
    const many = openRowGatherer({ ...started.child.access, database: 'fleet' })
    const thousand = Array.from({ length: 1_000 }, (_, offset) => presenceOf(offset))
    for (let rows = 0; rows < gatheredRowsMax; rows += 1_000) {
      expect(many.isFull()).toBe(false)
      many.add('presence', thousand)
    }
    expect(many.isFull()).toBe(true)
    const large = openRowGatherer({ ...started.child.access, database: 'fleet' })
    large.add('messages', [messageOf(0, new Uint8Array(gatheredBytesMax / 2))])
    expect(large.isFull()).toBe(false)
    large.add('messages', [messageOf(0, new Uint8Array(gatheredBytesMax / 2))])
    expect(large.isFull()).toBe(true)
    return Promise.all([many.close(), large.close()])
  })
})
