/**
 * One record of `device-events` through the stage: read, judged once, then every projection that its bodies ask for. Changes
 * the batch's rows and states in place. Called by `stage-run.ts` for each record in offset order.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { Body, DeadLetter, DeviceEvent } from '../model/event.ts'
import type { FleetSignal } from '../model/fleet-signal.ts'
import { outsideBrokerOf } from '../model/front-door.ts'
import { ownSource } from '../model/own-source.ts'
import type { Digest, EventCodec, LogRecord, Row, StoredRecord } from '../model/ports.ts'
import { noteBoot } from './domain/boot-tracker.ts'
import { noteTick } from './domain/front-door-watch.ts'
import { type Identity, type IdentityWindow, judgeIdentity } from './domain/identity.ts'
import { type createLedgerBook, isQuarantined } from './domain/ledger.ts'
import { placeTime } from './domain/placed-time.ts'
import type { Derived } from './domain/rules/inputs.ts'
import { activate, type RulesInForce } from './domain/watch/rules-in-force.ts'
import { judgeUnheard } from './domain/projections/presence-away.ts'
import { noteWindow, type WindowsInForce } from './domain/watch/maintenance.ts'
import { noteHealth } from './domain/watch/ingest-health.ts'
import { watchCommand, watchEvent, watchInventory, watchSign, watchTick, watchVerdict, watchWindow } from './domain/watch/watch-device.ts'
import { healthOf, type Watch } from './domain/watch/watch-record.ts'
import { watchCount, watchLines } from './domain/watch/watch-firmware.ts'
import { type Context, type LimitName, type StageTable, stageTables, type TableRows } from './domain/projection.ts'
import { projectBoot } from './domain/projections/boots.ts'
import { projectClock } from './domain/projections/clock.ts'
import { projectCounters } from './domain/projections/counters.ts'
import { projectFacts } from './domain/projections/facts.ts'
import { projectInventory } from './domain/projections/inventory.ts'
import { projectLogLines } from './domain/projections/log-lines.ts'
import { projectMaintenance } from './domain/projections/maintenance.ts'
import { projectMeasurements } from './domain/projections/measurements.ts'
import { type MessageOutcome, projectMessage } from './domain/projections/messages.ts'
import { coreOf, judgeSilent, projectPresence, projectSign } from './domain/projections/presence.ts'
import { projectRadio } from './domain/projections/radio.ts'
import { misfitOf } from './domain/row-fit.ts'
import type { Overlay, PartitionState } from './domain/state.ts'

export type RunDeps = {
  logId: string
  /** Of dead letters whose frame does not tell it. */
  tenant: string
  codec: EventCodec
  digest: Digest
  encodeDeadLetter: (letter: DeadLetter) => Uint8Array
  /** Share of this partition in the identity table. */
  seenIdsMax: number
  counters: RunCounters
  encodeAlarm: (record: AlarmRecord) => Uint8Array
  encodeSignal: (signal: FleetSignal) => Uint8Array
  /**
   * Only alarms are asked for (`app/what-if.ts`): rows that no rule reads are not made, which is about half of the work. A record
   * whose reading would not fit its column is judged then, where the recorder made a dead letter of it.
   */
  judgesOnly?: boolean
}

/** For `/metrics`. */
export type RunCounters = {
  outcome: (outcome: MessageOutcome | 'undecodable' | 'failed') => void
  limitReached: (limit: LimitName) => void
}

export type Batch = {
  deps: RunDeps
  partition: number
  state: PartitionState
  overlay: Overlay
  rows: TableRows
  unchecked: Unchecked[]
  ledger: ReturnType<typeof createLedgerBook>
  outputs: LogRecord[]
  /** What became of alarms: records of the topic `alarms`. */
  alarms: AlarmRecord[]
  /** What changed for the fleet stage. */
  signals: FleetSignal[]
  rules: RulesInForce
  windows: WindowsInForce
  window: IdentityWindow
}

/** Rows of one table from `from` on have not been held to its columns yet. */
export type Unchecked = { table: StageTable; rows: Row[]; from: number }

export const createUnchecked = (rows: TableRows): Unchecked[] => stageTables.map((table) => ({ table, rows: rows[table], from: 0 }))

/** No record wedges the stage: one that cannot be read or that a projection fails on becomes a dead letter of its own. */
export const runRecord = (batch: Batch, record: StoredRecord): void => {
  const { deps, state } = batch
  if (record.value.byteLength === 0) {
    state.timeMs = Math.max(state.timeMs, record.appendedAtMs) // Erased (`adapters/lmdb/blank-records.ts`): it had its time.
    return
  }
  const decoded = deps.codec.decode(record.value)
  const problem = decoded.ok ? problemOf(decoded.event) : decoded.reason
  if (!decoded.ok || problem !== null) {
    deps.counters.outcome('undecodable')
    state.timeMs = Math.max(state.timeMs, record.appendedAtMs)
    batch.outputs.push(deadLetterOf(batch, record, 'FRAME_UNREADABLE', problem ?? ''))
    return
  }
  const alarmsBefore = batch.alarms.length
  const signalsBefore = batch.signals.length
  try {
    runEvent(batch, decoded.event, record)
    refuseMisfits(batch.unchecked)
    for (const own of batch.unchecked) own.from = own.rows.length
  } catch (error) {
    // Its row in the archive stands (when that fits), and that of a window, which holds; what the projections had begun does not.
    for (const own of batch.unchecked) {
      const { table, rows, from } = own
      const archived =
        (table === 'messages' || table === 'maintenance_windows') && rows.slice(from).every((row) => misfitOf(table, row) === null)
      if (!archived) rows.length = from
      own.from = rows.length
    }
    batch.alarms.length = alarmsBefore
    batch.signals.length = signalsBefore
    deps.counters.outcome('failed')
    batch.outputs.push(deadLetterOf(batch, record, 'PROJECTION_FAILED', error instanceof Error ? error.message : String(error)))
  }
}

