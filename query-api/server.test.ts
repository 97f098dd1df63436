import type { FastifyInstance, InjectOptions } from 'fastify'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { AppError } from '../runtime/errors.ts'
import type { QueryApiDeps } from './deps.ts'
import { fakeWarehouse, testDeps, testNowMs, testToken } from './fakes.ts'
import { createServer } from './server.ts'

/** A warehouse that knows the device and place of these tests and nothing of them. */
const knows = fakeWarehouse((sql) =>
  sql.includes('1 AS known') || sql.includes("subject_kind = 'place'")
    ? [{ known: 1, place: 'world/x', messages: 1, first_seen_ms: 0, last_seen_ms: 0, last_observed_ms: 0 }]
    : [],
)

const open: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()))
})
const start = async (changes: Partial<QueryApiDeps> = {}): Promise<FastifyInstance> => {
  const app = await createServer(testDeps(changes), [{ path: '/', contentType: 'text/html; charset=utf-8', body: '<!doctype html>' }])
  open.push(app)
  return app
}
const headers = { authorization: `Bearer ${testToken}`, host: '127.0.0.1:8080' }
/** Building an app compiles every schema; what changes nothing shares one. */
let shared: Promise<FastifyInstance> | undefined
const plain = (): Promise<FastifyInstance> => {
  shared ??= createServer(testDeps({ warehouse: knows }), [{ path: '/', contentType: 'text/html; charset=utf-8', body: '<!doctype html>' }])
  return shared
}
afterAll(async () => {
  await (await shared)?.close()
})
const ask = async (app: FastifyInstance, url: string, more: InjectOptions = {}) => {
  const answer = await app.inject({ url, ...more, headers: { ...headers, ...more.headers } })
  return {
    status: answer.statusCode,
    type: answer.headers['content-type'],
    headers: answer.headers,
    body: answer.json<Record<string, unknown>>(),
  }
}
const device = '00-11-22-33-44-55'
type Paths = Record<string, Record<string, { security?: unknown[] }>>
const documentedRoutes = (app: FastifyInstance) =>
  Object.entries((app.swagger() as unknown as { paths: Paths }).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase() as 'GET' | 'POST',
      path,
      open: operation.security?.length === 0,
    })),
  )
const filled = (path: string): string => path.replace('{mac}', device).replace('{place}', 'world%2Fx').replace('{id}', '1')

describe('tokens', () => {
  it('every route of /api/v1 is 401 without a token, with a wrong one and with another scheme', async () => {
    const app = await plain()
    const routes = documentedRoutes(app).filter(({ path }) => path.startsWith('/api/v1/'))
    expect(routes.length).toBe(55)
    for (const { method, path } of routes) {
      for (const authorization of [undefined, 'Bearer wrong', `Basic ${testToken}`, 'Bearer ']) {
        const answer = await app.inject({
          method,
          url: filled(path),
          headers: { host: 'localhost', ...(authorization === undefined ? {} : { authorization }) },
        })
        expect([method, path, answer.statusCode, answer.json<{ code: string }>().code]).toEqual([method, path, 401, 'UNAUTHENTICATED'])
        expect(answer.headers['www-authenticate']).toBe('Bearer realm="fleet-recorder"')
      }
    }
  })

  it('which routes exist is not told without one', async () => {
    const app = await plain()
    expect((await app.inject({ url: '/api/v1/secret-plans', headers: { host: 'localhost' } })).statusCode).toBe(401)
    expect((await ask(app, '/api/v1/secret-plans')).body['code']).toBe('ROUTE_UNKNOWN')
  })

  it('public are health, readiness, metrics, schemas, the page and the documentation', async () => {
    const app = await plain()
    expect(
      documentedRoutes(app)
        .filter((route) => route.open)
        .map(({ path }) => path),
    ).toEqual(['/healthz', '/readyz', '/metrics', '/schemas/ids/{id}'])
    for (const url of [
      '/',
      '/healthz',
      '/readyz',
      '/metrics',
      '/schemas/ids/1',
      '/api/openapi.json',
      '/api/docs',
      '/api/docs/static/swagger-ui-bundle.js',
    ]) {
      expect([url, (await app.inject({ url, headers: { host: 'localhost' } })).statusCode]).toEqual([url, 200])
    }
  })

  it('the actor of a change is the holder of the token; nothing is changed of a device that nobody knows', async () => {
    const actors: string[] = []
    const retire = (_device: string, actor: string): Promise<void> => {
      actors.push(actor)
      return Promise.resolve()
    }
    const retired = async (warehouse: typeof knows) =>
      (await ask(await start({ retire, warehouse }), `/api/v1/devices/${device}/retire`, { method: 'POST' })).body
    expect((await retired(fakeWarehouse()))['code']).toBe('DEVICE_UNKNOWN')
    expect(actors).toEqual([])
    expect(await retired(knows)).toEqual({ deviceId: device, retired: true })
    expect(actors).toEqual(['admin'])
  })
})

