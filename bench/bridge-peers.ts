/**
 * The bridges that `bridge.ts` compares: how each is started against the same Mosquitto and the same Kafka. Each hears the
 * topics of a root of its own and writes one Kafka topic of the same number of partitions.
 *
 * Telegraf 1.39.3 with only the plugins that are needed here is built by Go, once (the file has 40 MB):
 *
 *   GOBIN=~/.cache/fleet-recorder/telegraf-1.39.3 CGO_ENABLED=0 go install -trimpath \
 *     -tags custom,inputs.mqtt_consumer,outputs.kafka,parsers.value,serializers.influx \
 *     github.com/influxdata/telegraf/cmd/telegraf@v1.39.3
 *
 * `--telegraf FILE` names another place. It is set up to do the least that keeps every message: the payload is passed on as
 * one text field, unread; acknowledged by all replicas; a persistent session.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export type Peer = {
  name: string
  program: string
  args: readonly string[]
  env: Record<string, string>
  /** First level of the topics that it hears. */
  root: string
  kafkaTopic: string
  /** False: it makes its topic itself. */
  topicIsMade: boolean
}

export type Surroundings = { folder: string; mqttPort: number; brokers: string; statusPort: number }

export const partitions = 6
/** Messages in flight between broker and log, of each that can be told. */
const windowMessages = 4_000
const project = resolve(import.meta.dirname, '..')

export const ours = ({ folder, mqttPort, brokers, statusPort }: Surroundings): Peer => {
  const own = join(folder, 'ours')
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'master-key'), randomBytes(32).toString('hex'))
  return {
    name: 'fleet-recorder',
    program: process.execPath,
    args: ['--max-semi-space-size=16', ...profiling(own), join(project, 'app/program-main.ts'), 'ingest'], // As `npm run start:ingest`.
    env: {
      MALLOC_ARENA_MAX: '2',
      DATA_DIR: own,
      HTTP_LISTEN: `127.0.0.1:${statusPort}`,
      MQTT_URL: `mqtt://127.0.0.1:${mqttPort}`,
      MQTT_TOPICS: 'dwr/#',
      MQTT_WINDOW: String(windowMessages),
      KAFKA_BROKERS: brokers,
      KAFKA_PARTITIONS: String(partitions),
      KAFKA_MASTER_KEY_FILE: join(own, 'master-key'),
    },
    root: 'dwr',
    kafkaTopic: 'device-events',
    topicIsMade: true,
  }
}

/** `BENCH_CPU_PROF=1` leaves a CPU profile of each of our processes that ends in order. */
const profiling = (folder: string): string[] =>
  process.env['BENCH_CPU_PROF'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]

export const telegrafDefault = join(homedir(), '.cache', 'fleet-recorder', 'telegraf-1.39.3', 'telegraf')

/** Undefined when its program is not there. */
export const telegraf = (program: string, { folder, mqttPort, brokers }: Surroundings): Peer | undefined => {
  if (!existsSync(program)) return undefined
  const settings = join(folder, 'telegraf.conf')
  const topic = 'telegraf'
  writeFileSync(settings, telegrafSettings(mqttPort, brokers, topic))
  return {
    name: 'Telegraf 1.39.3',
    program,
    args: ['--quiet', '--config', settings],
    env: {},
    root: 'twr',
    kafkaTopic: topic,
    topicIsMade: false,
  }
}

/**
 * Batch and window were tried; larger ones drain no faster. Written when a batch is full or `flush_interval` has passed: at
 * the default of 10 s a message would wait for seconds at low rates.
 */
const telegrafSettings = (mqttPort: number, brokers: string, topic: string): string => `[agent]
  interval = "10s"
  flush_interval = "${process.env['BENCH_TELEGRAF_FLUSH'] ?? '100ms'}"
  metric_batch_size = ${process.env['BENCH_TELEGRAF_BATCH'] ?? '1000'}
  metric_buffer_limit = 100000
  omit_hostname = true
[[inputs.mqtt_consumer]]
  servers = ["tcp://127.0.0.1:${mqttPort}"]
  topics = ["twr/#"]
  qos = 1
  client_id = "telegraf"
  persistent_session = true
  max_undelivered_messages = ${process.env['BENCH_TELEGRAF_WINDOW'] ?? windowMessages}
  data_format = "value"
  data_type = "string"
[[outputs.kafka]]
  brokers = ["${brokers}"]
  topic = "${topic}"
  required_acks = -1
  data_format = "influx"
${process.env['BENCH_TELEGRAF_ROUTE'] === undefined ? '' : '  routing_tag = "topic"\n'}`

/** `--peer name=command`: run by a shell with what it needs in its environment. */
export const otherPeer = (given: string, index: number, { mqttPort, brokers }: Surroundings): Peer => {
  const at = given.indexOf('=')
  if (at < 1) throw new Error(`--peer: expected name=command, got ${given}`)
  const root = `x${index}r`
  const kafkaTopic = `peer-${index}`
  return {
    name: given.slice(0, at),
    program: 'sh',
    args: ['-c', `exec ${given.slice(at + 1)}`],
    env: {
      MQTT_HOST: '127.0.0.1',
      MQTT_PORT: String(mqttPort),
      MQTT_URL: `mqtt://127.0.0.1:${mqttPort}`,
      MQTT_CLIENT_ID: kafkaTopic,
      MQTT_TOPIC: `${root}/#`,
      KAFKA_BROKERS: brokers,
      KAFKA_TOPIC: kafkaTopic,
    },
    root,
    kafkaTopic,
    topicIsMade: false,
  }
}
