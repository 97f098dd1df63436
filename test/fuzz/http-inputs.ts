/**
 * Requests of the query API, made from its own OpenAPI document, so that a new route is fuzzed the day it is there; and raw
 * bytes for the HTTP parsers of all three doors.
 *
 * Parts: where to and what it is (`api GET /api/v1/devices/{mac}`), then bytes, each part one write.
 */
import type { Random } from '../../agent/simulation/random.ts'
import { bytesOf, type Input } from './fuzz-target.ts'
import { anyOf, mutateBytes, mutateJson, mutateText } from './mutations.ts'
import { samples } from './samples.ts'

type Schema = {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  items?: Schema
  minimum?: number
  maximum?: number
  format?: string
  pattern?: string
  examples?: unknown[]
}
type Parameter = { name: string; in: string; required?: boolean; schema?: Schema }
type Operation = { parameters?: Parameter[]; requestBody?: { content?: Record<string, { schema?: Schema }> } }
export type OpenApi = { paths: Record<string, Record<string, Operation>> }
export type Route = { method: string; path: string; operation: Operation }

/** Not `/readyz`: its 503 is an answer. */
export const routesOf = ({ paths }: OpenApi): Route[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    path === '/readyz' ? [] : Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )

export const authorization = '@TOKEN@'
const crlf = '\r\n'

export const httpRequest = (random: Random, routes: readonly Route[]): Input => {
  if (random.chance(0.1)) return rawRequest(random, routes)
  const route = anyOf(random, routes)
  const { target, headers, body } = requestOf(random, route)
  const head = [`${route.method} ${target} HTTP/1.1`, ...headers].join(crlf) + crlf + crlf
  return [bytesOf(`api ${route.method} ${route.path}`), bytesOf(head), ...(body === null ? [] : [body])]
}

/** Bytes that may be no request at all; what they lead to is not known, so they only must not hurt. */
const rawRequest = (random: Random, routes: readonly Route[]): Input => {
  const door = anyOf(random, ['api', 'api', 'warehouse', 'websocket'])
  const route = anyOf(random, routes)
  const { target, headers } = requestOf(random, route)
  const upgrade = [
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol: mqtt',
  ]
  const lines =
    door === 'websocket'
      ? ['GET /mqtt HTTP/1.1', 'Host: 127.0.0.1', ...upgrade]
      : [`${route.method} ${target} HTTP/1.1`, ...headers, ...(random.chance(0.3) ? ['Transfer-Encoding: chunked'] : [])]
  const body = random.chance(0.4)
    ? anyOf(random, [
        '5\r\nhello\r\n0\r\n\r\n',
        'ffffffffffffffff\r\n',
        '-1\r\n',
        '0\r\nX: y\r\n\r\n',
        '\x81\x85\x00\x00\x00\x00hello',
        '\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff',
      ])
    : ''
  const whole = Buffer.from(lines.join(crlf) + crlf + crlf + body, 'latin1')
  const bytes = random.chance(0.9) ? mutateBytes(random, whole) : whole
  const cut = random.between(0, bytes.length)
  return [bytesOf(`${door} raw`), ...(random.chance(0.3) ? [bytes.subarray(0, cut), bytes.subarray(cut)] : [bytes])]
}

