/**
 * Inventory import: a CSV becomes InventoryChanged events in the log, all of them in one append or none. A file with one
 * bad row changes nothing: the report says what is wrong with each. Importing the same file again changes nothing.
 * After: `processors` write the tables devices, sites, cells.
 */
import { parse as parseCsv } from 'csv-parse/sync'
import type { DeviceEvent, InventoryChangedBody, Subject } from '../model/event.ts'
import { partitionOf } from '../model/partition.ts'
import type { Clock, EventCodec, EventLog, Ids, LogRecord } from '../model/ports.ts'
import { headerProblem, type InventoryEntry, type InventoryKind, type InventoryRowResult, planInventory } from './domain/inventory.ts'
import { ownSource } from '../model/own-source.ts'

export type ImportDeps = {
  log: EventLog
  codec: EventCodec
  ids: Ids
  clock: Clock
  tenant: string
  /** The inventory as it stands, to tell a change from a repetition. */
  current: (kind: InventoryKind) => Promise<ReadonlyMap<string, InventoryEntry>>
}

export type ImportReport = {
  kind: InventoryKind
  dryRun: boolean
  /** False on a dry run, and when any row was rejected. */
  applied: boolean
  rows: number
  created: number
  changed: number
  unchanged: number
  rejected: number
  results: InventoryRowResult[]
}

/** A larger file is cut by its owner: one append must fit into memory beside everything else. */
export const importRowsMax = 100_000

export const createImport = (deps: ImportDeps) => {
  const importInventory = async (
    kind: InventoryKind,
    csv: string,
    { dryRun, actor }: { dryRun: boolean; actor: string },
  ): Promise<ImportReport> => {
    const read = readRows(kind, csv)
    if ('problem' in read) return report(kind, dryRun, false, [{ row: 1, id: '', action: 'reject', reason: read.problem }])
    const plan = planInventory(kind, read.rows, await deps.current(kind))
    const apply = !dryRun && plan.results.every((result) => result.action !== 'reject')
    if (apply && plan.changes.length > 0) await appendChanges(deps, plan.changes, actor)
    return report(kind, dryRun, apply, plan.results)
  }

  /** Marks a device as retired: it leaves lists and expectations, its history stays. One that was never registered becomes a retired entry. */
  const retire = async (deviceId: string, actor: string): Promise<void> => {
    const fields = (await deps.current('devices')).get(deviceId)?.fields ?? {}
    await appendChanges(deps, [{ kind: 'InventoryChanged', entity: 'device', id: deviceId, retired: true, fields }], actor)
  }

  return { importInventory, retire }
}

type ReadRows = { rows: { row: number; values: Record<string, string> }[] } | { problem: string }

const readRows = (kind: InventoryKind, csv: string): ReadRows => {
  let lines: string[][]
  try {
    lines = parseCsv(csv, { bom: true, skip_empty_lines: true, relax_column_count: false, trim: true, to: importRowsMax + 2 })
  } catch (error) {
    return { problem: `expected CSV with a header line: ${(error as Error).message}` }
  }
  const [header, ...body] = lines
  if (header === undefined) return { problem: 'expected a header line, got an empty file' }
  if (body.length > importRowsMax) return { problem: `expected at most ${importRowsMax} rows` }
  const problem = headerProblem(kind, header)
  if (problem !== null) return { problem }
  return {
    rows: body.map((cells, index) => ({ row: index + 2, values: Object.fromEntries(header.map((name, at) => [name, cells[at] ?? ''])) })),
  }
}

const report = (kind: InventoryKind, dryRun: boolean, applied: boolean, results: InventoryRowResult[]): ImportReport => {
  const having = (action: InventoryRowResult['action']) => results.filter((result) => result.action === action).length
  return {
    kind,
    dryRun,
    applied,
    rows: results.length,
    created: having('create'),
    changed: having('change'),
    unchanged: having('unchanged'),
    rejected: having('reject'),
    results,
  }
}

/** A device's change goes to its own partition; what concerns all devices (sites, cells) is broadcast, one copy a partition. */
const appendChanges = async (deps: ImportDeps, changes: readonly InventoryChangedBody[], actor: string): Promise<void> => {
  const partitions = deps.log.partitionCount('device-events')
  const records: LogRecord[] = []
  for (const body of changes) {
    const subject: Subject = { kind: body.entity, id: body.id }
    const value = deps.codec.encode(inventoryEvent(deps, subject, body, actor))
    if (body.entity === 'device') records.push({ partition: partitionOf(body.id, partitions), key: body.id, value })
    else for (let partition = 0; partition < partitions; partition++) records.push({ partition, key: body.id, value })
  }
  await deps.log.append('device-events', records)
}

const inventoryEvent = (deps: ImportDeps, subject: Subject, body: InventoryChangedBody, actor: string): DeviceEvent => ({
  eventId: deps.ids.eventId(),
  tenant: deps.tenant,
  subject,
  observedAtMs: null,
  receivedAtMs: deps.clock.nowMs(),
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  source: ownSource('api', actor),
  bodies: [body],
  payload: { encoding: 'none', bytes: new Uint8Array(0) },
})
