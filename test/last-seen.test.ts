/**
 * When was a device last heard: its own repeats are a sign of life, copies that an outside broker had kept are none. Over rows
 * that the first release wrote, which called both duplicates, and over those of now.
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Row } from '../model/ports.ts'
import { eventCodec, eventOf } from './stage-fakes.ts'

const schemas = fileURLToPath(new URL('../schemas/clickhouse/', import.meta.url))
const atMs = Math.floor(Date.now() / 1000) * 1000 - 86_400_000

let offset = 0
const message = (subject: string, minute: number, outcome: string, storedCopy = false): Row => {
  const receivedAtMs = atMs + minute * 60_000
  const event = eventOf({ device: subject, receivedAtMs, observedAtMs: atMs, source: { storedCopy, dup: outcome === 'duplicate', qos: 2 } })
  return {
    tenant: 'main',
    subject_kind: 'device',
    subject,
    observed_at: atMs,
    claimed_at: atMs,
    received_at: receivedAtMs,
    clock_verdict: 'trusted',
    outcome,
    topic: event.source.topic,
    boot_id: '',
    seq: null,
    log_id: 'log',
    partition: 0,
    offset: ++offset,
    frame: Uint8Array.from(eventCodec.encode(event)),
  }
}

describe('last seen', { timeout: 60_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  const directory = mkdtempSync(join(tmpdir(), 'fleet-first-release-'))
  beforeAll(async () => {
    started = await startForTest({ listen: null })
    copyFileSync(join(schemas, '0001_first_tables.sql'), join(directory, '0001_first_tables.sql'))
    await migrate(started.warehouse, { directory })
  }, 60_000)
  afterAll(async () => {
    await started.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const seen = () =>
    started.warehouse.query(
      `SELECT subject, dateDiff('minute', fromUnixTimestamp64Milli({at:Int64}, 'UTC'), max(last_received_at)) AS last, toInt32(sum(messages)) AS messages,
  max(last_observed_at) = fromUnixTimestamp64Milli({at:Int64}, 'UTC') AS newest
FROM subjects_seen GROUP BY subject ORDER BY subject`,
      { at: atMs },
    )

  it('counts repeats and no stored copies, also of what was there before', async () => {
    // As the first release wrote them: repeats and copies alike.
    await started.warehouse.insert(
      'messages',
      [
        message('repeats', 0, 'stored'),
        message('repeats', 10, 'duplicate'),
        message('copied', 0, 'stored'),
        message('copied', 20, 'duplicate', true),
      ],
      { dedupToken: 'old' },
    )
    expect(await seen()).toMatchObject([
      { subject: 'copied', last: 0 },
      { subject: 'repeats', last: 0 },
    ])
    await migrate(started.warehouse)
    const expected = [
      { subject: 'copied', last: 0, messages: 1, newest: 1 },
      { subject: 'repeats', last: 10, messages: 1, newest: 1 },
    ]
    expect(await seen()).toEqual(expected)
    // Ended half-way: the statements come again.
    await started.warehouse.command('ALTER TABLE migrations DELETE WHERE number > 1 SETTINGS mutations_sync = 1')
    await migrate(started.warehouse)
    expect(await seen()).toEqual(expected)

    await started.warehouse.insert(
      'messages',
      [message('repeats', 30, 'duplicate'), message('copied', 40, 'stored_copy', true), message('new', 5, 'ambiguous')],
      { dedupToken: 'new' },
    )
    expect(await seen()).toEqual([
      { subject: 'copied', last: 0, messages: 1, newest: 1 },
      { subject: 'new', last: 5, messages: 1, newest: 1 },
      { subject: 'repeats', last: 30, messages: 1, newest: 1 },
    ])
    expect(
      await started.warehouse.query(
        'SELECT toString(outcome) AS outcome, toInt32(count()) AS n FROM messages GROUP BY messages.outcome ORDER BY messages.outcome',
      ),
    ).toEqual([
      { outcome: 'stored', n: 2 },
      { outcome: 'duplicate', n: 2 },
      { outcome: 'ambiguous', n: 1 },
      { outcome: 'stored_copy', n: 2 },
    ])
  })
})
