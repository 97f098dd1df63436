/**
 * Rows of the security reference's "inputs and faults" that no single room proves alone (docs/reference/security-tests.md
 * names the test of each row).
 */
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBytesCheck } from '../adapters/avro/check-bytes.ts'
import { startForTest, testToken } from '../adapters/chdb/start-for-test.ts'
import { bootsKnownMax } from '../processors/domain/boot-tracker.ts'
import { logLinesPerMinuteMax } from '../processors/domain/projections/log-lines.ts'
import { arrivalMs, createBench, type EventWords, eventOf } from './stage-fakes.ts'
import { messageOf } from './parse-kit.ts'

describe('row 11: a bomb of gzip at the warehouse door', () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  beforeAll(async () => {
    started = await startForTest()
  }, 60_000)
  afterAll(() => started.stop())

  it('of 200 MB ends at the limit of a statement; the door goes on', async () => {
    const ask = (body: Buffer) =>
      fetch(`${started.child.publicUrl}/`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`admin:${testToken}`).toString('base64')}`, 'content-encoding': 'gzip' },
        body: new Uint8Array(body),
      })
    const startedAtMs = performance.now()
    const refused = await ask(gzipSync(Buffer.alloc(200_000_000, 0x20)))
    expect([refused.status, (await refused.text()).slice(0, 100)]).toEqual([
      413,
      'Code: 307. DB::Exception: Expected a statement of at most 262144 bytes. (TOO_MANY_BYTES) (version 26',
    ])
    expect(performance.now() - startedAtMs).toBeLessThan(20_000)
    expect(await (await ask(gzipSync('SELECT 1'))).text()).toBe('1\n')
    const half = await ask(gzipSync('SELECT 1').subarray(0, 14))
    expect([half.status, half.headers.get('x-clickhouse-exception-code')]).toEqual([400, '354'])
  }, 60_000)
})

describe('row 13: Avro that names a branch which the union does not have', () => {
  it('is refused, and so is a negative one', () => {
    const check = createBytesCheck(['null', 'int'])
    expect([check(Buffer.from('0202', 'hex'), 0), check(Buffer.from('0e', 'hex'), 0), check(Buffer.from('01', 'hex'), 0)]).toEqual([
      undefined,
      expect.stringMatching(/branch/) as string,
      expect.stringMatching(/branch/) as string,
    ])
  })
})

/** Many events through the device stage, as they come over a day. */
const runStage = async (events: readonly EventWords[]) => {
  const bench = createBench()
  bench.append(...events.map(eventOf))
  await bench.run(1_000)
  return bench
}

describe('row 19: a log line that wants to be more than a line', () => {
  it('becomes the row that it was, cut and marked at its maximum', async () => {
    const line = '\u001b[2J<script>alert(1)</script>=cmd\r|calc\u0000'
    const { bodies } = messageOf('dwr/311-a1/00-11-22-33-44-55/log/syslog', `${line}\n${'A'.repeat(1_000_000)}`)
    const { rowsOf } = await runStage([{ bodies }])
    expect(rowsOf('log_lines').map(({ message, cut }) => [message, cut])).toEqual([
      [line, 0],
      ['A'.repeat(4_096), 1],
    ])
  })
})

describe('row 20: a kernel panic and then a boot every 18 seconds', () => {
  const boots = 200
  const linesOfPanic = 20
  const panics: EventWords[] = Array.from({ length: boots }, (_, boot) => ({
    receivedAtMs: arrivalMs + boot * 18_000,
    observedAtMs: arrivalMs + boot * 18_000,
    bootId: `boot-${boot}`,
    seq: 1,
    text: `panic ${boot}`,
    bodies: [
      { kind: 'Boot', bootId: `boot-${boot}`, reason: 'panic', uptimeBeforeSeconds: 17, taskId: null },
      {
        kind: 'LogLines',
        source: 'dmesg',
        items: Array.from({ length: linesOfPanic }, (__, line) => ({
          observedAtMs: null,
          writtenAt: '',
          severity: 0,
          facility: 'kern',
          program: 'kernel',
          message: `Kernel panic - not syncing: ${line}`,
          cut: false,
        })),
      },
    ],
  }))

  it('is a row for each boot; what is remembered of the device is bounded', async () => {
    const { rowsOf, store, counts } = await runStage(panics)
    expect(rowsOf('boots').map(({ boot_id, reason }) => [boot_id, reason])).toEqual(panics.map(({ bootId }) => [bootId, 'panic']))
    expect(rowsOf('log_lines')).toHaveLength(boots * linesOfPanic)
    expect(counts['stored']).toBe(boots)
    const state = store.get('device-events', 0, 'core:00-11-22-33-44-55') as { boot?: { known: number[] } } | undefined
    expect(state?.boot?.known.length).toBe(bootsKnownMax)
    expect(JSON.stringify(state).length).toBeLessThan(20_000)
  })

  it('lines beyond the maximum of a minute are told once and kept in messages', async () => {
    const [panic] = panics
    const burst = Array.from({ length: logLinesPerMinuteMax / linesOfPanic + 5 }, (_, message) => ({
      ...panic,
      seq: message + 1,
      text: `burst ${message}`,
    }))
    const { rowsOf, counts } = await runStage(burst)
    expect(rowsOf('log_lines')).toHaveLength(logLinesPerMinuteMax + 1)
    expect(counts['log-lines-per-minute']).toBe(5 * linesOfPanic)
    expect(rowsOf('messages')).toHaveLength(burst.length)
  })
})

describe('row 21: MACs that nobody knows', () => {
  it('are a small state and a fixed number of rows each, however many come', async () => {
    const devices = 20_000
    const { rowsOf, store, counts } = await runStage(
      Array.from({ length: devices }, (_, n) => ({
        device: `02-00-00-${[n >> 16, n >> 8, n].map((byte) => (byte & 0xff).toString(16).padStart(2, '0')).join('-')}`,
        bodies: [
          { kind: 'Measurements', items: [{ metric: 'system.uptime', attributes: '', value: n, quality: 'ok', observedAtMs: null }] },
        ],
      })),
    )
    expect([counts['stored'], rowsOf('messages').length, rowsOf('measurements').length]).toEqual([devices, devices, devices])
    expect(JSON.stringify(store.get('device-events', 0, 'core:02-00-00-00-00-01')).length).toBeLessThan(2_000)
  }, 60_000)
})
