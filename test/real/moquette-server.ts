/** One real Moquette on loopback, for tests: its shipped defaults with persistence, everybody may do everything. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RealBroker, startJavaBroker } from './java-broker.ts'
import { freePort } from './server-process.ts'
import { mavenJars } from './maven-jars.ts'

export const moquetteVersion = '0.17'

export const startMoquette = async ({ dir, lines = [] }: { dir: string; lines?: readonly string[] }): Promise<RealBroker> => {
  const jars = mavenJars('moquette.pom.xml', moquetteVersion)
  const port = await freePort()
  for (const folder of ['config', 'data']) mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, 'config', 'moquette.conf'), `${settingsOf(dir, port, lines).join('\n')}\n`)
  const args = ['-Xmx256m', `-Dmoquette.path=${dir}`, '-cp', jars, 'io.moquette.broker.Server']
  return startJavaBroker('Moquette', port, args, join(dir, 'broker.log'))
}

const settingsOf = (dir: string, port: number, lines: readonly string[]): string[] => [
  `port ${port}`,
  'host 127.0.0.1',
  'allow_anonymous true',
  'persistence_enabled true',
  `data_path ${join(dir, 'data')}/`,
  'telemetry_enabled false',
  ...lines,
]
