import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../clickhouse/migrations.ts'
import { startForTest } from './start-for-test.ts'

describe('search in log lines', { timeout: 60_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  const messages = [
    'usb 1-1: device descriptor read/64, error -110',
    'wlan0: deauthenticated from 00:11:22:33:44:55 (Reason: 15=4WAY_HANDSHAKE_TIMEOUT)',
    'Überhitzung: Drosselung 100% aktiv',
    'path C:\\temp\\x_y',
    '',
    'ab',
  ]
  beforeAll(async () => {
    started = await startForTest({ listen: null })
    await migrate(started.warehouse)
    const at = Date.now()
    const rows = Array.from({ length: 30_000 }, (_, line) => ({
      tenant: 'default',
      subject: `device-${line % 50}`,
      observed_at: at,
      received_at: at,
      source: 'syslog',
      severity: 4,
      facility: null,
      program: 'kernel',
      message: line < messages.length ? messages[line] : `interface eth${line % 8} link state changed, sequence ${line}`,
      fingerprint: BigInt(line),
      class: '',
      written_at: '',
      cut: 0,
      log_id: 'log-1',
      partition: 0,
      offset: line,
      line: 0,
    }))
    await started.warehouse.insert('log_lines', rows, { dedupToken: 'lines' })
  }, 60_000)
  afterAll(() => started.stop())

  const like = (text: string): string => `%${text.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')}%`

  it.each([
    'DEVICE descriptor',
    'error -110',
    'überhitzung',
    'ÜBERHITZUNG',
    '100%',
    'C:\\temp\\x_y',
    'x_y',
    'b',
    'ab',
    '4way_handshake',
    'sequence 29999',
    'nowhere',
  ])('by the index finds the same lines as a scan: %s', async (text) => {
    const [row] = await started.warehouse.query<{ indexed: number; scanned: number }>(
      `SELECT countIf(1) AS indexed, (SELECT count() FROM log_lines WHERE positionCaseInsensitiveUTF8(message, {text:String}) > 0) AS scanned
         FROM log_lines WHERE lowerUTF8(message) LIKE {pattern:String}`,
      { text, pattern: like(text) },
    )
    expect(row?.indexed).toBe(row?.scanned)
    expect((row?.scanned ?? 0) > 0).toBe(text !== 'nowhere')
  })

  it('reads few granules of a large table', async () => {
    const lines = await started.warehouse.query<{ explain: string }>(
      "EXPLAIN indexes = 1 SELECT count() FROM log_lines WHERE lowerUTF8(message) LIKE '%4way_handshake%'",
    )
    const text = lines.map(({ explain }) => explain).join('\n')
    expect(text).toMatch(/Name: message_text[\s\S]*Granules: 1\//)
  })
})
