/**
 * Starts the front door: every message of the link goes through `accept`, ticks mark the time. What the query API needs of
 * ingest (parse, import, re-drive, commands to alarms) is made apart: it needs the log and no link, so it works in a program of its own.
 */
import type { Clock, DeviceLink } from '../model/ports.ts'
import { createAccept } from './accept.ts'
import { type AlarmCommandDeps, createAlarmCommands } from './alarm-command.ts'
import { startKeyExpiry } from './dead-letter-keys.ts'
import type { InventoryEntry, InventoryKind } from './domain/inventory.ts'
import { type ParseReport, parseReport } from './domain/parse-report.ts'
import { createImport } from './import.ts'
import { createMaintenance } from './maintenance.ts'
import { createRedrive, type RedriveDeps } from './redrive.ts'
import { startTicks } from './ticks.ts'

export type IngestDeps = RedriveDeps & {
  link: DeviceLink
  clock: Clock
  /** Random for each start: ticks of another instance tell the stages that the front door was restarted. */
  instance: string
  /** A message or tick that the log did not take; it was not acknowledged. */
  onAppendFailed: (error: unknown) => void
  /** Keys of old dead letters could not be erased; tried again within the hour. */
  onKeyExpiryFailed: (error: unknown) => void
  /** Milliseconds from the PUBLISH to the synced event. */
  onAccepted: (tookMs: number) => void
}

/** The link is stopped by its owner before `stop`; then the last tick is waited for. */
export const startIngest = async (deps: IngestDeps): Promise<{ stop: () => Promise<void> }> => {
  const accept = createAccept(deps)
  const failed = (error: unknown): never => {
    deps.onAppendFailed(error)
    throw error // The link closes the connection without an acknowledgement.
  }
  deps.link.onMessage((message) => {
    const { receivedAtMs } = message // All that is kept of it while it waits for the log.
    return accept(message).then(() => deps.onAccepted(deps.clock.nowMs() - receivedAtMs), failed)
  })
  const stopKeyExpiry = startKeyExpiry(deps.keys, deps.clock.nowMs, deps.onKeyExpiryFailed)
  const stopTicks = await startTicks({ ...deps, health: deps.link.health }, deps.onAppendFailed)
  return {
    stop: async () => {
      await stopKeyExpiry()
      await stopTicks()
    },
  }
}

export type IngestToolsDeps = RedriveDeps & {
  clock: Clock
  encodeSignal: AlarmCommandDeps['encodeSignal']
  currentInventory: (kind: InventoryKind) => Promise<ReadonlyMap<string, InventoryEntry>>
}

export const createIngestTools = (deps: IngestToolsDeps) => ({
  ...createImport({ ...deps, current: deps.currentInventory }),
  parse: (topic: string, payload: Uint8Array): ParseReport =>
    parseReport(topic, payload, { topicMap: deps.topicMap, receivedAtMs: deps.clock.nowMs(), pseudonym: deps.keys.pseudonym }),
  redrive: createRedrive(deps),
  commandAlarms: createAlarmCommands(deps),
  setMaintenance: createMaintenance(deps),
})
