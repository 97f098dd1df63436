/** `npm run start:ingest`, `start:processors`, `start:query-api`: one of the programs, until a signal ends it. */
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { createLogger, describeError } from '../runtime/logger.ts'
import { stopOnSignals } from '../runtime/signals.ts'
import { isProgramName, programs, startProgram } from './programs.ts'
import { unlessEnding } from './start-parts.ts'

const main = async (): Promise<void> => {
  const [name, ...rest] = process.argv.slice(2)
  if (!isProgramName(name) || rest.length > 0) {
    throw new AppError('CONFIG_INVALID', `expected one of ${Object.keys(programs).join(', ')}, got "${process.argv.slice(2).join(' ')}"`)
  }
  const config = loadConfig(readTextFile)
  const logger = createLogger(config.LOG_LEVEL).child({ program: name })
  const ending = new AbortController()
  const starting = startProgram(name, config, logger, (error) => end({ reason: 'the program cannot go on', error }), {
    ending: ending.signal,
  }).catch(unlessEnding(ending.signal))
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
  if (started === undefined) return
  const { urls } = started
  logger.info({ status: urls.page, ...(urls.mqtt === '' ? {} : { mqtt: urls.mqtt }) }, 'started')
}

main().catch((error: unknown) => {
  createLogger('info').fatal(describeError(error), 'the program cannot start')
  process.exit(1)
})
