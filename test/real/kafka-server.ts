/**
 * One real Kafka (4.1.1, KRaft, broker and controller in one) on loopback, for tests: own ports, own folder, stopped by its
 * own handle. `kill` is SIGKILL; `start` after it goes on with the same folder, as a supervisor would.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mavenJars, run } from './maven-jars.ts'
import { freePort, serverProcess, type ServerProcess } from './server-process.ts'

export const kafkaVersion = '4.1.1'
const readyWithinMs = 60_000

export type KafkaServer = ServerProcess & {
  /** For `KAFKA_BROKERS`. */
  brokers: string
  port: number
}

export type KafkaServerOptions = {
  /** Made when missing; holds data, settings and `server.log`. */
  dir: string
  /** Default: a free one. */
  port?: number
  /** One more, with its security protocol for a name: `SASL_SSL`. */
  extraListener?: { name: string; port: number }
  /** Beside or in the place of the shipped ones. */
  properties?: Record<string, string>
}

export const startKafka = async (options: KafkaServerOptions): Promise<KafkaServer> => {
  const jars = mavenJars('kafka.pom.xml', kafkaVersion)
  const port = options.port ?? (await freePort())
  const settings = join(options.dir, 'server.properties')
  if (!existsSync(settings)) {
    mkdirSync(options.dir, { recursive: true })
    writeFileSync(settings, propertiesText(options, port, await freePort()))
    run('java', ['-cp', jars, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings])
  }
  const server = serverProcess({
    name: 'Kafka',
    program: 'java',
    args: ['-Xmx512m', '-cp', jars, 'kafka.Kafka', settings],
    port,
    logFile: join(options.dir, 'server.log'),
    readyWithinMs,
  })
  await server.start()
  return { ...server, brokers: `127.0.0.1:${port}`, port }
}

const clusterId = 'ZmxlZXQtcmVjb3JkZXItMQ'

const propertiesText = ({ dir, extraListener, properties = {} }: KafkaServerOptions, port: number, controllerPort: number): string => {
  const extra = extraListener === undefined ? '' : `,${extraListener.name}://127.0.0.1:${extraListener.port}`
  return Object.entries({
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${extra}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}${extra}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': join(dir, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'broker.session.timeout.ms': '3000', // A killed one registers again at once.
    'log.initial.task.delay.ms': '600000', // Retention looks by the real clock, tests set records' times.
    ...properties,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