const requestOf = (random: Random, { method, path, operation }: Route): { target: string; headers: string[]; body: Uint8Array | null } => {
  const parameters = operation.parameters ?? []
  const pathParameters = parameters.filter((parameter) => parameter.in === 'path')
  let target = pathParameters.reduce(
    (current, { name, schema }) => current.replace(`{${name}}`, encoded(random, valueOf(random, name, schema))),
    path,
  )
  if (random.chance(0.05))
    target = mutateText(random, target, ['//', '/..', '%2e%2e/', '%00', '%', '%ff', '/.', ';', '%2f', '\\']).replaceAll(
      /[\s\u0080-\uffff\u0000]/g,
      '%20',
    )
  const pairs = parameters
    .filter(
      (parameter) =>
        parameter.in === 'query' && (parameter.required === true || random.chance(/cursor/i.test(parameter.name) ? 0.15 : 0.4)),
    )
    .map(({ name, schema }) => `${name}=${encoded(random, valueOf(random, name, schema))}`)
  if (random.chance(0.08) && pairs.length > 0) pairs.push(anyOf(random, pairs))
  if (random.chance(0.05))
    pairs.push(
      anyOf(random, ['x=1', '=', '&', 'limit[]=1', 'limit[a]=1', '__proto__=1', 'constructor=1', `${'q'.repeat(3_000)}=1`, '%', 'a=%ff']),
    )
  const body = method === 'GET' ? null : bodyOf(random, path, operation)
  return {
    target: pairs.length === 0 ? target : `${target}?${pairs.join('&')}`,
    headers: [
      `Host: ${random.chance(0.97) ? '127.0.0.1' : anyOf(random, ['', 'evil.example', '[::1', '127.0.0.1:99999', 'x'.repeat(500)])}`,
      ...(random.chance(0.97)
        ? [`Authorization: Bearer ${authorization}`]
        : [`Authorization: ${anyOf(random, ['Bearer', 'Bearer x', 'Basic eDp5', `Bearer ${'x'.repeat(600)}`, 'Bearer \u00ff'])}`]),
      'Connection: close',
      ...(random.chance(0.05)
        ? [
            anyOf(random, [
              'Origin: null',
              'Origin: http://evil.example',
              'Accept: text/html',
              'Accept-Encoding: gzip',
              `X-Long: ${'x'.repeat(8_000)}`,
              'Range: bytes=0-1',
              'Expect: 100-continue',
              'If-None-Match: *',
            ]),
          ]
        : []),
      ...(body === null ? [] : [`Content-Type: ${body.type}`, `Content-Length: ${body.bytes.length}`]),
    ],
    body: body === null ? null : body.bytes,
  }
}

const bodyOf = (random: Random, path: string, operation: Operation): { type: string; bytes: Uint8Array } => {
  const types = Object.keys(operation.requestBody?.content ?? {})
  const type =
    random.chance(0.9) && types.length > 0
      ? anyOf(random, types)
      : anyOf(random, ['application/json', 'text/csv', 'text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'x'])
  if (type.startsWith('text/') || (path.includes('import') && random.chance(0.5)))
    return { type: random.chance(0.9) ? 'text/csv' : type, bytes: bytesOf(mutateText(random, anyOf(random, csvBodies))) }
  const { topic, payload } = anyOf(random, samples)
  const schema = operation.requestBody?.content?.['application/json']?.schema
  const plain = path.endsWith('/parse') ? { topic, payload } : schema === undefined ? {} : exampleOf(random, '', schema)
  const text = mutateJson(random, JSON.stringify(plain))
  return { type, bytes: random.chance(0.05) ? mutateBytes(random, bytesOf(text)) : bytesOf(text) }
}

const csvBodies = [
  'device_id,name,site,latitude,longitude,time_zone,expected_interval_seconds\n02-00-00-00-00-70,Depot 7,s1,48.1,11.5,Europe/Berlin,60\n',
  'deviceId,name,site,latitude,longitude,timeZone,expectedIntervalSeconds,aliases\n02-00-00-00-00-70,"Depot, 7",s1,48.1,11.5,Europe/Berlin,60,a|b\n',
  'site_id,name,region,latitude,longitude,time_zone\ns1,Site 1,south,48.1,11.5,Europe/Berlin\n',
  'siteId,name,region,latitude,longitude,timeZone\ns1,Site 1,south,48.1,11.5,Europe/Berlin\n',
  'cell_id,plmn,name,site,vendor,latitude,longitude\n48893707,26201,c,s1,v,48.1,11.5\n',
]

const exampleOf = (random: Random, name: string, schema: Schema): unknown => {
  if (schema.const !== undefined) return schema.const
  if (schema.enum !== undefined) return anyOf(random, schema.enum)
  if (schema.anyOf !== undefined) return exampleOf(random, name, anyOf(random, schema.anyOf))
  if (schema.type === 'object')
    return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([key, of]) => [key, exampleOf(random, key, of)]))
  if (schema.type === 'array') return Array.from({ length: random.between(0, 3) }, () => exampleOf(random, name, schema.items ?? {}))
  if (schema.type === 'integer' || schema.type === 'number')
    return random.between(schema.minimum ?? 0, Math.min(schema.maximum ?? 100, 1_000))
  if (schema.type === 'boolean') return random.chance(0.5)
  return valueOf(random, name, schema)
}

