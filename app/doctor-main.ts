/** `npm run doctor -- --mqtt URL`: what an outside broker adds to or takes from the promise that nothing is lost, and who may do what there. */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { examine } from '../adapters/mqtt-doctor/examine.ts'
import { exitCodeOf } from '../adapters/mqtt-doctor/finding.ts'
import { lastLineOf, linesOfFinding } from '../adapters/mqtt-doctor/report.ts'
import type { Reach } from '../adapters/mqtt-doctor/visit.ts'
import { type Config, loadConfig } from '../runtime/config.ts'

const usage = `usage: npm run --silent doctor -- --mqtt URL [--protocol 5|3.1.1] [--queue N] [--json]
       [--username NAME --password-file FILE] [--ca FILE] [--cert FILE --key FILE]
       [--device-login MAC --device-password-file FILE] [--other-topic TOPIC]
URL: mqtt://, mqtts://, ws:// or wss://. What is not given comes from the MQTT_* settings, logins only for MQTT_URL itself.
--queue: messages that are to wait while nobody listens, default 2000. --other-topic: one that the device login must not write,
as product/model/<another MAC>/hardware/permission-probe. Exit code 1 when something is bad.`

const queueMessagesMax = 1_000_000

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      mqtt: { type: 'string' },
      protocol: { type: 'string' },
      queue: { type: 'string', default: '2000' },
      json: { type: 'boolean', default: false },
      username: { type: 'string' },
      'password-file': { type: 'string' },
      ca: { type: 'string' },
      cert: { type: 'string' },
      key: { type: 'string' },
      'device-login': { type: 'string' },
      'device-password-file': { type: 'string' },
      'other-topic': { type: 'string' },
    },
  })
  const config = loadConfig(readTextFile)
  const url = values.mqtt ?? config.MQTT_URL
  const protocol = protocolOf(values.protocol ?? config.MQTT_PROTOCOL)
  const queueMessages = Number(values.queue)
  const otherTopic = values['other-topic'] ?? null
  if (
    !/^(mqtts?|wss?):\/\/[^\s]+$/.test(url) ||
    !URL.canParse(url) ||
    protocol === null ||
    !Number.isInteger(queueMessages) ||
    queueMessages < 1 ||
    queueMessages > queueMessagesMax ||
    (otherTopic !== null && !isTopicOfDevice(otherTopic)) ||
    (values.cert === undefined) !== (values.key === undefined)
  ) {
    console.error(usage)
    return 1
  }
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
  const deviceName = values['device-login']
  const report = await examine({
    reach: reachOf(url, values, config),
    protocol,
    queueMessages,
    device: deviceName === undefined ? null : { name: deviceName, passwordFile: values['device-password-file'] ?? null },
    otherTopic,
    id: randomBytes(4).toString('hex'),
    nowMs: () => systemClock.nowMs(),
    signal: stopping.signal,
    ...(values.json ? {} : { onFinding: (finding) => console.log(linesOfFinding(finding).join('\n')) }),
  })
  console.log(values.json ? JSON.stringify(report, null, 2) : lastLineOf(report))
  if (!stopping.signal.aborted) return exitCodeOf(report)
  console.error('Interrupted: what is not named above was not tried; nothing was left at the broker but what is named.')
  return 1
}

type Flags = { username?: string; 'password-file'?: string; ca?: string; cert?: string; key?: string }

/** A password of the settings goes to the broker of the settings only. */
const reachOf = (url: string, flags: Flags, config: Config): Reach => {
  const isOurs = url === config.MQTT_URL
  const own = (text: string): string | null => (isOurs && text !== '' ? text : null)
  const hasLogin = flags.username !== undefined
  return {
    url,
    username: flags.username ?? own(config.MQTT_USERNAME),
    passwordFile: flags['password-file'] ?? (hasLogin ? null : own(config.MQTT_PASSWORD_FILE)),
    caFile: flags.ca ?? (config.MQTT_CA_FILE === '' ? null : config.MQTT_CA_FILE),
    certFile: flags.cert ?? own(config.MQTT_CERT_FILE),
    keyFile: flags.key ?? own(config.MQTT_KEY_FILE),
  }
}

const protocolOf = (text: string): '5' | '3.1.1' | null => (text === '5' || text === '3.1.1' ? text : null)

/** The third level is the device: it is exchanged for the device login's own name. */
const isTopicOfDevice = (topic: string): boolean => !/[+#\u0000]/.test(topic) && topic.split('/').length >= 4

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`The examination failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
