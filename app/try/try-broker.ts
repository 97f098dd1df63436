/**
 * `npm start -- --try mqtts://broker [--csv devices.csv]`: the whole recorder on a folder of its own, listening in on a live
 * broker. It subscribes with a session that ends with it, publishes nothing, and touches nothing else; within a minute it says
 * what it has understood, and the page shows the fleet until it is stopped. Login and TLS are the settings MQTT_*.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { readTextFile } from '../../adapters/system/text-file.ts'
import { makeTemporaryFolder } from '../../adapters/system/temporary-folder.ts'
import type { Config } from '../../runtime/config.ts'
import { AppError } from '../../runtime/errors.ts'
import type { Logger } from '../../runtime/logger.ts'
import { startRecorder } from '../recorder.ts'
import { gatherFacts } from './gather.ts'
import { tryReport } from './report.ts'

export type TryOptions = { url: string; csv: string | undefined; afterSeconds: number }

export type Listening = {
  page: string
  token: string
  /** What was understood so far, in words. */
  report: () => Promise<string>
  stop: () => Promise<void>
}

/** The word of the broker is awaited so long; rows need about a second. */
const settleMs = 2_000
const problemsMax = 100

export const startListening = async (
  options: TryOptions,
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
): Promise<Listening> => {
  if (!/^(mqtts?|wss?):\/\/\S+$/.test(options.url)) {
    throw new AppError('CONFIG_INVALID', `--try: expected mqtt://, mqtts://, ws:// or wss:// with host and port, got "${options.url}"`)
  }
  const folder = makeTemporaryFolder('fleet-recorder-try-')
  const problems: string[] = []
  const own = listeningConfig(config, options.url, folder.path)
  try {
    const startedMs = Date.now()
    const recorder = await startRecorder(own, logger, onFatal, {
      listenIn: {
        onProblem: ({ message }) => {
          if (problems.length < problemsMax) problems.push(message)
        },
      },
    })
    const stop = async (): Promise<void> => {
      await recorder.stop()
      folder.remove()
    }
    const { token } = recorder.token
    const page = recorder.urls.page
    if (options.csv !== undefined) {
      await importDevices(page, token, options.csv).catch(async (error: unknown) => {
        await stop()
        throw error
      })
    }
    return {
      page,
      token,
      stop,
      report: async () => {
        const stats = recorder.bridgeStats?.()
        if (stats === undefined) throw new Error('there is no bridge to ask')
        const facts = await gatherFacts({
          api: page,
          token,
          broker: recorder.urls.mqtt,
          stats,
          problems,
          seconds: Math.round((Date.now() - startedMs) / 1000),
          warehouse: recorder.warehouse,
          hasList: options.csv !== undefined,
        })
        return tryReport(facts)
      },
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}

/** Everything embedded but the broker; a name that no other session has; `#` unless MQTT_TOPICS says what to hear. */
const listeningConfig = (config: Config, url: string, folder: string): Config => ({
  ...config,
  DATA_DIR: folder,
  MQTT_URL: url,
  MQTT_CLIENT_ID: `fleet-recorder-try-${randomBytes(6).toString('hex')}`,
  MQTT_SHARE_GROUP: '',
  MQTT_TOPICS: config.MQTT_TOPICS === '' ? '#' : config.MQTT_TOPICS,
  KAFKA_BROKERS: '',
  CLICKHOUSE_URL: '',
})

const importDevices = async (page: string, token: string, file: string): Promise<void> => {
  const answer = await fetch(`${page}/api/v1/import?kind=devices`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv' },
    body: readTextFile(file),
  })
  if (!answer.ok) throw new AppError('CONFIG_INVALID', `--csv ${file}: ${await answer.text()}`)
}

/** Starts, reports once after `afterSeconds`, and goes on for the page. */
export const listenAndReport = async (
  options: TryOptions,
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
): Promise<Listening> => {
  const listening = await startListening(options, config, logger, onFatal)
  console.log(`\nListening in on ${options.url.replace(/\/\/[^/@]*@/, '//')}, read-only. Page: ${listening.page}/#token=${listening.token}`)
  console.log(`The report comes in ${options.afterSeconds} s; Ctrl-C ends it and removes what was kept.\n`)
  void delay(options.afterSeconds * 1_000 - settleMs)
    .then(listening.report)
    .then(
      (text) => console.log(`${text}\nIt goes on listening for the page; Ctrl-C ends.`),
      (error: unknown) => console.log(`The report could not be made: ${(error as Error).message}`),
    )
  return listening
}
