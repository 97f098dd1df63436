/**
 * `npm run test:real [-- --allow-missing] [files]`: the lane on real servers. What the machine lacks is named; it fails the
 * lane, unless `--allow-missing` leaves out what needs it.
 */
import { spawn } from 'node:child_process'
import { hivemqVersion } from './hivemq-server.ts'
import { kafkaVersion } from './kafka-server.ts'
import { mavenJars, run } from './maven-jars.ts'
import { mosquittoProgram } from './mosquitto-server.ts'
import { moquetteVersion } from './moquette-server.ts'

type Need = { what: string; check: () => unknown; files: readonly string[] }

const onKafka = ['**/adapters/kafka/*.real.test.ts', '**/test/real/{processors,programs}.real.test.ts', '**/test/ledger.real.test.ts']
const onMosquitto = [
  '**/mqtt-bridge/bridge.real.test.ts',
  '**/mqtt-doctor/*.real.test.ts',
  '**/{broker-kill,programs}.real.test.ts',
  '**/{try,ledger}.real.test.ts',
]

/** What the lane needs, how to find out, and the test files that cannot run without it. */
const needs: readonly Need[] = [
  {
    what: 'a Java runtime, 17 or newer (Debian: openjdk-17-jre-headless)',
    check: () => run('java', ['-version']),
    files: onKafka,
  },
  {
    what: `Apache Kafka ${kafkaVersion} from a Maven repository, by mvn (Debian: maven), copied once`,
    check: () => mavenJars('kafka.pom.xml', kafkaVersion),
    files: onKafka,
  },
  {
    what: `HiveMQ CE ${hivemqVersion} and Moquette ${moquetteVersion} from a Maven repository, by mvn (Debian: maven), copied once; a JDK to start HiveMQ from source (Debian: openjdk-17-jdk-headless)`,
    check: () => [mavenJars('hivemq.pom.xml', hivemqVersion), mavenJars('moquette.pom.xml', moquetteVersion), run('javac', ['-version'])],
    files: ['**/{other-brokers,broker-kill}.real.test.ts'],
  },
  {
    what: 'Mosquitto, mosquitto_passwd and openssl (Debian: mosquitto, openssl)',
    check: () => [mosquittoProgram(), run('openssl', ['version'])],
    files: onMosquitto,
  },
  {
    what: 'kcat, an independent Kafka client (Debian: kcat)',
    check: () => run('kcat', ['-V']),
    files: ['**/adapters/kafka/other-clients.real.test.ts'],
  },
]

const flags = process.argv.slice(2)
const allowMissing = flags.includes('--allow-missing')
const leftOut = new Set<string>()
for (const { what, check, files } of needs) {
  try {
    check()
  } catch (error) {
    for (const pattern of files) leftOut.add(pattern)
    console.error(`missing: ${what}\n  ${(error as Error).message.split('\n')[0] ?? ''}`)
  }
}
if (leftOut.size > 0 && !allowMissing) {
  console.error('The lane fails for what is missing; --allow-missing runs the rest.')
  process.exit(1)
}

const rest = flags.filter((flag) => flag !== '--allow-missing')
const excludes = [...leftOut].flatMap((pattern) => ['--exclude', pattern])
const lane = spawn('vitest', ['run', '--project', 'real', '--project', 'real-whole', '--passWithNoTests', ...excludes, ...rest], {
  stdio: 'inherit',
})
lane.on('exit', (code) => process.exit(code ?? 1))
