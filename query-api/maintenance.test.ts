/** Maintenance windows as an operator makes, changes and ends them, over the embedded engine. */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import { type MaintenanceWindow, windowMsMax, windowsMax } from '../model/maintenance.ts'
import type { Row } from '../model/ports.ts'
import { projectMaintenance } from '../processors/domain/projections/maintenance.ts'
import { fakeDevice } from '../test/query-api/inventory-rows.ts'
import { arrivalMs, tickOf } from '../test/stage-fakes.ts'
import { testDeps, testToken } from './fakes.ts'
import { tellingsWaitingMax } from './routes/maintenance-tellings.ts'
import { createServer } from './server.ts'

const hourMs = 3_600_000
const iso = (ms: number): string => new Date(ms).toISOString()
const clock = { atMs: arrivalMs }
let started: Awaited<ReturnType<typeof startForTest>>
let app: FastifyInstance
let failing = ''
/** Left undone until the stage is said to run again. */
let isStageBehind = false
let appended: MaintenanceWindow[] = []

/** As the stage of the first partition does. */
const insert = async (window: MaintenanceWindow, actor: string): Promise<void> => {
  const rows: Row[] = []
  const event = { ...tickOf(clock.atMs), tenant: 'default', source: { ...tickOf(0).source, actor } }
  const place = { logId: 'log', partition: 0, offset: appended.length }
  projectMaintenance({ event, place, rows: { maintenance_windows: rows } as never }, { kind: 'MaintenanceWindow', ...window })
  await started.warehouse.insert('maintenance_windows', rows, { dedupToken: window.changeId })
}

const device = (id: string, fields: Row): Row => fakeDevice(id, { received_at: arrivalMs, ...fields })
const [depot, depot2, office, gone] = ['00-11-22-33-44-01', '00-11-22-33-44-02', '00-11-22-33-44-03', '00-11-22-33-44-04']

beforeAll(async () => {
  started = await startForTest({ listen: null })
  await migrate(started.warehouse)
  await started.warehouse.insert(
    'devices',
    [
      device(depot, { site: 'depot-1', class: 'business' }),
      device(depot2, { site: 'depot-2' }),
      device(office, { site: 'office' }),
      device(gone, { site: 'depot-1', retired: 1 }),
    ],
    { dedupToken: 'devices' },
  )
  app = await createServer(
    testDeps({
      warehouse: started.warehouse,
      clock: { nowMs: () => clock.atMs },
      setMaintenance: async (window, actor) => {
        appended.push(window)
        if (failing !== '') throw new Error(failing)
        const { atMs } = clock
        if (!isStageBehind) await insert(window, actor)
        return { atMs }
      },
    }),
    [],
  )
})
afterAll(async () => {
  await app.close()
  await started.stop()
})

const call = async (method: 'GET' | 'POST', path: string, payload?: object) => {
  const response = await app.inject({
    method,
    url: `/api/v1/maintenance-windows${path}`,
    headers: { authorization: `Bearer ${testToken}`, host: 'localhost' },
    ...(payload === undefined ? {} : { payload }),
  })
  return { status: response.statusCode, body: response.json<Record<string, unknown> & { items: Record<string, unknown>[] }>() }
}
const works = { selector: { site: 'depot-*' }, to: iso(arrivalMs + 2 * hourMs), reason: 'new mast' }

