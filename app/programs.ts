/**
 * The recorder as several programs, each with its own data folder and status page: ingest instances share a subscription,
 * processors are members of a consumer group, query APIs answer beside each other. They meet in Kafka and ClickHouse and
 * nowhere else, so a program that would need the embedded log or warehouse of another refuses and names the setting.
 */
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import type { Stop } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/logger.ts'
import { createComposition, type Surroundings, type Urls } from './composition.ts'
import { completeThrough } from './parts/complete-through.ts'
import { dataFolder } from './parts/data-folder.ts'
import { frontDoor } from './parts/front-door.ts'
import { log } from './parts/log.ts'
import { keeping, processors } from './parts/processors.ts'
import { queryApi } from './parts/query-api.ts'
import { status } from './parts/status.ts'
import { warehouse } from './parts/warehouse.ts'
import { type PartMaker, startParts } from './start-parts.ts'

type Program = { needs: readonly ('KAFKA_BROKERS' | 'CLICKHOUSE_URL')[]; parts: readonly PartMaker[] }

export const programs = {
  ingest: { needs: ['KAFKA_BROKERS'], parts: [dataFolder, status, log, frontDoor] },
  processors: { needs: ['KAFKA_BROKERS', 'CLICKHOUSE_URL'], parts: [dataFolder, status, log, warehouse, processors, keeping] },
  'query-api': { needs: ['KAFKA_BROKERS', 'CLICKHOUSE_URL'], parts: [dataFolder, status, log, warehouse, completeThrough, queryApi] },
} as const satisfies Record<string, Program>

export type ProgramName = keyof typeof programs

export const isProgramName = (name: string | undefined): name is ProgramName => name !== undefined && Object.hasOwn(programs, name)

export type RunningProgram = { urls: Urls; stop: Stop }

/** Resolves when the program listens. Rejects with CONFIG_INVALID when it would need another program's embedded part. */
export const startProgram = async (
  name: ProgramName,
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
  surroundings: Surroundings = {},
): Promise<RunningProgram> => {
  const { needs, parts }: Program = programs[name]
  const missing = needs.filter((setting) => config[setting] === '')
  if (missing.length > 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `start:${name} alone: expected ${missing.join(' and ')}, got nothing; an embedded part cannot be shared between programs (npm start runs all in one)`,
    )
  }
  const composition = createComposition(config, logger, onFatal, surroundings)
  const stop = await startParts(composition, parts)
  const { token } = composition.made
  if (name === 'query-api') {
    token.keep()
    if (token.path !== null) logger.info({ path: token.path }, 'the admin token lies in a file; several query APIs need ADMIN_TOKEN')
  }
  return { urls: composition.urls, stop }
}
