/**
 * `npm start`: settings, every part in order, a signal, every part stopped. `--check` validates the settings and what they
 * name and exits; `--try` listens in on a broker.
 */
import { parseArgs } from 'node:util'
import { portHolder } from '../adapters/system/port-holder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { createLogger, describeError } from '../runtime/logger.ts'
import { stopOnSignals } from '../runtime/signals.ts'
import { checkSurroundings } from './check-surroundings.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { unlessEnding } from './start-parts.ts'
import { listenAndReport } from './try/try-broker.ts'

const usage = `usage: npm start                                        runs the recorder
       npm start -- --check                             validates the settings and what they name, and exits
       npm start -- --try URL [--csv devices.csv] [--after SECONDS]
                                                        listens in on a broker, read-only, and says what it understood
settings come from the environment and CONFIG_FILE, see docs/reference/config.md`

const flagsOf = (argv: readonly string[]) => {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        check: { type: 'boolean', default: false },
        try: { type: 'string' },
        csv: { type: 'string' },
        after: { type: 'string', default: '50' },
      },
    })
    const afterSeconds = Number(values.after)
    if (!Number.isInteger(afterSeconds) || afterSeconds < 3 || afterSeconds > 3600)
      throw new Error(`--after: expected 3 to 3600 seconds, got ${values.after}`)
    return { ...values, afterSeconds }
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `${(error as Error).message}\n${usage}`)
  }
}

const main = async (): Promise<void> => {
  const flags = flagsOf(process.argv.slice(2))
  const config = loadConfig(readTextFile)
  if (flags.check) {
    checkSurroundings(config)
    console.log('The settings and the files that they name are valid.')
    return
  }
  const logger = createLogger(config.LOG_LEVEL)
  const onFatal = (error: unknown): void => end({ reason: 'the processors refuse to start', error })
  const ending = new AbortController()
  const starting =
    flags.try === undefined
      ? startRecorder(config, logger, onFatal, { ending: ending.signal }).catch(unlessEnding(ending.signal))
      : listenAndReport({ url: flags.try, csv: flags.csv, afterSeconds: flags.afterSeconds }, config, logger, onFatal)
  const end = stopOnSignals(
    async (cause) => {
      if ('error' in cause) logger.fatal(describeError(cause.error), cause.reason)
      ending.abort()
      await (await starting)?.stop()
      logger.info({ reason: cause.reason }, 'stopped')
    },
    () => logger.error('the stop took too long and is given up; the next start goes on from the log'),
  )
  const started = await starting
  if (started !== undefined && 'urls' in started) console.log(banner(started))
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
