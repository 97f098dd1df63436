/**
 * One real Kafka (4.1.1, KRaft, broker and controller in one) on loopback, for tests: own ports, own folder, stopped by its
 * own handle. `kill` is SIGKILL; `start` after it goes on with the same folder, as a supervisor would.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { mavenJars, run } from './maven-jars.ts'

export const kafkaVersion = '4.1.1'
const readyWithinMs = 60_000

export type KafkaServer = {
  /** For `KAFKA_BROKERS`. */
  brokers: string
  port: number
  start: () => Promise<void>
  /** SIGKILL; resolves when it has ended. */
  kill: () => Promise<void>
  /** In order; for a suite's end. */
  stop: () => Promise<void>
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
  let server: ChildProcess | undefined

  const start = async (): Promise<void> => {
    const started = spawn('java', ['-Xmx512m', '-cp', jars, 'kafka.Kafka', settings], { stdio: ['ignore', 'pipe', 'pipe'] })
    server = started
    const log = createWriteStream(join(options.dir, 'server.log'), { flags: 'a' })
    started.stdout.pipe(log)
    started.stderr.pipe(log, { end: false })
    const giveUpAtMs = Date.now() + readyWithinMs
    while (!(await listens(port))) {
      if (started.exitCode !== null || Date.now() > giveUpAtMs) throw new Error(`Kafka did not start:\n${tail(options.dir)}`)
      await sleep(50)
    }
  }
  const end = async (signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const ending = server
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = once(ending, 'exit')
    ending.kill(signal)
    await ended
  }

  await start()
  return { brokers: `127.0.0.1:${port}`, port, start, kill: () => end('SIGKILL'), stop: () => end('SIGTERM') }
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

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

const tail = (dir: string): string => readFileSync(join(dir, 'server.log'), 'utf8').split('\n').slice(-15).join('\n')
