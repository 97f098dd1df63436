/**
 * Starts the front door: every message of the link goes through `accept`, ticks mark the time. Returns what the query API
 * needs of ingest (parse, import, re-drive) and stop.
 */
import type { DeviceLink } from '../model/ports.ts'
import { createAccept } from './accept.ts'
import { startKeyExpiry } from './dead-letter-keys.ts'
import type { InventoryEntry, InventoryKind } from './domain/inventory.ts'
import { type ParseReport, parseReport } from './domain/parse-report.ts'
import { createImport } from './import.ts'
import { createRedrive, type RedriveDeps } from './redrive.ts'
import { startTicks } from './ticks.ts'
import type { Clock } from '../model/ports.ts'

export type IngestDeps = RedriveDeps & {
  link: DeviceLink
  clock: Clock
  /** Random for each start: ticks of another instance tell the stages that the front door was restarted. */
  instance: string
  currentInventory: (kind: InventoryKind) => Promise<ReadonlyMap<string, InventoryEntry>>
  /** A message or tick that the log did not take; it was not acknowledged. */
  onAppendFailed: (error: unknown) => void
  /** Keys of old dead letters could not be erased; tried again within the hour. */
  onKeyExpiryFailed: (error: unknown) => void
  /** Milliseconds from the PUBLISH to the synced event. */
  onAccepted: (tookMs: number) => void
}

export const startIngest = async (deps: IngestDeps) => {
  const accept = createAccept(deps)
  deps.link.onMessage(async (message) => {
    try {
      await accept(message)
    } catch (error) {
      deps.onAppendFailed(error)
      throw error // The link closes the connection without an acknowledgement.
    }
    deps.onAccepted(deps.clock.nowMs() - message.receivedAtMs)
  })
  const stopKeyExpiry = startKeyExpiry(deps.keys, deps.clock.nowMs, deps.onKeyExpiryFailed)
  const stopTicks = await startTicks({ ...deps, health: deps.link.health }, deps.onAppendFailed)
  const { importInventory, retire } = createImport({ ...deps, current: deps.currentInventory })
  return {
    parse: (topic: string, payload: Uint8Array): ParseReport =>
      parseReport(topic, payload, { topicMap: deps.topicMap, receivedAtMs: deps.clock.nowMs(), pseudonym: deps.keys.pseudonym }),
    importInventory,
    retire,
    redrive: createRedrive(deps),
    /** The link is stopped by its owner before; then the last tick is waited for. */
    stop: async () => {
      await stopKeyExpiry()
      await stopTicks()
    },
  }
}
