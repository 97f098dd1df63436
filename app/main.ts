/**
 * `npm start`: settings, every part in order, a signal, every part stopped. `npm start -- --check` validates the settings
 * and the topic mapping and exits.
 */
import { portHolder } from '../adapters/system/port-holder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { createLogger, describeError } from '../runtime/logger.ts'
import { stopOnSignals } from '../runtime/signals.ts'
import { checkSurroundings } from './check-surroundings.ts'
import { type Recorder, startRecorder } from './recorder.ts'

const usage = 'usage: npm start [-- --check]      settings come from the environment and CONFIG_FILE, see docs/reference/config.md'

const main = async (): Promise<void> => {
  const flags = process.argv.slice(2)
  if (flags.some((flag) => flag !== '--check'))
    throw new AppError('CONFIG_INVALID', `expected no flag but --check, got ${flags.join(' ')}\n${usage}`)
  const config = loadConfig(readTextFile)
  if (flags.includes('--check')) {
    checkSurroundings(config)
    console.log('The settings and the files that they name are valid.')
    return
  }
  const logger = createLogger(config.LOG_LEVEL)
  const starting = startRecorder(config, logger, (error) => end({ reason: 'the processors refuse to start', error }))
  const end = stopOnSignals(
    async (ending) => {
      if ('error' in ending) logger.fatal(describeError(ending.error), ending.reason)
      await (await starting).stop()
      logger.info({ reason: ending.reason }, 'stopped')
    },
    () => logger.error('the stop took too long and is given up; the next start goes on from the log'),
  )
  console.log(banner(await starting))
}

const banner = ({ urls, token }: Recorder): string =>
  [
    '',
    `Fleet Recorder runs.`,
    `  page and API   ${urls.page}        (API docs at ${urls.page}/api/docs)`,
    `  MQTT           ${[urls.mqtt, urls.mqttWs, urls.mqtts].filter((url) => url !== null).join(', ')}`,
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

/** The message of a taken port ends with its address; /proc often knows by whom. */
const holderOf = (error: AppError): { heldBy?: string } => {
  const port = error.code === 'PORT_IN_USE' ? /:(\d{1,5})\b/.exec(error.message)?.[1] : undefined
  const heldBy = port === undefined ? null : portHolder(Number(port))
  return heldBy === null ? {} : { heldBy }
}

main().catch((error: unknown) => {
  const logger = createLogger('info')
  if (error instanceof AppError) logger.fatal({ ...describeError(error), ...holderOf(error) }, 'the recorder cannot start')
  else logger.fatal(describeError(error), 'the recorder failed')
  process.exit(1)
})
