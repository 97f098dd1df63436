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
import { isLoopbackHost } from './loopback.ts'

const listen = (defaultValue: string, description: string) =>
  Type.String({ default: defaultValue, pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:\\s]+):[0-9]{1,5}$', description: `${description}, host:port` })
const optionalText = (description: string) => Type.String({ default: '', description })
const count = (defaultValue: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: defaultValue, minimum, maximum, description })

const whsec = '^$|^whsec_[A-Za-z0-9+/]{32,86}={0,2}$'

export const configSchema = Type.Object(
  {
    DATA_DIR: Type.String({ default: './data', minLength: 1, description: 'Folder of everything that is kept. One program at a time.' }),
    ADMIN_TOKEN: Type.String({
      default: '',
      pattern: '^$|^[\\x21-\\x7e]{16,200}$',
      expects: '16 to 200 visible ASCII characters, or nothing',
      description:
        'Bearer token of the API and password of the user `admin` at the warehouse. Empty: made at the first start and kept in DATA_DIR.',
    }),
    ADMIN_TOKEN_FILE: optionalText('File whose first line is the admin token, in the place of ADMIN_TOKEN.'),
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
    MQTT_CONNECTIONS_MAX: count(25000, 1, 2 ** 40, 'Connections: about 20 kB each; more are closed at once.'),
    MQTT_WS_CONNECTIONS_MAX: count(1000, 1, 2 ** 40, 'Connections: people at browsers, not devices; each may hold one WebSocket message.'),
    MQTT_WS_MESSAGE_BYTES_MAX: count(
      1200000,
      1,
      2 ** 40,
      'Bytes: the WebSocket layer holds a whole message before we see it; a log payload fits.',
    ),
    MQTT_CONNECTS_PER_SECOND_MAX: count(
      1000,
      1,
      2 ** 40,
      'Connections/s: half of a core; a fleet that comes back at once must not starve those that are connected, more wait for their turn.',
    ),
    MQTT_CONNECTIONS_WAITING_MAX: count(10000, 1, 2 ** 40, 'Connections: ten seconds of the rate; more are closed and come again.'),
    MQTT_HALF_OPEN_MAX: count(
      4000,
      1,
      2 ** 40,
      'Connections: have entered and not said CONNECT yet; beyond, the one that is silent longest is closed.',
    ),
    MQTT_CONNECT_WITHIN_MS: count(10000, 100, 2 ** 40, 'Ms: a socket that never says CONNECT is of no use.'),
    MQTT_CONNECT_PACKET_BYTES_MAX: count(
      262144,
      1,
      2 ** 40,
      'Bytes: before the login nobody may make us hold much; a will of 64 KiB fits.',
    ),
    MQTT_PACKET_BYTES_MAX: count(
      16777216,
      1,
      256 * 1024 * 1024,
      'Bytes: up to here the excess is read and thrown away; beyond, the connection is closed.',
    ),
    MQTT_PAYLOAD_BYTES_MAX: count(
      65536,
      1024,
      2 ** 40,
      'Bytes: a reading is small; bigger ones become a dead letter with their first 4 KiB.',
    ),
    MQTT_LOG_PAYLOAD_BYTES_MAX: count(1048576, 1, 2 ** 40, 'Bytes: a log upload after an outage.'),
    MQTT_CUT_PAYLOAD_BYTES_KEPT: count(4096, 1, 2 ** 40, 'Bytes: enough to see what it was.'),
    MQTT_PACKET_IDLE_MS: count(10000, 1, 2 ** 40, 'Ms: a packet that was begun and stays silent holds memory.'),
    MQTT_PARTIAL_BYTES_MAX: count(
      134217728,
      1,
      2 ** 40,
      'Bytes, all connections: packets that are not complete yet; the connection that goes beyond is closed.',
    ),
    MQTT_TOPIC_BYTES_MAX: count(1024, 1, 65_535, 'Bytes: the longest of the topic families has under 200.'),
    MQTT_TOPIC_LEVELS_MAX: count(32, 1, 2 ** 40, 'Levels: the matcher costs time per level.'),
    MQTT_CLIENT_ID_BYTES_MAX: count(256, 1, 65_535, 'Bytes: it stands in every event.'),
    MQTT_IN_FLIGHT_MAX: count(
      2000,
      1,
      65_535,
      'Messages/connection: not yet durable ones; at the limit we stop reading (QoS 2 without PUBREL: closed).',
    ),
    MQTT_SUBSCRIPTIONS_MAX: count(100, 1, 2 ** 40, 'Filters/client: each costs work for every message.'),
    MQTT_KEEP_ALIVE_SECONDS_MAX: count(
      3600,
      1,
      65_535,
      'S: a dead connection is seen after 1.5 times this, also when the client asked for none.',
    ),
    MQTT_OUTGOING_BYTES_MAX: count(
      1048576,
      1,
      2 ** 40,
      'Bytes/connection: a subscriber that reads too slowly loses QoS 0 messages, then its connection, and never slows a device.',
    ),
    MQTT_TOPIC_ALIAS_MAX: count(16, 0, 65_535, 'Aliases/connection: saves a metered device the topic text.'),
    MQTT_LOGINS_WAITING_MAX: count(
      5000,
      1,
      2 ** 40,
      'Logins: a password check takes milliseconds of CPU; beyond, the client is told to come again.',
    ),
    MQTT_RETAINED_MESSAGES_MAX: count(50000, 1, 2 ** 40, 'Messages: kept in memory and on disk.'),
    MQTT_RETAINED_BYTES_MAX: count(67108864, 1, 2 ** 40, 'Bytes: kept in memory and on disk.'),
    MQTT_SESSIONS_MAX: count(50000, 1, 2 ** 40, 'Sessions: persistent ones; beyond, the one that was away longest is dropped.'),
    MQTT_SESSION_EXPIRY_SECONDS: count(604800, 1, 2 ** 40, 'S: a persistent session of a client that never came back.'),
    MQTT_QUEUED_PER_SESSION_MAX: count(
      1000,
      1,
      2 ** 40,
      'Messages/session: for a client that is away; newer ones are dropped and counted.',
    ),
    MQTT_QUEUED_BYTES_MAX: count(67108864, 1, 2 ** 40, 'Bytes, all sessions: kept in memory and on disk.'),
    MQTT_URL: Type.String({
      default: '',
      pattern: '^$|^(mqtts?|wss?)://[^\\s]+$',
      expects: 'mqtt://, mqtts://, ws:// or wss:// with host and port, or nothing',
      description:
        'Outside broker. Empty: the embedded one; set, the embedded one and its MQTT_*LISTEN, MQTTS_* and MQTT_USERS_FILE are not used.',
    }),
    MQTT_PROTOCOL: Type.Union([Type.Literal('5'), Type.Literal('3.1.1')], {
      default: '5',
      description: 'Version spoken to the outside broker.',
    }),
    MQTT_CLIENT_ID: Type.String({
      default: 'fleet-recorder',
      pattern: '^[\\x21-\\x7e]{1,200}$',
      expects: '1 to 200 visible ASCII characters',
      description: 'Name of our session at the outside broker; each instance needs its own.',
    }),
    MQTT_USERNAME: optionalText('Login at the outside broker.'),
    MQTT_PASSWORD_FILE: optionalText('File whose first line is the password at the outside broker.'),
    MQTT_CA_FILE: optionalText("CA of the outside broker's certificate, PEM. Empty: the well-known ones."),
    MQTT_CERT_FILE: optionalText('Client certificate for the outside broker, PEM.'),
    MQTT_KEY_FILE: optionalText('Private key of the client certificate, PEM.'),
    MQTT_TOPICS: optionalText(
      'Topic filters between commas that the bridge subscribes to; none may overlap another. Empty: what the families of the topic mapping need.',
    ),
    MQTT_SHARE_GROUP: Type.String({
      default: '',
      pattern: '^[^/+#]{0,100}$',
      expects: 'up to 100 characters without / + #',
      description:
        'Several ingest instances share the messages of the outside broker under this name ($share/<name>/...). Empty: one instance gets all.',
    }),
    MQTT_WINDOW: count(4000, 1, 65_535, 'Messages of the outside broker that are on their way into the log; at the limit we stop reading.'),
    TOPICS_FILE: optionalText('Own topic mapping; empty: the shipped topics.yaml.'),
    KEEPING_FILE: optionalText('Own rules of how long rows are kept, by class, model and customer; empty: the shipped keeping.yaml.'),
    RULES_DIR: optionalText(
      'Folder of own alarm rules (*.yaml): a rule of the same id takes the place of a shipped one, overrides are added. Empty: the shipped rules alone.',
    ),
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
    CLICKHOUSE_URL: Type.String({
      default: '',
      pattern: '^$|^https?://[^\\s/@]+/?$',
      expects: 'http:// or https:// with host and port, or nothing',
      description: 'A ClickHouse server. Empty: the embedded engine; set, WAREHOUSE_LISTEN and WAREHOUSE_MEMORY_BYTES_MAX are not used.',
    }),
    CLICKHOUSE_USERNAME: Type.String({
      default: 'default',
      minLength: 1,
      description: 'Login at the server; its rights: deploy/clickhouse/grants.sql.',
    }),
    CLICKHOUSE_PASSWORD_FILE: optionalText('File whose first line is the password at the server.'),
    CLICKHOUSE_CA_FILE: optionalText("CA of the server's certificate, PEM. Empty: the well-known ones."),
    CLICKHOUSE_CERT_FILE: optionalText('Client certificate for the server, PEM; with CLICKHOUSE_CA_FILE.'),
    CLICKHOUSE_KEY_FILE: optionalText('Private key of the client certificate, PEM.'),
    KAFKA_BROKERS: Type.String({
      default: '',
      pattern: '^$|^[^:,\\s]+:[0-9]{1,5}(,[^:,\\s]+:[0-9]{1,5})*$',
      expects: 'host:port, several separated by commas, or nothing',
      description: 'Kafka 3.1 or newer as the log, `host:port,host:port`. Empty: the embedded log.',
    }),
    KAFKA_CLIENT: Type.Union([Type.Literal('platformatic'), Type.Literal('kafkajs')], {
      default: 'platformatic',
      description: 'What appends to Kafka: @platformatic/kafka (half the CPU) or kafkajs. Same promises.',
    }),
    KAFKA_TOPIC_PREFIX: Type.String({
      default: '',
      pattern: '^[A-Za-z0-9._-]{0,64}$',
      description: 'Stands before the names of topics and groups, so that installations share a cluster.',
    }),
    KAFKA_PARTITIONS: count(
      6,
      1,
      1000,
      'Partitions of device-events in Kafka: as many machines can process at once. Fixed when the topic is made.',
    ),
    KAFKA_REPLICATION: Type.Integer({
      default: -1,
      minimum: -1,
      maximum: 32767,
      description:
        'Replicas of topics that are made. -1: the default of the brokers. Production: 3, with min.insync.replicas=2 at the brokers.',
    }),
    KAFKA_LINGER_MS_MAX: count(25, 0, 1000, 'Ms: a record waits at most so long for others, while others keep coming; 0: never.'),
    KAFKA_TLS: Type.Union([Type.Literal('off'), Type.Literal('on')], { default: 'off', description: 'TLS to the brokers.' }),
    KAFKA_TLS_CA_FILE: optionalText("CA of the brokers' certificates, PEM. Empty: the well-known ones."),
    KAFKA_TLS_CERT_FILE: optionalText('Client certificate for the brokers, PEM.'),
    KAFKA_TLS_KEY_FILE: optionalText('Private key of the client certificate, PEM.'),
    KAFKA_SASL_MECHANISM: Type.Union(
      [Type.Literal('none'), Type.Literal('plain'), Type.Literal('scram-sha-256'), Type.Literal('scram-sha-512')],
      { default: 'none', description: 'Login at the brokers. `plain` sends the password as it is: with KAFKA_TLS=on only.' },
    ),
    KAFKA_SASL_USERNAME: optionalText('User name at the brokers.'),
    KAFKA_SASL_PASSWORD_FILE: optionalText('File with the password at the brokers.'),
    KAFKA_MASTER_KEY_FILE: optionalText(
      'File with 32 random bytes in base64 or hex that wrap the keys of subjects in Kafka; the same on every machine. Empty: made at the first start and kept in DATA_DIR. Lost, everything sealed is lost.',
    ),
    DISK_FREE_BYTES_MIN: count(
      1_000_000_000,
      0,
      100_000_000_000_000,
      'Below this much free disk nothing is accepted (no PUBACK), so that there is room to recover.',
    ),
    WEBHOOK_URL: optionalText(
      'Where alarms are told: signed CloudEvents, docs/guides/notifications.md. https, or http to this machine (WEBHOOK_NETWORKS=loopback). Empty: nobody is told.',
    ),
    WEBHOOK_SECRET: Type.String({
      default: '',
      pattern: whsec,
      expects: 'whsec_ and 24 to 64 bytes in base64, or nothing',
      description:
        'Signs what is sent (Standard Webhooks): `whsec_` and base64 of 24 to 64 random bytes. Required with WEBHOOK_URL, here or in WEBHOOK_SECRET_FILE.',
    }),
    WEBHOOK_SECOND_SECRET: Type.String({
      default: '',
      pattern: whsec,
      expects: 'whsec_ and 24 to 64 bytes in base64, or nothing',
      description: 'Signs beside it while the secret is changed: receivers take either.',
    }),
    WEBHOOK_SECRET_FILE: optionalText('File whose first line is the secret, a second line the other one, in the place of WEBHOOK_SECRET.'),
    WEBHOOK_NETWORKS: Type.Union([Type.Literal('public'), Type.Literal('private'), Type.Literal('loopback')], {
      default: 'public',
      description:
        'Where the addresses of WEBHOOK_URL and WATCHDOG_URL may lie, checked when the name is resolved: on the internet; in own networks too; on this machine too. Link-local and the metadata services of clouds: never.',
    }),
    WATCHDOG_URL: optionalText(
      'Where the heartbeat goes while everything works, signed like alarms; its absence is the alarm. Empty: to WEBHOOK_URL.',
    ),
    WATCHDOG_EVERY_SECONDS: count(300, 0, 86_400, 'S between two heartbeats; 0: none.'),
    SITUATION_SETTLE_MS: count(
      360_000,
      0,
      3_600_000,
      'Ms that the raise of a single device waits for the verdict about the fleet, so that one fault does not page five hundred times. Critical alarms of critical devices, groups and the platform wait for nothing.',
    ),
    PUBLIC_URL: Type.String({
      default: '',
      pattern: '^$|^https?://[^\\s#?]+[^/\\s#?]$',
      expects: 'http:// or https:// without a slash at its end, or nothing',
      description: 'Where people reach the page, for links in what is told. Empty: no links.',
    }),
    REBUILD_SAMPLE_AT: Type.String({
      default: '03:30',
      pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$',
      expects: 'a time of day like 03:30',
      description: 'When the nightly sample is verified (docs/guides/rebuild.md), UTC; at least ten minutes after a start.',
    }),
    REBUILD_SAMPLE_DEVICES: count(20, 0, 10_000, 'Devices and places that the nightly sample runs anew; 0: none.'),
    STAGE_BATCH_RECORDS_MAX: count(20_000, 1, 200_000, 'Records that go into one insert.'),
    STAGE_BATCH_AFTER_MS: count(
      800,
      10,
      60_000,
      'Longest wait of a record before its batch is closed. Shorter shows rows sooner and costs more: each insert has a fixed price.',
    ),
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

const embeddedBrokerChecks = (config: Config): string[] => {
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

/** The address itself is judged where it is used (`app/webhook-parts.ts`), which `--check` asks too. */
const webhookChecks = (config: Config): string[] => {
  const problems: string[] = []
  const hasSecret = config.WEBHOOK_SECRET !== '' || config.WEBHOOK_SECRET_FILE !== ''
  for (const name of ['WEBHOOK_URL', 'WATCHDOG_URL'] as const)
    if (config[name] !== '' && !hasSecret) problems.push(`${name}: expected WEBHOOK_SECRET or WEBHOOK_SECRET_FILE beside it`)
  if (config.WEBHOOK_SECRET !== '' && config.WEBHOOK_SECRET_FILE !== '')
    problems.push('WEBHOOK_SECRET and WEBHOOK_SECRET_FILE: expected one of them')
  if (config.WEBHOOK_SECOND_SECRET !== '' && config.WEBHOOK_SECRET === '')
    problems.push('WEBHOOK_SECOND_SECRET: expected WEBHOOK_SECRET beside it')
  return problems
}

const crossChecks = (config: Config): string[] => {
  const problems: string[] = webhookChecks(config)
  if (config.ADMIN_TOKEN !== '' && config.ADMIN_TOKEN_FILE !== '') problems.push('ADMIN_TOKEN and ADMIN_TOKEN_FILE: expected one of them')
  // What belongs to the embedded broker is of no concern beside the address of a real one.
  if (config.MQTT_URL === '') problems.push(...embeddedBrokerChecks(config))
  if (config.KAFKA_SASL_MECHANISM !== 'none' && (config.KAFKA_SASL_USERNAME === '' || config.KAFKA_SASL_PASSWORD_FILE === '')) {
    problems.push(
      `KAFKA_SASL_MECHANISM=${config.KAFKA_SASL_MECHANISM}: expected KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE beside it`,
    )
  }
  if ((config.CLICKHOUSE_CERT_FILE === '') !== (config.CLICKHOUSE_KEY_FILE === '')) {
    problems.push('CLICKHOUSE_CERT_FILE and CLICKHOUSE_KEY_FILE: expected both or none')
  }
  if (config.CLICKHOUSE_CERT_FILE !== '' && config.CLICKHOUSE_CA_FILE === '') {
    problems.push('CLICKHOUSE_CERT_FILE: expected CLICKHOUSE_CA_FILE beside it')
  }
  if ((config.MQTT_CERT_FILE === '') !== (config.MQTT_KEY_FILE === '')) {
    problems.push('MQTT_CERT_FILE and MQTT_KEY_FILE: expected both or none')
  }
  if ((config.KAFKA_TLS_CERT_FILE === '') !== (config.KAFKA_TLS_KEY_FILE === '')) {
    problems.push('KAFKA_TLS_CERT_FILE and KAFKA_TLS_KEY_FILE: expected both or none')
  }
  const listeners = ['MQTT_LISTEN', 'MQTT_WS_LISTEN', 'MQTTS_LISTEN', 'HTTP_LISTEN', 'WAREHOUSE_LISTEN'] as const
  for (const [index, name] of listeners.entries()) {
    const other = listeners
      .slice(0, index)
      .find((earlier) => config[earlier] === config[name] && config[name] !== '' && splitListen(config[name]).port !== 0)
    if (other !== undefined) problems.push(`${name}=${config[name]}: expected an address of its own, ${other} has it`)
  }
  return problems
}

const isLoopback = (hostAndPort: string): boolean => isLoopbackHost(splitListen(hostAndPort).host)

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
  expects?: string
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
  if (schema.expects !== undefined) return schema.expects
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