/** A row that the warehouse refuses would hold up its partition for ever. */
const refuseMisfits = (unchecked: readonly Unchecked[]): void => {
  for (const { table, rows, from } of unchecked) {
    for (let at = from; at < rows.length; at++) {
      const misfit = misfitOf(table, rows[at] ?? {})
      if (misfit !== null) throw new Error(`the value of ${misfit} does not fit its column`)
    }
  }
}

/** Arrival and sequence are our own front door's work; a frame of another maker must not give rows that no column takes. */
const problemOf = ({ receivedAtMs, seq }: DeviceEvent): string | null => {
  if (receivedAtMs < 0 || receivedAtMs >= arrivalMsMax) return `expected an arrival of 1970 to 2105, got ${receivedAtMs}`
  return seq !== null && seq < 0 ? `expected a sequence of 0 or more, got ${seq}` : null
}

/** The ledger's hours are DateTime, which ends in February 2106. */
const arrivalMsMax = Date.UTC(2106, 0, 1)

const runEvent = (batch: Batch, event: DeviceEvent, record: StoredRecord): void => {
  const { deps, state, overlay, rows } = batch
  state.timeMs = Math.max(state.timeMs, event.receivedAtMs)
  const place = { logId: deps.logId, partition: batch.partition, offset: record.offset }
  const placed = placeTime(event.observedAtMs, event.receivedAtMs)
  const message = { event, place, placed, rows, overlay, onLimit: deps.counters.limitReached }

  const archive = deps.judgesOnly === true ? notArchived : projectMessage
  const { book } = batch.rules
  const watch: Watch | null =
    book === null
      ? null
      : {
          book,
          event,
          place,
          overlay,
          state,
          rows,
          records: batch.alarms,
          signals: batch.signals,
          windows: batch.windows,
          onLimit: deps.counters.limitReached,
        }

  const own = event.bodies[0]
  if (own?.kind === 'Tick') {
    state.tickMs = event.receivedAtMs // Not the greatest: the recorder's clock may have been ahead.
    archive(message, 'tick', record.value)
    if (noteTick(state.watch, own, event.receivedAtMs)) judgeSilent(message, state)
    noteHealth(healthOf(state), own, event.receivedAtMs, outsideBrokerOf(event.bodies))
    judgeUnheard(message, healthOf(state))
    if (watch !== null) watchTick(watch, batch.rules)
    deps.counters.outcome('tick')
    return
  }
  if (own?.kind === 'InventoryChanged') {
    archive(message, 'inventory', record.value)
    for (const body of event.bodies) {
      if (body.kind !== 'InventoryChanged') continue
      projectInventory(message, body)
      if (watch !== null) watchInventory(watch, body)
    }
    deps.counters.outcome('inventory')
    return
  }
  if (own?.kind === 'RuleActivated') {
    archive(message, 'rules', record.value)
    activate(batch.rules, own)
    deps.counters.outcome('rules')
    return
  }
  if (own?.kind === 'MaintenanceWindow') {
    archive(message, 'maintenance', record.value)
    const noted = noteWindow(batch.windows, own, event.receivedAtMs)
    if (noted === 'noted') projectMaintenance(message, own)
    if (noted === 'noted' && watch !== null) watchWindow(watch)
    if (noted === 'full') deps.counters.limitReached('maintenance-windows')
    deps.counters.outcome('maintenance')
    return
  }
  if (own?.kind === 'AlarmCommand') {
    archive(message, 'command', record.value)
    for (const body of event.bodies) if (watch !== null && body.kind === 'AlarmCommand') watchCommand(watch, body)
    deps.counters.outcome('command')
    return
  }

  if (own?.kind === 'GroupVerdict') {
    archive(message, 'verdict', record.value)
    for (const body of event.bodies) if (watch !== null && body.kind === 'GroupVerdict') watchVerdict(watch, body)
    deps.counters.outcome('verdict')
    return
  }

  const core = coreOf(overlay, event.subject.id)
  const identity = judgeIdentity(event, core, batch.window, state.timeMs)
  const outcome = outcomeOf(event, identity)
  if (deps.judgesOnly !== true) batch.ledger.count(event, identity, record.offset)
  archive(message, outcome, record.value)
  deps.counters.outcome(outcome)
  const { storedCopy, redriveOf } = event.source
  if (!storedCopy && redriveOf === null) core.lastReceivedAtMs = event.receivedAtMs
  const context: Context = { ...message, core, bootKey: 0 }
  if (storedCopy) {
    projectStoredCopy(context)
    return
  }
  if (outcome === 'duplicate' || outcome === 'quarantined') {
    if (watch !== null) watchSign(watch)
  } else projectAll(context, watch, deps.judgesOnly === true)
  if (watch !== null && redriveOf === null) watchCount(watch, outcome === 'quarantined')
  if (!event.bodies.some(({ kind }) => kind === 'Presence')) projectSign(context)
}

