import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { migrate } from '../clickhouse/migrations.ts'
import { openWarehouse } from '../clickhouse/warehouse.ts'
import { measurementRow } from '../warehouse-rows.ts'
import { startForTest, testToken } from './start-for-test.ts'
import { startWarehouseChild } from './supervisor.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const started = async (options: Parameters<typeof startForTest>[0] = {}) => {
  const made = await startForTest(options)
  cleanups.push(made.stop)
  return made
}

const until = async (what: string, condition: () => Promise<boolean> | boolean, withinMs = 30_000): Promise<void> => {
  for (const end = Date.now() + withinMs; !(await condition()); ) {
    if (Date.now() > end) throw new Error(`Expected within ${withinMs} ms: ${what}`)
    await delay(20)
  }
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the warehouse child', { timeout: 120_000 }, () => {
  it('comes back after kill -9, and repeated inserts add nothing twice', async () => {
    const restarts: string[] = []
    const { child, warehouse } = await started({ onRestart: (reason) => restarts.push(reason) })
    await migrate(warehouse)
    const insertUntilTaken = async (batch: number): Promise<number> => {
      const rows = Array.from({ length: 200 }, (_, index) => measurementRow(batch * 200 + index, { value: 1, quality: 'ok' }))
      for (let tries = 1; ; tries++) {
        try {
          await warehouse.insert('measurements', rows, { dedupToken: `killed:${batch}` })
          return tries
        } catch (error) {
          expect(error).toMatchObject({ code: 'WAREHOUSE_UNAVAILABLE', retryable: true })
          if (tries > 500) throw error
          await delay(50)
        }
      }
    }
    let tries = 0
    const writing = (async () => {
      for (let batch = 0; batch < 30; batch++) tries += await insertUntilTaken(batch)
    })()
    for (let kill = 0; kill < 3; kill++) {
      const pid = child.pid()
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await until('another process', () => child.pid() !== undefined && child.pid() !== pid)
    }
    await writing
    expect(restarts.length).toBeGreaterThanOrEqual(3)
    expect(tries).toBeGreaterThan(30)
    const [raw] = await warehouse.query('SELECT count() AS n, uniqExact(offset) AS distinct FROM measurements')
    expect(raw).toEqual({ n: 6000, distinct: 6000 })
    for (const step of ['15m', '1h', '1d']) {
      expect(await warehouse.query(`SELECT sum(r.samples) AS n, sum(r.value_sum) AS total FROM measurements_${step} AS r`)).toEqual([
        { n: 6000, total: 6000 },
      ])
    }
    expect(await warehouse.query("SELECT max(m.offset) AS offset FROM sink_marks AS m WHERE m.table = 'measurements'")).toEqual([
      { offset: 5999 },
    ])
  })

  it('keeps its address over a restart, and its rows', async () => {
    const { child, warehouse } = await started()
    const { publicUrl } = child
    await warehouse.command('CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a')
    await warehouse.command('INSERT INTO kept VALUES (7)')
    const pid = child.pid() ?? 0
    process.kill(pid, 'SIGKILL')
    await until('another process', () => child.pid() !== undefined && child.pid() !== pid)
    expect(await warehouse.query('SELECT a FROM kept')).toEqual([{ a: 7 }])
    expect(child.publicUrl).toBe(publicUrl)
    expect((await fetch(`${publicUrl}/ping`)).status).toBe(200)
  })

  it('ignores SIGINT and SIGTERM, because a Ctrl-C reaches the whole process group', async () => {
    const { child, warehouse } = await started()
    const pid = child.pid() ?? 0
    process.kill(pid, 'SIGINT')
    process.kill(pid, 'SIGTERM')
    for (let asked = 0; asked < 20; asked++) expect(await warehouse.ping()).toBe(true)
    expect(child.pid()).toBe(pid)
  })

  it('stops when told, twice without harm, and is gone then', async () => {
    const { child } = await started()
    const pid = child.pid() ?? 0
    await Promise.all([child.stop(), child.stop()])
    await child.stop()
    expect(isAlive(pid)).toBe(false)
    expect(child.pid()).toBeUndefined()
  })

  it('says who holds the folder when it stays locked', async () => {
    const { dataDir, child } = await started()
    const second = startWarehouseChild({ dataDir, listen: null, adminToken: testToken, memoryBytesMax: 1e9, lockWaitMs: 300 })
    await expect(second).rejects.toMatchObject({
      code: 'DATA_DIR_IN_USE',
      message: expect.stringContaining(`process ${child.pid()}`) as string,
    })
  })

  it('waits for a predecessor that is about to let go of the folder', async () => {
    const { dataDir, child } = await started()
    const second = startWarehouseChild({ dataDir, listen: null, adminToken: testToken, memoryBytesMax: 1e9, lockWaitMs: 30_000 })
    await child.stop()
    const successor = await second
    const warehouse = openWarehouse({ ...successor.access, database: 'fleet' })
    expect(await warehouse.ping()).toBe(true)
    await warehouse.close()
    await successor.stop()
  })

  it('refuses a port that is in use and names it', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', () => resolve()))
    cleanups.push(() => new Promise((resolve) => holder.close(resolve)))
    const { port } = holder.address() as { port: number }
    await expect(startForTest({ listen: { host: '127.0.0.1', port } })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`127.0.0.1:${port}`) as string,
    })
  })

  it('leaves when its parent is killed with -9', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fleet-orphan-'))
    cleanups.push(async () => rmSync(folder, { recursive: true, force: true }))
    const parentFile = join(folder, 'parent.ts')
    const supervisor = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
    writeFileSync(
      parentFile,
      `import { startWarehouseChild } from ${JSON.stringify(supervisor)}
const child = await startWarehouseChild({ dataDir: ${JSON.stringify(folder)}, listen: null, adminToken: 'x', memoryBytesMax: 1e9 })
process.stdout.write(String(child.pid()) + '\\n')
setInterval(() => undefined, 1000)
`,
    )
    const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
    const pid = Number(await firstLine(parent))
    expect(isAlive(pid)).toBe(true)
    parent.kill('SIGKILL')
    await until('the child has left', () => !isAlive(pid))
    const successor = await startWarehouseChild({ dataDir: folder, listen: null, adminToken: 'x', memoryBytesMax: 1e9 })
    await successor.stop()
  })
})

const firstLine = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      if (text.includes('\n')) resolve(text.trim())
    })
    child.once('exit', () => reject(new Error('Expected the parent to stay')))
  })