describe('other pages', () => {
  it('cannot reach a loopback listener by a name of their own', async () => {
    const app = await plain()
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      expect((await ask(app, '/api/v1/devices', { headers: { host } })).body['code']).toBe('HOST_NOT_ALLOWED')
    }
    for (const host of ['localhost', '127.0.0.1:9000', '[::1]:8080', 'LOCALHOST:1']) {
      expect((await ask(app, '/healthz', { headers: { host } })).status).toBe(200)
    }
  })

  it('off loopback any host name is served, since a token is needed anyway', async () => {
    const app = await start({ listen: { host: '0.0.0.0', port: 0 } })
    expect((await ask(app, '/healthz', { headers: { host: 'recorder.example' } })).status).toBe(200)
  })

  it('are refused by their Origin, also "null"', async () => {
    const app = await plain()
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:9999']) {
      expect((await ask(app, '/healthz', { headers: { origin } })).body['code']).toBe('ORIGIN_NOT_ALLOWED')
    }
    expect((await ask(app, '/healthz', { headers: { origin: 'http://127.0.0.1:8080' } })).status).toBe(200)
  })

  it('may not frame, and nothing inline runs', async () => {
    const app = await plain()
    const { headers: sent } = await app.inject({ url: '/', headers: { host: 'localhost' } })
    expect(sent['content-security-policy']).toMatch(/script-src 'self';.*frame-ancestors 'none'/)
    expect(sent['content-security-policy']).not.toContain('unsafe')
    expect(sent['x-content-type-options']).toBe('nosniff')
    const docs = await app.inject({ url: '/api/docs', headers: { host: 'localhost' } })
    expect(docs.headers['content-security-policy']).toMatch(/script-src 'self';/)
  })
})

