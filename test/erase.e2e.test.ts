/** Erasure on the running recorder: an identifier that a device published is found in no file and in no answer afterwards. */
import { spawn } from 'node:child_process'
import { type Dirent, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { connectAsync } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErasureReport } from '../app/erase-subject.ts'
import { verifyRebuild } from '../app/rebuild-verify.ts'
import { differenceLine } from '../processors/domain/row-differences.ts'
import { loadConfig } from '../runtime/config.ts'
import { exportRows } from '../app/export-rows.ts'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'

const project = resolve(import.meta.dirname, '..')
const erased = '00-11-22-33-44-55'
const other = '00-11-22-33-44-66'
const imei = '490154203237518'
const iccid = '8949020000012345678'
const tables = ['messages', 'measurements', 'facts', 'ledger', 'subjects_seen', 'measurements_15m', 'measurements_1h', 'measurements_1d']

describe('erasing a device', () => {
  const folder = mkdtempSync(join(tmpdir(), 'erase-'))
  const data = join(folder, 'data')
  let recorder: Recorder
  let report: ErasureReport

  const env = () => ({
    ...process.env,
    DATA_DIR: data,
    ADMIN_TOKEN: recorder.adminToken,
    HTTP_LISTEN: `127.0.0.1:${recorder.ports.http}`,
    MQTT_LISTEN: `127.0.0.1:${recorder.ports.mqtt}`,
  })
  const erase = (mac: string): Promise<{ code: number | null; text: string; errors: string }> => {
    const child = spawn(process.execPath, ['app/erase-main.ts', mac, '--json'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: env(),
    })
    let text = ''
    let errors = ''
    child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    child.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()))
    return new Promise((done) => child.once('exit', (code) => done({ code, text, errors })))
  }
  const count = async (sql: string): Promise<number> => {
    const answer = await fetch(`http://127.0.0.1:${recorder.ports.warehouse}/?database=fleet`, {
      method: 'POST',
      headers: { 'X-ClickHouse-User': 'admin', 'X-ClickHouse-Key': recorder.adminToken },
      body: sql,
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
    return Number(text)
  }
  const api = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${recorder.ports.http}/api/v1${path}`, {
      headers: { authorization: `Bearer ${recorder.adminToken}` },
    })
    return { status: answer.status, text: await answer.text() }
  }
  const verify = async () => {
    const config = loadConfig(() => '', { DATA_DIR: data, ADMIN_TOKEN: recorder.adminToken })
    const publicUrl = `http://127.0.0.1:${recorder.ports.warehouse}`
    const { differences, skipped, erased: marked, whole } = await verifyRebuild({ config, publicUrl, sample: null, say: () => undefined })
    return { lines: differences.map(differenceLine), skipped, erased: marked, whole }
  }
  const rowsOf = async (subject: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {}
    for (const table of tables) counts[table] = await count(`SELECT count() FROM ${table} WHERE subject = '${subject}'`)
    return counts
  }
  const publish = async (mac: string, retain: boolean): Promise<void> => {
    const client = await connectAsync(`mqtt://127.0.0.1:${recorder.ports.mqtt}`, { reconnectPeriod: 0 })
    const status = JSON.stringify({ sim: 'ready', registration: 'home', plmn: '26201', imei, iccid })
    await client.publishAsync(`dwr/311-a1/${mac}/modem/status`, status, { qos: 1, retain })
    await client.publishAsync(`dwr/311-a1/${mac}/hardware/loadavg`, '{"load1":0.5,"load5":0.4,"load15":0.3}', { qos: 1 })
    await client.endAsync()
  }

  beforeAll(async () => {
    recorder = await createRecorder(data)
    await recorder.start()
    await publish(erased, true)
    const client = await connectAsync(`mqtt://127.0.0.1:${recorder.ports.mqtt}`, { reconnectPeriod: 0 })
    await client.publishAsync(`dwr/311-a1/${erased}/hardware/loadavg`, `{"imei":"${imei}","load1":1,"load1":2}`, { qos: 1 })
    await client.publishAsync(`dwr/311-a1/${other}/hardware/loadavg`, '{"load1":0.5,"load5":0.4,"load15":0.3}', { qos: 1 })
    await client.endAsync()
    for (const mac of [erased, other]) {
      await waitFor(`rows of ${mac}`, async () => (await count(`SELECT count() FROM measurements WHERE subject = '${mac}'`)) > 0, 20_000)
    }
    await waitFor('its dead letter', async () => (await count(`SELECT count() FROM dead_letters WHERE subject = '${erased}'`)) > 0, 20_000)
  })
  afterAll(async () => {
    await recorder.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('begins with a broker that holds the identifier in clear, and with rows', async () => {
    expect(filesHolding(data, imei)).toEqual(['broker/data.mdb'])
    expect(Object.values(await rowsOf(erased)).every((rows) => rows > 0)).toBe(true)
  })

  it('can be exported before: each row once with its table, masked, whatever the size of a page', async () => {
    const door = { url: `http://127.0.0.1:${recorder.ports.warehouse}`, token: recorder.adminToken }
    const query = { subject: erased, fromMs: Date.now() - 3_600_000, toMs: Date.now() + 60_000 }
    const whole = await lines(exportRows(door, query))
    const counts = whole.reduce<Record<string, number>>((sums, { table }) => ({ ...sums, [table]: (sums[table] ?? 0) + 1 }), {})
    expect(counts).toEqual({
      messages: 3,
      measurements: 3,
      facts: 7,
      clock_observations: 1,
      dead_letters: 1,
      ledger: expect.any(Number) as number,
    })
    expect(whole[0]).toMatchObject({
      table: 'messages',
      subject: erased,
      observed_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      offset: expect.any(Number) as number,
    })
    expect(JSON.stringify(whole)).not.toContain(imei)
    const inPages = await lines(exportRows({ ...door, page: { rows: 1, bytes: 1_000 } }, query))
    expect(new Set(inPages.map((row) => JSON.stringify(row)))).toEqual(new Set(whole.map((row) => JSON.stringify(row))))
    expect(inPages).toHaveLength(whole.length)
    expect(await lines(exportRows(door, { ...query, toMs: query.fromMs + 1 }))).toEqual([])
  })

  it('reports every store that it touched, and what remains', async () => {
    const { code, text, errors } = await erase('00:11:22:33:44:55')
    expect(errors).toBe('')
    expect(code).toBe(0)
    report = JSON.parse(text) as ErasureReport
    expect(report).toMatchObject({ subject: erased, running: true })
    expect(report.touched).toEqual(
      expect.arrayContaining([
        { store: 'keys', what: 'key', count: 1 },
        { store: 'broker', what: 'retained messages', count: 1 },
        { store: 'warehouse', what: 'rows of messages', count: 3 },
        { store: 'warehouse', what: 'rows of dead_letters', count: 1 },
      ]),
    )
    expect(report.touched.find(({ what }) => what === 'states of the stages')?.count).toBeGreaterThan(0)
    expect(report.touched).toEqual(
      expect.arrayContaining([
        // Three messages, a dead letter, and what was told of it to the fleet stage.
        { store: 'log', what: 'records (emptied in place)', count: 5 },
        { store: 'warehouse', what: 'marks of the erasure (written)', count: 2 },
      ]),
    )
    expect(report.remains).toEqual([
      expect.stringContaining('in the files of the tables'),
      expect.stringContaining('free pages of the file'),
      expect.stringContaining('dead letters whose topic did not tell the device'),
      expect.stringContaining('backups and exports'),
    ])
  })

  it('leaves the identifier in no file, and in log and broker not even the name of the device', () => {
    expect(filesHolding(data, imei)).toEqual([])
    expect(filesHolding(data, iccid)).toEqual([])
    expect(filesHolding(data, erased).filter((file) => /^(log|broker)\//.test(file))).toEqual([])
    expect(filesHolding(data, other)).toContain('log/data.mdb')
  })

  it('leaves a mark: who, when, up to which offset, and not of whom', async () => {
    expect(
      await count("SELECT count() FROM erasures WHERE topic = 'device-events' AND records = 3 AND actor != '' AND through_offset >= 3"),
    ).toBe(1)
    expect(await count("SELECT count() FROM erasures WHERE topic = 'dead-letters' AND records = 1 AND through_offset = 0")).toBe(1)
    expect(await count(`SELECT count() FROM erasures WHERE pseudonym = '${erased}'`)).toBe(0)
  })

  it('is erased, not missing, to a rebuild', async () => {
    const verified = await verify()
    expect(verified.lines).toEqual([])
    expect(verified).toMatchObject({ skipped: [], whole: true })
  })

  it('leaves no row in any table and no answer of the API', async () => {
    expect(Object.values(await rowsOf(erased))).toEqual(tables.map(() => 0))
    expect(await count(`SELECT count() FROM dead_letters WHERE subject = '${erased}'`)).toBe(0)
    expect((await api(`/devices/${erased}`)).status).toBe(404)
    expect((await api('/devices')).text).not.toContain(erased)
    expect((await api('/devices')).text).toContain(other)
  })

  it('leaves the others as they were, and a restart brings nothing back', async () => {
    const before = await rowsOf(other)
    expect(before['measurements']).toBe(3)
    await recorder.stop()
    await recorder.start()
    expect(await rowsOf(other)).toEqual(before)
    expect(Object.values(await rowsOf(erased))).toEqual(tables.map(() => 0))
    expect(filesHolding(data, imei)).toEqual([])
  })

  it('lets the device speak again, as one that was never seen', async () => {
    await publish(erased, false)
    await waitFor(
      'its rows',
      async () => (await count(`SELECT count() FROM facts WHERE subject = '${erased}' AND sealed != ''`)) > 0,
      20_000,
    )
    expect(await count(`SELECT count() FROM messages WHERE subject = '${erased}'`)).toBe(2)
    // What it says now is compared, what it said before is not asked for.
    const verified = await verify()
    expect(verified.lines).toEqual([])
    expect(verified).toMatchObject({ skipped: [], erased: [erased], whole: true })
  })

  it('names the maintenance windows that still name the device', async () => {
    const named = '00-11-22-33-44-77'
    const answer = await fetch(`http://127.0.0.1:${recorder.ports.http}/api/v1/maintenance-windows`, {
      method: 'POST',
      headers: { authorization: `Bearer ${recorder.adminToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        id: 'CHG-1',
        selector: { device: named },
        to: new Date(Date.now() + 3_600_000).toISOString(),
        reason: 'works',
      }),
    })
    expect([answer.status, ((await answer.json()) as { confirmed: boolean }).confirmed]).toEqual([201, true])
    const { text } = await erase(named)
    expect((JSON.parse(text) as ErasureReport).remains).toContainEqual(expect.stringMatching(/^maintenance windows that name it.*CHG-1/))
    const { text: ofOther } = await erase(other)
    expect(ofOther).not.toContain('CHG-1')
  })

  it('works on a stopped recorder too', async () => {
    await recorder.stop()
    const { code, text } = await erase(erased)
    expect(code).toBe(0)
    const again = JSON.parse(text) as ErasureReport
    expect(again.running).toBe(false)
    expect(again.touched).toEqual(expect.arrayContaining([{ store: 'warehouse', what: 'rows of messages', count: 2 }]))
    expect(filesHolding(data, imei)).toEqual([])
  })
})

/** Files below the folder whose bytes hold the text. What vanishes meanwhile (merged parts) is not there. */
const filesHolding = (folder: string, text: string, path = folder): string[] =>
  entriesOf(path).flatMap((entry) => {
    const at = join(path, entry.name)
    if (entry.isDirectory()) return filesHolding(folder, text, at)
    return entry.isFile() && bytesOf(at).includes(text) ? [at.slice(folder.length + 1)] : []
  })

const entriesOf = (path: string): Dirent[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch (error) {
    return vanished(error, [])
  }
}

const bytesOf = (path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    return vanished(error, Buffer.alloc(0))
  }
}

const vanished = <T>(error: unknown, nothing: T): T => {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing
  throw error
}

const lines = async (chunks: AsyncIterable<string>): Promise<({ table: string } & Record<string, unknown>)[]> => {
  let text = ''
  for await (const chunk of chunks) text += chunk
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { table: string })
}
