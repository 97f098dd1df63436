/** Settings of a tool that works on the files of the embedded log: beside a log in Kafka it would do half of its work, so it refuses. */
import { readTextFile } from '../adapters/system/text-file.ts'
import { type Config, loadConfig } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'

export const loadEmbeddedLogConfig = (tool: string, load: () => Config = () => loadConfig(readTextFile)): Config => {
  const config = load()
  if (config.KAFKA_BROKERS === '') return config
  throw new AppError(
    'CONFIG_INVALID',
    `${tool} works on the embedded log only, and KAFKA_BROKERS is set: it would leave out what lies in Kafka`,
  )
}