describe('requests', () => {
  it.each([
    ['/api/v1/devices?presense=online', 'REQUEST_INVALID', 'Query: presense is not known here.'],
    ['/api/v1/devices?presence=up', 'REQUEST_INVALID', 'Query: expected presence as one of online, offline, unknown, got "up".'],
    ['/api/v1/devices?limit=1001', 'REQUEST_INVALID', 'Query: limit must be <= 1000, got "1001".'],
    // Was Infinity, past the maximum, and 500 (found by fuzzing).
    ['/api/v1/devices?limit=1e400', 'REQUEST_INVALID', 'Query: limit must be <= 1000, got "1e400".'],
    // A number by then, where a text was expected: 500 (found by fuzzing).
    ['/schemas/ids/4294967296', 'REQUEST_INVALID', 'Path: id must be <= 2147483647, got "4294967296".'],
    ['/api/v1/devices?limit=', 'REQUEST_INVALID', 'Query: expected limit as integer, got "".'],
    ['/api/v1/devices?cursor=abc', 'CURSOR_INVALID', 'Expected the nextCursor of an earlier answer of the same list.'],
    ['/api/v1/devices/router-1', 'DEVICE_ID_INVALID', 'Expected a MAC address like 00-11-22-33-44-55 or 0011.2233.4455, got "router-1".'],
    [`/api/v1/devices/${device}/metrics`, 'REQUEST_INVALID', "Query: must have required property 'metric'."],
  ])('%s is refused', async (url, code, detail) => {
    const app = await plain()
    const answer = await ask(app, url)
    expect([answer.status, answer.type, answer.body['code'], answer.body['detail']]).toEqual([
      400,
      'application/problem+json; charset=utf-8',
      code,
      detail,
    ])
  })

  it.each([
    [`state?at=2025-03-01T03:10:00`, 'TIME_INVALID'],
    [`metrics?metric=x&from=yesterday`, 'TIME_INVALID'],
    [`metrics?metric=x&from=2025-03-01T00:00:00Z&to=2025-02-01T00:00:00Z`, 'TIME_RANGE_INVALID'],
    [`metrics?metric=x&step=5x`, 'STEP_INVALID'],
    [`metrics?metric=x&step=1s&from=2025-01-01T00:00:00Z`, 'TOO_MANY_POINTS'],
    [`metrics?metric=x&tz=Mars`, 'TIME_ZONE_UNKNOWN'],
    [`metrics?metric=x&attributes=%5B%5D`, 'REQUEST_INVALID'],
    [`metrics?metric=x&aggregate=median`, 'REQUEST_INVALID'],
    [`logs?severity=8`, 'REQUEST_INVALID'],
  ])('devices/{mac}/%s is refused', async (rest, code) => {
    const app = await plain()
    const answer = await ask(app, `/api/v1/devices/${device}/${rest}`)
    expect([answer.status, answer.body['code']]).toEqual([400, code])
  })

  it('about what was never heard are 404', async () => {
    const app = await start()
    for (const rest of [
      '',
      '/state',
      '/metrics?metric=x',
      '/metrics/names',
      '/counters?metric=x',
      '/radio',
      '/radio/series',
      '/logs',
      '/presence',
      '/boots',
      '/clock',
      '/ledger',
      '/gaps',
    ]) {
      const answer = await ask(app, `/api/v1/devices/${device}${rest}`)
      expect([rest, answer.status, answer.body['code']]).toEqual([rest, 404, 'DEVICE_UNKNOWN'])
    }
    expect((await ask(app, '/api/v1/places/world%2Fx/state')).body['code']).toBe('PLACE_UNKNOWN')
  })

  it('for a metric that was never reported say so instead of showing nothing', async () => {
    const counter = { metric: 'system.network.io', attributes: [''], kind: 'counter' }
    const app = await start({
      warehouse: fakeWarehouse((sql) =>
        sql.includes('1 AS known') ? [{ known: 1 }] : sql.includes('groupUniqArray(1000)') ? [counter] : [],
      ),
    })
    expect((await ask(app, `/api/v1/devices/${device}/metrics?metric=x`)).body['code']).toBe('METRIC_UNKNOWN')
    expect((await ask(app, `/api/v1/devices/${device}/metrics?metric=system.network.io`)).body['code']).toBe('METRIC_IS_COUNTER')
    expect((await ask(app, `/api/v1/devices/${device}/counters?metric=system.network.io`)).body['series']).toEqual([])
  })

  it('reach the warehouse with the tenant and with every parameter that the text names', async () => {
    const seen: Record<string, unknown>[] = []
    const warehouse = fakeWarehouse((sql, params) => {
      if (!sql.includes('FROM system.')) seen.push(params) // The engine's own tables know no tenant.
      return sql.includes('1 AS known') || sql.includes("subject_kind = 'place'")
        ? [{ known: 1, place: 'world/x', messages: 1, first_seen_ms: 0, last_seen_ms: 0, last_observed_ms: 0 }]
        : []
    })
    const app = await start({ warehouse })
    for (const { method, path } of documentedRoutes(app)) {
      if (method !== 'GET' || !path.startsWith('/api/v1/')) continue
      const url = `${filled(path)}${/metrics$|counters$/.test(path) ? '?metric=x' : ''}`
      expect([path, (await ask(app, url)).status]).not.toEqual([path, 500])
    }
    expect(seen.length).toBeGreaterThan(20)
    expect(new Set(seen.map((params) => params['tenant']))).toEqual(new Set(['default']))
  })
})

describe('failures', () => {
  it('of the warehouse are a 503 with what still works, and nothing of the query', async () => {
    const app = await start({
      warehouse: fakeWarehouse(() => {
        throw new AppError('WAREHOUSE_UNAVAILABLE', 'query: connect ECONNREFUSED http://admin:secret@127.0.0.1:8123')
      }),
    })
    const answer = await ask(app, '/api/v1/devices')
    expect([answer.status, answer.body['code']]).toEqual([503, 'WAREHOUSE_UNAVAILABLE'])
    expect(JSON.stringify(answer.body)).not.toMatch(/secret|ECONN/)
  })

  it('that nobody foresaw are a 500 without their message', async () => {
    const app = await start({
      warehouse: fakeWarehouse(() => {
        throw new Error('SELECT secret FROM t')
      }),
    })
    const answer = await ask(app, '/api/v1/fleet')
    expect([answer.status, answer.body['code']]).toEqual([500, 'INTERNAL'])
    expect(JSON.stringify(answer.body)).not.toContain('SELECT')
  })

  it('of readiness say what is waited for', async () => {
    const app = await start({ readiness: () => Promise.resolve({ ready: false, waitingFor: ['warehouse'] }) })
    expect(await ask(app, '/readyz')).toMatchObject({ status: 503, body: { ready: false, waitingFor: ['warehouse'] } })
  })

  it('of a schema id are what registry clients read', async () => {
    const app = await plain()
    expect((await ask(app, '/schemas/ids/1')).body).toEqual({ schema: '{"type":"string"}' })
    expect(await ask(app, '/schemas/ids/9')).toMatchObject({ status: 404, body: { code: 'SCHEMA_UNKNOWN', error_code: 40403 } })
  })
})