const notArchived = (): void => undefined

/** Rules read these themselves; rows of the others tell them steps, presence and wordings. */
const readByRules: ReadonlySet<Body['kind']> = new Set(['Measurements', 'Radio', 'Facts'])

const outcomeOf = (event: DeviceEvent, identity: Identity): MessageOutcome => {
  if (isQuarantined(event)) return 'quarantined'
  if (event.source.storedCopy) return 'stored_copy'
  return identity.outcome === 'new' ? 'stored' : identity.outcome
}

const projectAll = (context: Context, watch: Watch | null, judgesOnly: boolean): void => {
  const { event, core, placed, rows } = context
  const presenceBefore = core.presence
  const [countersBefore, clocksBefore] = [rows.counters.length, rows.clock_observations.length]
  const linesBefore = rows.log_lines.length
  const { boot, bootKey } = noteBoot(core.boot, event, placed.observedAtMs)
  context.bootKey = bootKey
  if (boot !== null) projectBoot(context, boot)
  projectClock(context, boot, !judgesOnly)
  for (const body of event.bodies) {
    if (judgesOnly && readByRules.has(body.kind)) continue
    switch (body.kind) {
      case 'Measurements':
        projectMeasurements(context, body)
        break
      case 'Counters':
        projectCounters(context, body)
        break
      case 'Radio':
        projectRadio(context, body)
        break
      case 'Facts':
        projectFacts(context, body)
        break
      case 'LogLines':
        projectLogLines(context, body)
        break
      case 'Presence':
        projectPresence(context, body)
        break
      case 'Boot': // Read by `noteBoot`.
      case 'TaskEvent': // Kept in `messages`; task histories read it there.
      case 'InventoryChanged':
      case 'Quarantined':
      case 'Tick':
      case 'AlarmCommand':
      case 'RuleActivated':
      case 'GroupVerdict':
      case 'MaintenanceWindow':
        break
    }
  }
  if (watch === null) return
  const { presence } = core
  watchEvent(watch, {
    observedAtMs: placed.observedAtMs,
    boot,
    steps: stepsOf(rows.counters, countersBefore),
    presence: presence === null || presence === presenceBefore ? null : presence,
    skews: skewsOf(rows.clock_observations, clocksBefore),
  })
  if (rows.log_lines.length > linesBefore) watchLines(watch, rows.log_lines, linesBefore)
}

/** As the projections have just written them. */
const stepsOf = (rows: readonly Row[], from: number): Derived['steps'] => {
  if (rows.length === from) return nothing
  return (rows as readonly CounterRow[])
    .slice(from)
    .map(({ metric, attributes, delta, seconds, flag, observed_at: atMs }) => ({ metric, attributes, delta, seconds, flag, atMs }))
}

const skewsOf = (rows: readonly Row[], from: number): Derived['skews'] => {
  const skews: { skewMs: number; atMs: number }[] = []
  for (let at = from; at < rows.length; at++) {
    const row = rows[at]
    if (row?.['kind'] === 'estimate' && typeof row['skew_ms'] === 'number')
      skews.push({ skewMs: row['skew_ms'], atMs: Number(row['observed_at']) })
  }
  return skews
}

type CounterRow = { metric: string; attributes: string; delta: number | null; seconds: number | null; flag: string; observed_at: number }
const nothing: Derived['steps'] = []

/** What an outside broker had kept is no sample: it only fills presence and facts. */
const projectStoredCopy = (context: Context): void => {
  for (const body of context.event.bodies) {
    if (body.kind === 'Facts') projectFacts(context, body)
    if (body.kind === 'Presence') projectPresence(context, body)
  }
}

/** The frame itself stays in the log at the named offset; the letter cannot be re-driven. */
const deadLetterOf = ({ deps, partition }: Batch, record: StoredRecord, reason: string, detail: string): LogRecord => {
  const reference = `device-events ${partition}:${record.offset}`
  const letter: DeadLetter = {
    eventId: deps.digest(deps.logId, reference),
    tenant: deps.tenant,
    receivedAtMs: record.appendedAtMs,
    topic: '',
    topicShape: 'device-events',
    reason,
    detail: `${reference}: ${detail}`,
    subject: null,
    source: ownSource('recorder', null),
    sealedPayload: new Uint8Array(0),
    payloadBytes: record.value.byteLength,
    cut: true,
  }
  return { partition: 0, key: letter.topicShape, value: deps.encodeDeadLetter(letter) }
}