describe('maintenance windows of the API', () => {
  it('are made from now on, with whom they meet', async () => {
    const { status, body } = await call('POST', '', { id: 'CHG-1', ...works })
    expect(status).toBe(201)
    expect(body).toEqual({
      id: 'CHG-1',
      version: 1,
      state: 'active',
      selector: { site: ['depot-*'] },
      from: iso(arrivalMs),
      to: iso(arrivalMs + 2 * hourMs),
      reason: 'new mast',
      createdAt: iso(arrivalMs),
      createdBy: 'admin',
      changedAt: iso(arrivalMs),
      changedBy: 'admin',
      dryRun: false,
      confirmed: true,
      meets: { devices: 2, standingAlarms: 0, examples: [depot, depot2] },
    })
  })

  it('are the same when asked for again, also later and without a beginning; another one under the id is refused', async () => {
    appended = []
    clock.atMs += 60_000
    const again = await call('POST', '', { id: 'CHG-1', ...works })
    expect([again.status, again.body['from'], again.body['confirmed']]).toEqual([200, iso(arrivalMs), true])
    const other = await call('POST', '', { id: 'CHG-1', ...works, reason: 'other' })
    expect([other.status, other.body['code']]).toEqual([409, 'MAINTENANCE_EXISTS'])
    // Told once more, for a partition that had missed it.
    expect(appended.map(({ version, fromMs }) => [version, fromMs])).toEqual([[1, arrivalMs]])
    clock.atMs = arrivalMs
  })

  it('of a dry run are told and not made', async () => {
    appended = []
    const { status, body } = await call('POST', '?dryRun=true', { ...works, selector: { device: ['00:11:22:33:44:03', '*:01'] } })
    expect([status, body['dryRun'], body['confirmed'], body['selector']]).toEqual([200, true, false, { device: [office, '*-01'] }])
    expect(body['meets']).toEqual({ devices: 2, standingAlarms: 0, examples: [depot, office] })
    expect(appended).toEqual([])
  })

  it('change by the version that was seen; a stale one is 409 and changes nothing', async () => {
    const changed = await call('POST', '/CHG-1/change', { expectedVersion: 1, to: iso(arrivalMs + 3 * hourMs) })
    expect([changed.status, changed.body['version'], changed.body['to']]).toEqual([202, 2, iso(arrivalMs + 3 * hourMs)])
    const stale = await call('POST', '/CHG-1/change', { expectedVersion: 1, to: iso(arrivalMs + 4 * hourMs) })
    expect([stale.status, stale.body['code'], stale.body['current']]).toEqual([409, 'MAINTENANCE_STALE', 2])
  })

  it('take one of two changes that are asked for at once', async () => {
    const asked = [4, 5].map((hours) => call('POST', '/CHG-1/change', { expectedVersion: 2, to: iso(arrivalMs + hours * hourMs) }))
    const answers = await Promise.all(asked)
    expect(answers.map(({ status }) => status)).toEqual([202, 409])
    const { body } = await call('GET', '/CHG-1')
    expect([body['version'], body['to']]).toEqual([3, iso(arrivalMs + 4 * hourMs)])
  })

  it('asked for again, as after an answer that was lost, are told again and do not change', async () => {
    appended = []
    const again = await call('POST', '/CHG-1/change', { expectedVersion: 2, to: iso(arrivalMs + 4 * hourMs) })
    expect([again.status, again.body['version'], again.body['confirmed']]).toEqual([202, 3, true])
    expect(appended.map(({ version }) => version)).toEqual([3])
  })

  it('say when the processors are behind; what follows is judged by what was told all the same', async () => {
    isStageBehind = true
    appended = []
    const ours = call('POST', '/CHG-1/change', { expectedVersion: 3, reason: 'ours' })
    const stale = call('POST', '/CHG-1/change', { expectedVersion: 3, reason: 'other' })
    const made = call('POST', '', { id: 'CHG-2', ...works })
    expect([(await stale).status, (await stale).body['current']]).toEqual([409, 4])
    expect((await ours).body).toMatchObject({ version: 4, reason: 'ours', confirmed: false })
    const another = call('POST', '', { id: 'CHG-2', ...works, reason: 'other' })
    expect([(await another).status, (await another).body['code']]).toEqual([409, 'MAINTENANCE_EXISTS'])
    expect([(await made).status, (await made).body['confirmed']]).toEqual([201, false])
    expect(appended.map(({ id, version, reason }) => [id, version, reason])).toEqual([
      ['CHG-1', 4, 'ours'],
      ['CHG-2', 1, 'new mast'],
    ])
    isStageBehind = false
    for (const window of appended) await insert(window, 'admin')
    expect((await call('GET', '/CHG-1')).body).toMatchObject({ version: 4, reason: 'ours' })
    expect((await call('POST', '/CHG-2/withdraw', { expectedVersion: 1 })).status).toBe(202)
  })

  it('that the log may have taken in part get a version behind it when they are asked for again', async () => {
    failing = 'of some partitions'
    const asked = { id: 'CHG-3', ...works }
    expect((await call('POST', '', asked)).status).toBe(500)
    failing = ''
    const { status, body } = await call('POST', '', asked)
    expect([status, body['version'], body['confirmed']]).toEqual([201, 2, true])
    expect((await call('POST', '/CHG-3/withdraw', { expectedVersion: 2 })).body['version']).toBe(3)
    const again = await call('POST', '/CHG-3/withdraw', { expectedVersion: 2 })
    expect([again.status, again.body['version']]).toEqual([202, 3])
  })

  it(`wait for their turn, ${String(tellingsWaitingMax)} at most`, async () => {
    const asked = Array.from({ length: tellingsWaitingMax + 1 }, () => call('POST', '/CHG-3/withdraw', { expectedVersion: 7 }))
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 409).length).toBeGreaterThanOrEqual(tellingsWaitingMax)
    expect(statuses.filter((status) => status !== 409)).toEqual([503])
  })

  it('end when they are withdrawn; nothing more can be done with them', async () => {
    const withdrawn = await call('POST', '/CHG-1/withdraw', { expectedVersion: 4 })
    expect([withdrawn.status, withdrawn.body['state']]).toEqual([202, 'withdrawn'])
    const after = await call('POST', '/CHG-1/change', { expectedVersion: 5, reason: 'again' })
    expect([after.status, after.body['code']]).toEqual([422, 'MAINTENANCE_OVER'])
    const { body } = await call('GET', '/CHG-1')
    expect(
      (body['history'] as { version: number; withdrawn: boolean; actor: string }[]).map(({ version, withdrawn: over }) => [version, over]),
    ).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [4, false],
      [5, true],
    ])
  })

  it('are listed by state, by device and page by page, the latest beginning first', async () => {
    for (const [id, selector, fromMs] of [
      ['a', { site: 'office' }, arrivalMs + hourMs],
      ['b', { class: 'business' }, arrivalMs - hourMs],
      ['c', { device: '*' }, arrivalMs + 2 * hourMs],
    ] as const)
      expect((await call('POST', '', { id, selector, from: iso(fromMs), to: iso(arrivalMs + 5 * hourMs), reason: 'x' })).status).toBe(201)
    const ids = async (search: string) => (await call('GET', search)).body.items.map(({ id }) => id)
    expect(await ids('')).toEqual(['c', 'a', 'b'])
    expect(await ids('?state=planned')).toEqual(['c', 'a'])
    expect(await ids('?state=active')).toEqual(['b'])
    expect(await ids('?state=withdrawn')).toEqual(['CHG-3', 'CHG-2', 'CHG-1'])
    expect(await ids('?state=all')).toEqual(['c', 'a', 'CHG-3', 'CHG-2', 'CHG-1', 'b'])
    expect(await ids(`?device=${depot}`)).toEqual(['c', 'b'])
    expect(await ids(`?device=${office}`)).toEqual(['c', 'a'])
    const first = await call('GET', '?limit=2')
    expect(await ids(`?limit=2&cursor=${String(first.body['nextCursor'])}`)).toEqual(['b'])
    clock.atMs = arrivalMs + 6 * hourMs
    expect(await ids('?state=over')).toEqual(['c', 'a', 'b'])
    clock.atMs = arrivalMs
  })

  it.each([
    [{ ...works, selector: {} }, 'REQUEST_INVALID', 'expected at least one of device'],
    [{ ...works, selector: { sites: 'a' } }, 'REQUEST_INVALID', 'got "sites"'],
    [{ ...works, selector: { device: 'router' } }, 'DEVICE_ID_INVALID', 'router'],
    [{ ...works, to: iso(arrivalMs) }, 'REQUEST_INVALID', 'Expected from before to'],
    [
      { ...works, from: iso(arrivalMs - 2 * hourMs), to: iso(arrivalMs - hourMs) },
      'REQUEST_INVALID',
      'Expected an end that is still to come',
    ],
    [{ ...works, to: iso(arrivalMs + windowMsMax + 1) }, 'REQUEST_INVALID', 'Expected at most 30 days'],
    [{ ...works, reason: ' ' }, 'REQUEST_INVALID', 'Expected reason'],
    [{ ...works, id: 'a/b' }, 'REQUEST_INVALID', 'Expected id'],
    [{ selector: works.selector, reason: 'x' }, 'REQUEST_INVALID', 'Expected to'],
  ])('%j is refused', async (asked, code, detail) => {
    const { status, body } = await call('POST', '', asked)
    expect([status, body['code']]).toEqual([400, code])
    expect(body['detail']).toContain(detail)
  })

  it('that have begun keep their beginning', async () => {
    const { body } = await call('POST', '/b/change', { expectedVersion: 1, from: iso(arrivalMs + hourMs) })
    expect(body['detail']).toContain('which cannot change any more')
  })

  it(`are ${String(windowsMax)} at most that are open`, async () => {
    const window = (n: number): Row => ({
      tenant: 'default',
      window_id: `many-${String(n)}`,
      version: 1,
      change_id: 'x',
      selector: '{"site":["x"]}',
      from_at: arrivalMs,
      to_at: arrivalMs + hourMs,
      reason: 'x',
      withdrawn: 0,
      actor: 'admin',
      received_at: arrivalMs,
      log_id: 'log',
      partition: 0,
      offset: n,
    })
    await started.warehouse.insert(
      'maintenance_windows',
      Array.from({ length: windowsMax - 3 }, (_, n) => window(n)),
      { dedupToken: 'many' },
    )
    const { status, body } = await call('POST', '', works)
    expect([status, body['code']]).toEqual([422, 'MAINTENANCE_TOO_MANY'])
  })

  it('that nobody made are unknown', async () => {
    expect((await call('GET', '/none')).body['code']).toBe('MAINTENANCE_UNKNOWN')
  })
})