describe('changes', () => {
  it('an import takes CSV or JSON, and is a problem with the report when a row is rejected', async () => {
    const app = await plain()
    const csv = { method: 'POST' as const, payload: 'mac\n00-11-22-33-44-55', headers: { 'content-type': 'text/csv' } }
    expect((await ask(app, '/api/v1/import?kind=devices', csv)).body).toMatchObject({ applied: true, created: 1 })
    expect((await ask(app, '/api/v1/import?kind=devices&dryRun=true', { method: 'POST', payload: { csv: 'bad' } })).body).toMatchObject({
      dryRun: true,
      rejected: 1,
    })
    const refused = await ask(app, '/api/v1/import?kind=sites', { ...csv, payload: 'bad' })
    expect(refused).toMatchObject({
      status: 422,
      body: { code: 'IMPORT_REJECTED', report: { rejected: 1, results: [{ row: 2, reason: 'no MAC' }] } },
    })
    expect((await ask(app, '/api/v1/import?kind=sites', { ...csv, headers: { 'content-type': 'application/xml' } })).body['code']).toBe(
      'MEDIA_TYPE_UNSUPPORTED',
    )
  })

  it('parse takes text or bytes, one of them', async () => {
    const app = await plain()
    const parse = (payload: object) => ask(app, '/api/v1/parse', { method: 'POST', payload })
    expect((await parse({ topic: 'a/b', payload: '☃' })).body).toEqual({ topic: 'a/b', bytes: 3 })
    expect((await parse({ topic: 'a/b', payloadBase64: 'AAECAw==' })).body).toEqual({ topic: 'a/b', bytes: 4 })
    for (const body of [
      { topic: 'a' },
      { topic: 'a', payload: '', payloadBase64: '' },
      { topic: 'a', payloadBase64: '!' },
      { payload: '' },
      { topic: 'a', payload: '1', x: 1 },
    ]) {
      expect((await parse(body)).body['code']).toBe('REQUEST_INVALID')
    }
  })

  it('a dead letter is shown in full, as text, as Base64, or not at all when its key is gone', async () => {
    const group = { topic_shape: 'a/+', reason: 'JSON_INVALID', count: 3, cut: 0, first_seen_ms: 0, last_seen_ms: testNowMs }
    const letter = {
      ...group,
      topic: 'a/b',
      detail: 'd',
      subject: '',
      client_id: 'c',
      received_at_ms: testNowMs,
      payload_bytes: 2,
      cut: 0,
      partition: 0,
      offset: 1,
    }
    const payloads = ['e30=', '//4=', 'AA==']
    const subjects: string[] = []
    const app = await start({
      warehouse: fakeWarehouse((sql) =>
        sql.includes('base64Encode') ? payloads.map((sealed_base64) => ({ ...letter, sealed_base64 })) : [group],
      ),
      openSealed: (subject, sealed) => {
        subjects.push(subject)
        return Promise.resolve(sealed.length === 1 ? null : sealed)
      },
      explainReason: () => ({ means: 'm', whatToDo: 'w' }),
    })
    const { body } = await ask(app, '/api/v1/dead-letters')
    expect(body).toMatchObject({
      items: [
        {
          topicShape: 'a/+',
          count: 3,
          means: 'm',
          whatToDo: 'w',
          newest: [
            { payload: '{}', payloadEncoding: 'utf8', subject: null },
            { payload: '//4=', payloadEncoding: 'base64' },
            { payload: null, payloadEncoding: 'erased' },
          ],
        },
      ],
    })
    expect(subjects).toEqual(Array<string>(3).fill('dead-letters:2025-03-01'))
  })
})

describe('OpenAPI', () => {
  it('is version 3.1, and every operation has a summary, a tag and its problems', async () => {
    const app = await plain()
    const document = app.swagger() as unknown as {
      openapi: string
      paths: Record<string, Record<string, { summary?: string; tags?: string[]; responses: object }>>
    }
    expect(document.openapi).toBe('3.1.0')
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        expect([path, typeof operation.summary, operation.tags?.length]).toEqual([path, 'string', 1])
        if (path.startsWith('/api/v1/')) expect([path, 'default' in operation.responses]).toEqual([path, true])
      }
    }
  })
})
