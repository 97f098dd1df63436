import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../clickhouse/migrations.ts'
import { askPublic, startForTest, testToken } from './start-for-test.ts'

describe('the doors', { timeout: 60_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  const asked: { status: number; sql: string }[] = []
  beforeAll(async () => {
    started = await startForTest({ hostNames: ['warehouse.example'], onAsked: (line) => asked.push(line) })
    await migrate(started.warehouse)
  }, 60_000)
  afterAll(() => started.stop())

  const url = (): URL => new URL(started.child.publicUrl)
  const basic = `Basic ${Buffer.from(`admin:${testToken}`).toString('base64')}`
  const get = (
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Buffer; headers: Record<string, unknown> }> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: url().hostname, port: url().port, path, headers }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces), headers: response.headers }))
        response.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })

  it.each([
    ['Basic', '/?query=SELECT+1', { authorization: basic }],
    ['X-ClickHouse-User and -Key', '/?query=SELECT+1', { 'x-clickhouse-user': 'admin', 'x-clickhouse-key': testToken }],
    ['user and password of the URL', `/?query=SELECT+1&user=admin&password=${testToken}`, {}],
  ] as [string, string, Record<string, string>][])('takes credentials as %s', async (_name, path, headers) => {
    const answer = await get(path, headers)
    expect([answer.status, answer.body.toString()]).toEqual([200, '1\n'])
  })

  it.each([
    ['none', {}, 401, '194'],
    ['a wrong password', { 'x-clickhouse-user': 'admin', 'x-clickhouse-key': 'x' }, 403, '516'],
    ['a wrong user', { 'x-clickhouse-user': 'root', 'x-clickhouse-key': testToken }, 403, '516'],
    ["the services' user", { 'x-clickhouse-user': 'service', 'x-clickhouse-key': testToken }, 403, '516'],
  ] as [string, Record<string, string>, number, string][])('refuses %s', async (_name, headers, status, code) => {
    const answer = await get('/?query=SELECT+1', headers)
    expect([answer.status, answer.headers['x-clickhouse-exception-code']]).toEqual([status, code])
  })

  it('refuses a Host that is not ours and a request of a web page, and takes configured names', async () => {
    expect((await get('/?query=SELECT+1', { authorization: basic, host: 'evil.example:8123' })).status).toBe(403)
    expect((await get('/?query=SELECT+1', { authorization: basic, origin: 'http://evil.example' })).status).toBe(403)
    expect((await get('/?query=SELECT+1', { authorization: basic, 'sec-fetch-site': 'cross-site' })).status).toBe(403)
    expect((await get('/?query=SELECT+1', { authorization: basic, host: 'warehouse.example' })).status).toBe(200)
  })

  it('takes the format from the text, then the header, then the URL', async () => {
    const ask = async (path: string, headers: Record<string, string> = {}) =>
      (await get(path, { authorization: basic, ...headers })).body.toString()
    const json = { 'x-clickhouse-format': 'JSONEachRow' }
    expect(await ask('/?query=SELECT+1+AS+a+FORMAT+CSVWithNames&default_format=TSV', json)).toBe('"a"\n1\n')
    expect(await ask('/?query=SELECT+1+AS+a&default_format=TSV', json)).toBe('{"a":1}\n')
    expect(await ask('/?query=SELECT+1+AS+a&default_format=JSONCompactEachRow')).toBe('[1]\n')
    expect(await ask('/?query=SELECT+1+AS+a')).toBe('1\n')
  })

  it('packs answers when asked, and unpacks statements', async () => {
    const answer = await get('/?query=SELECT+number+FROM+numbers(1000)&enable_http_compression=1', {
      authorization: basic,
      'accept-encoding': 'gzip',
    })
    expect(answer.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(answer.body).toString().split('\n').length).toBe(1001)
    const packed = await fetch(`${started.child.publicUrl}/`, {
      method: 'POST',
      headers: { authorization: basic, 'content-encoding': 'gzip' },
      body: new Uint8Array(gzipSync('SELECT 2')),
    })
    expect(await packed.text()).toBe('2\n')
  })

  it('takes parameters as escaped values and demands those that the text names', async () => {
    expect(await askPublic(started.child.publicUrl, 'SELECT {x:String}', `param_x=${encodeURIComponent("it's; DROP")}`)).toMatchObject({
      status: 200,
      text: "it\\'s; DROP\n",
    })
    expect(await askPublic(started.child.publicUrl, 'SELECT {x:String}')).toMatchObject({ code: '456' })
  })

  it('does not mix up parameters of requests at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, x) =>
        askPublic(started.child.publicUrl, 'SELECT {x:UInt32} + sum(number) * 0 FROM numbers(1000)', `param_x=${x}`),
      ),
    )
    expect(answers.map(({ text }) => text)).toEqual(Array.from({ length: 60 }, (_, x) => `${x}\n`))
  })

  it('tells an error before the first row by status, and our settings are not in its text', async () => {
    const answer = await askPublic(started.child.publicUrl, 'SELECT nothing FROM measurements')
    expect(answer).toMatchObject({ status: 404, code: '47' })
    expect(answer.text).toMatch(/^Code: 47\. DB::Exception: .*\(UNKNOWN_IDENTIFIER\) \(version 26\.7\.2\.1 \(official build\)\)\n$/s)
    expect(answer.text).not.toContain('log_comment')
  })

  it('tells an error after rows by the tagged block and a cut connection', async () => {
    const response = await fetch(
      `${started.child.publicUrl}/?query=${encodeURIComponent('SELECT throwIf(number = 3000000) FROM numbers(5000000) SETTINGS max_block_size = 65536')}`,
      { headers: { authorization: basic } },
    )
    expect(response.status).toBe(200)
    const tag = response.headers.get('x-clickhouse-exception-tag') ?? ''
    expect(tag).toMatch(/^[a-z]{16}$/)
    let end = ''
    const reading = (async () => {
      for await (const piece of response.body ?? []) end = (end + Buffer.from(piece).toString()).slice(-2000)
    })()
    await expect(reading).rejects.toThrow()
    const block = new RegExp(`\\r\\n__exception__\\r\\n${tag}\\r\\n(Code: \\d+[\\s\\S]*\\n)(\\d+) ${tag}\\r\\n__exception__\\r\\n$`).exec(
      end,
    )
    expect(Number(block?.[2])).toBe(Buffer.byteLength(block?.[1] ?? ''))
  })

  it('ends a query whose client went away', async () => {
    const abort = new AbortController()
    const gone = fetch(
      `${started.child.publicUrl}/?query=${encodeURIComponent('SELECT sum(cityHash64(number)) FROM numbers(1900000000)')}`,
      { headers: { authorization: basic }, signal: abort.signal },
    )
    const running = async (): Promise<number> => {
      const [row] = await started.warehouse.query<{ n: number }>(
        "SELECT count() AS n FROM system.processes WHERE query LIKE '%cityHash64(number)%' AND query NOT LIKE '%system.processes%'",
      )
      return row?.n ?? 0
    }
    for (const end = Date.now() + 20_000; (await running()) === 0 && Date.now() < end; ) await delay(10)
    abort.abort()
    await expect(gone).rejects.toThrow()
    const endBy = Date.now() + 5000
    while ((await running()) > 0 && Date.now() < endBy) await delay(10)
    expect(await running()).toBe(0)
  })

  it('runs eight and lets sixty-four wait; the rest is told to come later', async () => {
    const answers = await Promise.all(
      Array.from({ length: 90 }, () => askPublic(started.child.publicUrl, 'SELECT sum(cityHash64(number)) FROM numbers(30000000)')),
    )
    const byStatus = Object.groupBy(answers, ({ status }) => String(status))
    expect(byStatus['200']?.length).toBeGreaterThanOrEqual(72)
    expect(byStatus['503']?.length).toBe(90 - (byStatus['200']?.length ?? 0))
    expect(byStatus['503']?.[0]?.code).toBe('202')
  })

  it('stops an answer of more than a million rows, also where the engine does not', async () => {
    const answer = await askPublic(
      started.child.publicUrl,
      'SELECT number FROM numbers(900000) UNION ALL SELECT number FROM numbers(900000)',
    )
    expect(answer.text).toMatch(/cut|Limit for result exceeded/)
  })

  it('writes a line about every request', async () => {
    await askPublic(started.child.publicUrl, 'SELECT 41')
    await askPublic(started.child.publicUrl, 'DROP TABLE measurements')
    for (const end = Date.now() + 5000; !asked.some(({ sql }) => sql.startsWith('DROP')) && Date.now() < end; ) await delay(10)
    expect(asked).toContainEqual(expect.objectContaining({ status: 200, sql: 'SELECT 41' }))
    expect(asked).toContainEqual(expect.objectContaining({ status: 403, sql: 'DROP TABLE measurements' }))
  })

  it('adds nothing twice when an insert is cut into several blocks, neither to the rollups', async () => {
    const { access } = started.child
    const at = new Date().toISOString().slice(0, 23).replace('T', ' ')
    const lines = Array.from({ length: 100 }, (_, offset) =>
      JSON.stringify({
        tenant: 't',
        subject: 'blocks',
        metric: 'm',
        observed_at: at,
        received_at: at,
        value: 1,
        quality: 'ok',
        log_id: 'l',
        offset,
      }),
    ).join('\n')
    const settings =
      'insert_deduplication_token=blocks&max_insert_block_size=7&min_insert_block_size_rows=7&min_insert_block_size_bytes=1&max_insert_threads=1&input_format_parallel_parsing=0&deduplicate_blocks_in_dependent_materialized_views=1&async_insert=0'
    for (let repeat = 0; repeat < 3; repeat++) {
      const response = await fetch(
        `${access.url}/?query=${encodeURIComponent('INSERT INTO measurements FORMAT JSONEachRow')}&${settings}`,
        {
          method: 'POST',
          headers: { 'x-clickhouse-user': access.username, 'x-clickhouse-key': access.password },
          body: lines,
        },
      )
      expect([response.status, await response.text()]).toEqual([200, ''])
    }
    const parts = await started.warehouse.query<{ n: number }>("SELECT count() AS n FROM measurements WHERE subject = 'blocks'")
    expect(parts).toEqual([{ n: 100 }])
    for (const step of ['15m', '1h', '1d']) {
      expect(await started.warehouse.query(`SELECT sum(r.samples) AS n FROM measurements_${step} AS r WHERE r.subject = 'blocks'`)).toEqual(
        [{ n: 100 }],
      )
    }
  })
})
