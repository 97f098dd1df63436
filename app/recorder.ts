/**
 * The whole recorder in one program: its parts, in the order in which they start. Which adapter fills which port is decided
 * in `link-parts.ts`, `log-parts.ts` and `warehouse-parts.ts`. Stops newest first: no more requests, no more messages, the
 * processors finish their batch, then the warehouse and the log close.
 */
import type { BridgeStats } from '../adapters/mqtt-bridge/bridge.ts'
import type { Warehouse } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import type { Stop } from '../runtime/lifecycle.ts'
import type { Logger } from '../runtime/logger.ts'
import type { AdminToken } from './admin-token.ts'
import { createComposition, type Surroundings, type Urls } from './composition.ts'
import { dataFolder } from './parts/data-folder.ts'
import { frontDoor } from './parts/front-door.ts'
import { log } from './parts/log.ts'
import { keeping, nightlySample, processors } from './parts/processors.ts'
import { queryApi } from './parts/query-api.ts'
import { status } from './parts/status.ts'
import { warehouse } from './parts/warehouse.ts'
import { startParts } from './start-parts.ts'

export type Recorder = {
  urls: Urls
  token: AdminToken
  /** The nightly sample, at once. */
  verifySample: () => Promise<void>
  warehouse: Warehouse
  /** Of the bridge to an outside broker, when there is one. */
  bridgeStats: (() => BridgeStats) | undefined
  stop: Stop
}

/** Resolves when everything listens; rejects, with what had started rolled back, when a part cannot start. */
export const startRecorder = async (
  config: Config,
  logger: Logger,
  onFatal: (error: unknown) => void,
  surroundings: Surroundings = {},
): Promise<Recorder> => {
  const composition = createComposition(config, logger, onFatal, surroundings)
  const stop = await startParts(composition, [dataFolder, status, log, warehouse, processors, keeping, nightlySample, frontDoor, queryApi])
  const { urls, made } = composition
  made.token.keep()
  return { urls, token: made.token, verifySample: made.sample.run, warehouse: made.warehouse, bridgeStats: made.bridgeStats, stop }
}
