/** One real HiveMQ Community Edition on loopback, for tests: its shipped defaults, everybody may do everything. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type RealBroker, startJavaBroker } from './java-broker.ts'
import { freePort } from './server-process.ts'
import { mavenJars } from './maven-jars.ts'

export const hivemqVersion = '2025.5'

/** `settings`: XML inside `<hivemq>`, beside the listener. */
export const startHivemq = async ({ dir, settings = '' }: { dir: string; settings?: string }): Promise<RealBroker> => {
  const jars = mavenJars('hivemq.pom.xml', hivemqVersion)
  const port = await freePort()
  for (const folder of ['conf', 'data', 'extensions']) mkdirSync(join(dir, folder), { recursive: true })
  writeFileSync(join(dir, 'conf', 'config.xml'), configText(port, settings))
  const main = fileURLToPath(new URL('hivemq-main.java', import.meta.url))
  // Compiled at each start: a second, and nothing to build beforehand.
  return startJavaBroker('HiveMQ', port, ['-Xmx384m', '-cp', jars, main, dir], join(dir, 'broker.log'))
}

const configText = (port: number, settings: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<hivemq>
  <listeners><tcp-listener><port>${port}</port><bind-address>127.0.0.1</bind-address></tcp-listener></listeners>
  <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>
  ${settings}
</hivemq>
`
