/**
 * Every setting of the program, declared once: type, default, unit, danger. The same table parses the environment and the
 * strict YAML file, and writes `docs/reference/config.md` and `.env.example`. `process.env` is read here only.
 *
 * The environment wins over the file. Unknown keys of the file are errors; so is an environment name that is nearly one of
 * ours (a typo would silently leave the default in force); all other names of the environment are none of our business.
 */
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse as parseYaml } from 'yaml'
import { AppError } from './errors.ts'

const listen = (defaultValue: string, description: string) =>
  Type.String({ default: defaultValue, pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$', description: `${description}, host:port` })
const optionalText = (description: string) => Type.String({ default: '', description })
const count = (defaultValue: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: defaultValue, minimum, maximum, description })

export const configSchema = Type.Object(
  {
    DATA_DIR: Type.String({ default: './data', minLength: 1, description: 'Folder of everything that is kept. One program at a time.' }),
    ADMIN_TOKEN: Type.String({
      default: '',
      pattern: '^$|^[\\x21-\\x7e]{16,200}$',
      description:
        'Bearer token of the API and password of the user `admin` at the warehouse. Empty: made at the first start and kept in DATA_DIR.',
    }),
    TENANT: Type.String({
      default: 'default',
      pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
      description: 'Stands in every row; a constant until there are tenants.',
    }),
    LOG_LEVEL: Type.Union([Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')], {
      default: 'info',
      description: 'Least severity that is written.',
    }),
    MQTT_LISTEN: listen('127.0.0.1:1883', 'MQTT over TCP'),
    MQTT_WS_LISTEN: listen('127.0.0.1:8083', 'MQTT over WebSocket, path /mqtt'),
    MQTTS_LISTEN: Type.String({
      default: '',
      pattern: '^$|^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$',
      description: 'MQTT over TLS, host:port; empty: none. The usual port is 8883.',
    }),
    MQTTS_CERT_FILE: optionalText('Certificate chain of MQTTS, PEM. Read again when the file changes.'),
    MQTTS_KEY_FILE: optionalText('Private key of MQTTS, PEM. Read again when the file changes.'),
    MQTTS_CA_FILE: optionalText('CA of client certificates, PEM.'),
    MQTTS_CLIENT_CERT: Type.Union([Type.Literal('none'), Type.Literal('optional'), Type.Literal('required')], {
      default: 'none',
      description: 'Whether devices show a certificate; its common name is then the login.',
    }),
    MQTT_USERS_FILE: optionalText(
      'Logins with hashed passwords, made by `npm run mqtt-user`. Required off loopback unless client certificates are.',
    ),
    MQTT_CONNECTIONS_MAX: count(25_000, 1, 1_000_000, 'Connections at once.'),
    MQTT_CONNECTS_PER_SECOND_MAX: count(2_000, 1, 100_000, 'New connections per second; more are closed at once.'),
    MQTT_CONNECT_WITHIN_MS: count(10_000, 100, 600_000, 'A connection that has not sent CONNECT by then is closed.'),
    MQTT_PACKET_BYTES_MAX: count(16 * 1024 * 1024, 1024, 256 * 1024 * 1024, 'A larger packet closes its connection.'),
    MQTT_PAYLOAD_BYTES_MAX: count(64 * 1024, 1024, 16 * 1024 * 1024, 'A larger payload becomes a dead letter with its first 4 KiB.'),
    MQTT_LOG_PAYLOAD_BYTES_MAX: count(1024 * 1024, 1024, 16 * 1024 * 1024, 'The same for log topics.'),
    MQTT_TOPIC_BYTES_MAX: count(1024, 16, 65_535, 'A longer topic is refused.'),
    MQTT_IN_FLIGHT_MAX: count(2_000, 1, 65_535, 'Unacknowledged QoS 1 and 2 messages per connection.'),
    TOPICS_FILE: optionalText('Own topic mapping; empty: the shipped topics.yaml.'),
    HTTP_LISTEN: listen('127.0.0.1:8080', 'HTTP API and page'),
    WAREHOUSE_LISTEN: listen('127.0.0.1:8123', "ClickHouse's HTTP protocol, read only"),
    WAREHOUSE_MEMORY_BYTES_MAX: count(1_200_000_000, 200_000_000, 1_000_000_000_000, 'Memory that the embedded engine may take.'),
    LOG_PARTITIONS: count(
      1,
      1,
      64,
      'Partitions of device-events in the embedded log. Fixed when the log is made; more give nothing within one process.',
    ),
    LOG_RETENTION_HOURS: count(24 * 30, 1, 24 * 3650, 'Records older than this leave the log (the table messages keeps them longer).'),
    LOG_RETENTION_BYTES_MAX: count(20_000_000_000, 10_000_000, 100_000_000_000_000, 'The log is cut from its old end above this size.'),
    DISK_FREE_BYTES_MIN: count(
      1_000_000_000,
      0,
      100_000_000_000_000,
      'Below this much free disk nothing is accepted (no PUBACK), so that there is room to recover.',
    ),
    STAGE_BATCH_RECORDS_MAX: count(20_000, 1, 200_000, 'Records that go into one insert.'),
    STAGE_BATCH_AFTER_MS: count(400, 10, 60_000, 'Longest wait of a record before its batch is closed.'),
  },
  { additionalProperties: false },
)

export type Config = Readonly<Static<typeof configSchema>>
type Name = keyof Config

const names = Object.keys(configSchema.properties) as Name[]

/** Reads CONFIG_FILE (when named) and the environment; throws CONFIG_INVALID with every problem in one message. */
export const loadConfig = (
  readText: (path: string) => string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Config => {
  const problems: string[] = []
  const fromFile = readFile(environment['CONFIG_FILE'], readText, problems)
  const config: Record<string, unknown> = {}
  for (const name of names) {
    const raw = environment[name] ?? fromFile[name]
    const schema: SettingSchema = configSchema.properties[name]
    const value: unknown = raw === undefined ? schema.default : Value.Convert(schema, raw)
    if (!Value.Check(schema, value)) problems.push(`${name}: expected ${expectation(schema)}, got ${JSON.stringify(raw)}`)
    config[name] = value
  }
  for (const key of Object.keys(fromFile)) if (!isName(key)) problems.push(`${key} in the file is no setting${hint(key)}`)
  for (const key of Object.keys(environment)) {
    const near = isName(key) || key === 'CONFIG_FILE' ? undefined : nearest(key)
    if (near !== undefined) problems.push(`environment ${key} is no setting; did you mean ${near}?`)
  }
  problems.push(...crossChecks(config as Config))
  if (problems.length > 0) throw new AppError('CONFIG_INVALID', `The configuration is not valid:\n- ${problems.join('\n- ')}`)
  return Object.freeze(config as Config)
}

const readFile = (path: string | undefined, readText: (path: string) => string, problems: string[]): Record<string, unknown> => {
  if (path === undefined || path === '') return {}
  try {
    const parsed: unknown = parseYaml(readText(path))
    if (parsed === null) return {}
    if (typeof parsed === 'object' && !Array.isArray(parsed)) return parsed as Record<string, unknown>
    problems.push(`CONFIG_FILE ${path}: expected a mapping of settings`)
  } catch (error) {
    problems.push(`CONFIG_FILE ${path}: ${(error as Error).message}`)
  }
  return {}
}

const crossChecks = (config: Config): string[] => {
  const problems: string[] = []
  if (config.MQTTS_LISTEN !== '' && (config.MQTTS_CERT_FILE === '' || config.MQTTS_KEY_FILE === '')) {
    problems.push('MQTTS_LISTEN: expected MQTTS_CERT_FILE and MQTTS_KEY_FILE beside it')
  }
  if (config.MQTTS_CLIENT_CERT !== 'none' && config.MQTTS_CA_FILE === '') {
    problems.push(`MQTTS_CLIENT_CERT=${config.MQTTS_CLIENT_CERT}: expected MQTTS_CA_FILE beside it`)
  }
  for (const name of ['MQTT_LISTEN', 'MQTT_WS_LISTEN'] as const) {
    if (!isLoopback(config[name]) && config.MQTT_USERS_FILE === '') {
      problems.push(`${name}=${config[name]} is off loopback: expected MQTT_USERS_FILE, since any client could publish for any device`)
    }
  }
  if (
    config.MQTTS_LISTEN !== '' &&
    !isLoopback(config.MQTTS_LISTEN) &&
    config.MQTT_USERS_FILE === '' &&
    config.MQTTS_CLIENT_CERT !== 'required'
  ) {
    problems.push(`MQTTS_LISTEN=${config.MQTTS_LISTEN} is off loopback: expected MQTT_USERS_FILE or MQTTS_CLIENT_CERT=required`)
  }
  return problems
}

/** True for 127.0.0.0/8, ::1 and localhost. */
export const isLoopback = (hostAndPort: string): boolean => {
  const { host } = splitListen(hostAndPort)
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/** `host:port` or `[v6]:port`; the shape was checked by the schema. */
export const splitListen = (hostAndPort: string): { host: string; port: number } => {
  const at = hostAndPort.lastIndexOf(':')
  return { host: hostAndPort.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(hostAndPort.slice(at + 1)) }
}

const isName = (key: string): key is Name => Object.hasOwn(configSchema.properties, key)
const hint = (key: string): string => {
  const near = nearest(key)
  return near === undefined ? '' : `; did you mean ${near}?`
}

const typoDistanceMax = 2

const nearest = (key: string): Name | undefined =>
  key.length < 6
    ? undefined
    : names.find((name) => name.length >= 6 && name !== key && editDistance(key.toUpperCase(), name) <= typoDistanceMax)

/** Levenshtein distance, given up early when it must exceed the limit. */
const editDistance = (a: string, b: string): number => {
  if (Math.abs(a.length - b.length) > typoDistanceMax) return typoDistanceMax + 1
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replace, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

type SettingSchema = {
  description?: string
  default?: unknown
  type?: string
  pattern?: string
  minimum?: number
  maximum?: number
  anyOf?: { const: string }[]
}

const expectation = (schema: SettingSchema): string => {
  if (schema.anyOf) return schema.anyOf.map((choice) => choice.const).join(' or ')
  if (schema.type === 'integer') return `an integer from ${String(schema.minimum)} to ${String(schema.maximum)}`
  return schema.pattern === undefined ? 'a text' : `a text like ${String(schema.default === '' ? schema.pattern : schema.default)}`
}

/** `docs/reference/config.md`. A test compares the file with this. */
export const configMarkdown = (): string => {
  const rows = names.map((name) => {
    const schema: SettingSchema = configSchema.properties[name]
    const shown = schema.default === '' ? 'empty' : `\`${String(schema.default)}\``
    return `| \`${name}\` | ${shown} | ${schema.description ?? ''} ${schema.type === 'integer' || schema.anyOf ? `(${expectation(schema)})` : ''} |`.replaceAll(
      ' |  |',
      ' | |',
    )
  })
  return `# Settings\n\nFrom the environment, or from the YAML file that \`CONFIG_FILE\` names (same names as keys; the environment wins). \`npm start -- --check\` validates and exits.\n\n| setting | default | what |\n| --- | --- | --- |\n${rows.join('\n')}\n`
}

/** `.env.example`: every setting, commented out, at its default. */
export const envExample = (): string =>
  names
    .map((name) => {
      const schema: SettingSchema = configSchema.properties[name]
      return `# ${schema.description ?? ''}\n#${name}=${String(schema.default)}\n`
    })
    .join('\n')