/** Usually one that the route takes, so that the query behind it runs. */
const valueOf = (random: Random, name: string, schema: Schema = {}): string => {
  if (random.chance(0.05)) return hostileText(random)
  const alternatives = schema.anyOf ?? []
  if (alternatives.length > 0) return valueOf(random, name, anyOf(random, alternatives))
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return String(anyOf(random, schema.enum))
  if (schema.type === 'integer' || schema.type === 'number') return numberOf(random, schema)
  if (schema.type === 'boolean') return anyOf(random, ['true', 'false', '1', ''])
  const known = knownValues(name)
  if (known !== undefined) return random.chance(0.8) ? anyOf(random, known) : mutateText(random, anyOf(random, known))
  const examples = (schema.examples ?? []).map(String)
  if (examples.length > 0 && random.chance(0.8)) return anyOf(random, examples)
  return anyOf(random, ['x', 'main', '0', '2026-01-05T08:40:03Z', 'UTC', 'system.cpu.load_average.1m', ...Object.values(values).flat()])
}

const numberOf = (random: Random, { minimum = 0, maximum = 1_000 }: Schema): string =>
  anyOf(random, [
    String(minimum),
    String(maximum),
    String(minimum - 1),
    String(maximum + 1),
    String(random.between(minimum, Math.min(maximum, minimum + 100))),
    '1e3',
    '1.5',
    '-0',
    '9007199254740993',
    '0x10',
    ' 1',
    '1e400',
  ])

const times = [
  '2025-12-31T00:00:00Z',
  '2026-01-05T08:40:03Z',
  '2026-01-05T08:40:03.123456789Z',
  '2026-01-05T16:40:03%2B08:00',
  '2026-01-05T23:59:60Z',
  '2027-01-01T00:00:00Z',
  '1970-01-01T00:00:00Z',
  '2299-12-31T00:00:00Z',
]
const noTimes = ['2299-12-31T23:59:59Z', '2026-02-30T00:00:00Z', 'now', '2026-01-05', '0000-01-01T00:00:00Z', '1969-12-31T23:59:59Z']
const cursors = [
  'WyJ4Il0',
  'WzFd',
  'WzEsMl0',
  'WyJhIiwxXQ',
  'W10',
  'bnVsbA',
  'WyIwMC0xMS0yMi0zMy00NC01NSJd',
  'WzE3Njc2MDI0MDMwMDAsIngiLDBd',
  'WzkwMDcxOTkyNTQ3NDA5OTEsMTgsInh4eCJd',
  'WzE3Njc2MDI0MDMwMDAsMCwwXQ',
  'Wy0xLC0xLC0xXQ',
]
const values = {
  mac: ['00-11-22-33-44-55', '02-00-00-00-ff-01', '00:11:22:33:44:55', '001122334455', '02-00-00-00-00-70', 'ff-ff-ff-ff-ff-ff'],
  place: ['world/asia/taiwan/taipei/neihu', 'world', 'germany/bavaria/nuremberg', '~', 'x/y'],
  tz: ['UTC', 'Asia/Taipei', 'Europe/Berlin', '+08:00', 'America/St_Johns', 'Nowhere/Here'],
  metric: ['system.cpu.load_average.1m', 'cellular.rsrp', 'system.uptime', 'network.rx_bytes', 'hardware.lte', 'x.y'],
}
const knownValues = (name: string): readonly string[] | undefined => {
  if (/^(from|to|at|knownAt|since|until|before|after)$/.test(name)) return [...times, ...times, ...times, ...noTimes]
  if (/cursor/i.test(name)) return cursors
  if (/mac|device/i.test(name)) return values.mac
  if (/place|subject/i.test(name)) return values.place
  if (/^tz$|zone/i.test(name)) return values.tz
  if (/metric|name/i.test(name)) return values.metric
  return undefined
}

const hostileText = (random: Random): string =>
  anyOf(random, [
    '',
    ' ',
    '\0',
    "'",
    '"',
    '\\',
    "' OR 1=1 --",
    '{x:String}',
    '%',
    '_',
    '../..',
    '\ud83d',
    '\u{1f4a9}',
    '\u202e',
    '\n',
    'null',
    'undefined',
    '[]',
    '{}',
    '-1',
    'NaN',
    'x'.repeat(300),
    'x'.repeat(5_000),
    '%00',
    '%ff',
    '%c0%80',
    '+',
    '(',
    '(?:a+)+$',
    '*',
    '\t',
    'true',
    '00-11-22-33-44-5g',
    '1e400',
  ])

/** As URLs carry it; sometimes as no URL should. */
const encoded = (random: Random, value: string): string => {
  if (random.chance(0.05)) return value.replaceAll(/[^\x21-\x7e]|[?#&]/g, '')
  if (/%[0-9a-fA-F]{2}/.test(value)) return value.replaceAll(/[^\x21-\x7e]/g, '')
  const whole = encodeURIComponent(value.toWellFormed())
  return random.chance(0.05) ? encodeURIComponent(whole) : whole
}
