/**
 * `npm start`: settings, every part in order, a signal, every part stopped. `npm start -- --check` validates the settings
 * and the topic mapping and exits.
 */
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { createLogger, describeError, type Logger } from '../runtime/logger.ts'
import { stopOnSignals } from '../runtime/signals.ts'
import { loadTopicMap } from './project-files.ts'
import { type Recorder, startRecorder } from './recorder.ts'

const main = async (logger: Logger): Promise<void> => {
  const config = loadConfig(readTextFile)
  if (process.argv.includes('--check')) {
    loadTopicMap(config.TOPICS_FILE)
    console.log('The settings and the topic mapping are valid.')
    return
  }
  const own = createLogger(config.LOG_LEVEL)
  let recorder: Recorder | undefined
  let starting: Promise<Recorder> | undefined
  stopOnSignals(
    async ({ reason, ...rest }) => {
      if ('error' in rest) own.fatal(describeError(rest.error), `stopping: ${reason}`)
      await (recorder ?? (await starting))?.stop()
      own.info({ reason }, 'stopped')
    },
    () => own.error('the stop took too long and is given up; the next start goes on from the log'),
  )
  starting = startRecorder(config, own, (error) => {
    own.fatal(describeError(error), 'the processors refuse to start')
    process.exitCode = 1
    process.kill(process.pid, 'SIGTERM')
  })
  recorder = await starting
  console.log(banner(recorder))
}

const banner = ({ urls, token }: Recorder): string =>
  [
    '',
    `Fleet Recorder runs.`,
    `  page and API   ${urls.page}        (API docs at ${urls.page}/api/docs)`,
    `  MQTT           ${urls.mqtt}, ${urls.mqttWs}${urls.mqtts === null ? '' : `, ${urls.mqtts}`}`,
    `  ClickHouse     ${urls.warehouse}        (user admin, password: the token)`,
    ...(token.made
      ? [
          `  admin token    ${token.token}        (kept in ${token.path ?? ''}; shown only now)`,
          `  open           ${urls.page}/#token=${token.token}`,
        ]
      : []),
    ...(!token.made && token.path !== null ? [`  admin token    in ${token.path}`] : []),
    '',
    'Next: npm run agent     sends what this machine says of itself',
    '',
  ].join('\n')

const logger = createLogger('info')
main(logger).catch((error: unknown) => {
  logger.fatal(describeError(error), error instanceof AppError ? 'the recorder cannot start' : 'the recorder failed')
  process.exit(1)
})
