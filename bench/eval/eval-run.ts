/**
 * Events through the device stage's and the fleet stage's own runs, as the processors carry them out, but in this process and
 * without a warehouse: what the device stage tells the fleet stage reaches it at the next tick, its verdicts come back before the
 * next record. What is told to people is the notification projection's.
 */
import { type AlarmOwner, ownerOf } from '../../app/what-if-tally.ts'
import { md5 } from '../../adapters/system/clock-ids-digest.ts'
import type { AlarmRecord } from '../../model/alarm-event.ts'
import type { Severity } from '../../model/alarm.ts'
import type { DeviceEvent } from '../../model/event.ts'
import type { FleetSignal } from '../../model/fleet-signal.ts'
import type { EventCodec, Row, StoredRecord } from '../../model/ports.ts'
import type { RuleSet } from '../../model/rule.ts'
import {
  afterEvent,
  afterTick,
  initialNotificationState,
  type NotificationState,
  type NotifyPolicy,
  situationSettleMsDefault,
} from '../../processors/domain/alarms/notification-view.ts'
import type { FleetStageState } from '../../processors/domain/fleet/fleet-state.ts'
import { createOverlay } from '../../processors/domain/state.ts'
import { createFleetRun } from '../../processors/fleet-run.ts'
import { tickKey } from '../../processors/rebuild.ts'
import type { Batch } from '../../processors/run-record.ts'
import { createPartitionRun } from '../../processors/stage-run.ts'
import { ownEvent, tenant } from './eval-events.ts'

export type Told = {
  kind: 'raise' | 'worse' | 'again' | 'clear' | 'amend'
  atMs: number
  type: string
  qualifier: string
  /** Device, or resource of a group or of the platform. */
  subject: string
  class: AlarmOwner['class']
  severity: Severity
  stream: string
  episode: number
}

export type Raised = Pick<Told, 'type' | 'qualifier' | 'subject' | 'class' | 'severity' | 'stream' | 'episode'> & {
  /** When the rule had become true, and when it was known. */
  raisedAtMs: number
  detectedAtMs: number
}

export type EvalOutcome = {
  events: number
  raised: Raised[]
  told: Told[]
  /** The newest row of each episode of devices. */
  episodes: Row[]
  /** Of the stage: outcomes, limits, refused records. */
  counts: Record<string, number>
}

type Stream = { policy: NotifyPolicy; state: NotificationState; owner: AlarmOwner; record: AlarmRecord }

const sliceRecords = 2_000
const closeEvery = 200_000

export const runEvents = (events: Iterable<DeviceEvent>, ruleSet: RuleSet): EvalOutcome => {
  const counts: Record<string, number> = {}
  const count = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1)
  const outbox = createOutbox()
  const episodes = new Map<string, Row>()
  const frames = createFrames<DeviceEvent>()
  const codec: EventCodec = { encode: frames.put, decode: (frame) => ({ ok: true, event: frames.get(frame) }) }
  const overlay = createOverlay(() => undefined, true)
  const runDeps = {
    logId: 'eval',
    tenant,
    codec,
    digest: md5,
    encodeDeadLetter: ({ reason, detail }: { reason: string; detail: string }) => {
      count(`${reason}: ${detail.replaceAll(/\d+/g, '#')}`)
      return new Uint8Array(1)
    },
    encodeAlarm: () => new Uint8Array(1),
    encodeSignal: () => new Uint8Array(1),
    seenIdsMax: 2_000_000,
    counters: { outcome: count, limitReached: count },
  }
  const run = createPartitionRun(runDeps, 0, { read: () => undefined, segments: () => [], overlay })
  const fleet = createFleet(count, (alarms) => {
    for (const alarm of alarms) outbox.add(alarm)
  })
  let batch = run.openBatch()
  let waiting: StoredRecord[] = []
  let offset = 0
  let sinceClosed = 0
  let total = 0

  const put = (event: DeviceEvent): void => {
    const key = event.subject.kind === 'fleet' ? tickKey : event.subject.id
    waiting.push({ offset: offset++, appendedAtMs: event.receivedAtMs, key, value: frames.put(event) })
  }

  const runWaiting = (): void => {
    while (waiting.length > 0) {
      const records = waiting
      waiting = []
      run.runInto(batch, records, 0, () => false, Number.POSITIVE_INFINITY)
      frames.clear()
      keepEpisodes(batch, episodes)
      for (const alarm of batch.alarms) outbox.add(alarm)
      const signals = batch.signals.splice(0)
      batch.alarms.length = 0
      batch.outputs.length = 0
      for (const own of batch.unchecked) {
        own.rows.length = 0
        own.from = 0
      }
      if (signals.length > 0) for (const verdict of fleet.take(signals)) put(verdict)
      sinceClosed += records.length
    }
    if (sinceClosed < closeEvery) return
    sinceClosed = 0
    run.closeBatch(batch)
    batch = run.openBatch()
  }

  put({ ...ownEvent(0, tickKey, 'fleet'), bodies: [{ kind: 'RuleActivated', version: 'eval', ruleSet: JSON.stringify(ruleSet) }] })
  let newestMs = 0
  for (const event of events) {
    total++
    put(event)
    newestMs = event.receivedAtMs
    if (event.bodies[0]?.kind === 'Tick' || waiting.length >= sliceRecords) runWaiting()
  }
  runWaiting()
  const { raised, told } = outbox.close(newestMs)
  return { events: total, raised, told, episodes: [...episodes.values()], counts }
}

const keepEpisodes = ({ rows }: Batch, episodes: Map<string, Row>): void => {
  for (const row of rows.alarm_episodes)
    episodes.set(`${String(row['stream'])}:${String(row['episode'])}:${String(row['found_late'])}`, row)
}

/** A frame is the place of its content: nothing is encoded here. */
const createFrames = <T>() => {
  let kept: T[] = []
  return {
    put: (content: T): Uint8Array => {
      kept.push(content)
      const frame = new Uint8Array(4)
      new DataView(frame.buffer).setUint32(0, kept.length - 1)
      return frame
    },
    get: (frame: Uint8Array): T => {
      const content = kept[new DataView(frame.buffer, frame.byteOffset).getUint32(0)]
      if (content === undefined) throw new Error('expected a frame of this slice')
      return content
    },
    clear: (): void => {
      kept = []
    },
  }
}

const createFleet = (count: (what: string) => void, onAlarms: (alarms: readonly AlarmRecord[]) => void) => {
  const states = new Map<string, FleetStageState>()
  const signals = createFrames<FleetSignal>()
  const alarms: AlarmRecord[] = []
  const verdicts: DeviceEvent[] = []
  let offset = 0
  const run = createFleetRun(
    {
      logId: 'eval',
      tenant,
      partitions: 1,
      digest: md5,
      codec: {
        encode: (event) => {
          verdicts.push(event)
          return new Uint8Array(1)
        },
        decode: () => ({ ok: false, reason: 'not here' }),
      },
      decodeSignal: (frame) => ({ ok: true, value: signals.get(frame) }),
      encodeAlarm: (alarm) => {
        alarms.push(alarm)
        return new Uint8Array(1)
      },
      onLimit: count,
      onRefused: (_offset, reason) => count(`fleet refused: ${reason}`),
    },
    0,
    (key) => states.get(key),
  )
  return {
    take: (told: readonly FleetSignal[]): DeviceEvent[] => {
      alarms.length = 0
      verdicts.length = 0
      const records = told.map(
        (signal): StoredRecord => ({ offset: offset++, appendedAtMs: signal.atMs, key: '', value: signals.put(signal) }),
      )
      const prepared = run.prepare(records, 0, () => false, Number.POSITIVE_INFINITY)
      for (const [key, state] of prepared.states) {
        if (state === null) states.delete(key)
        else states.set(key, state)
      }
      signals.clear()
      onAlarms(alarms)
      return verdicts.slice()
    },
  }
}

/** What is told to whom, and when, by the rule, the class and the projection. */
const createOutbox = () => {
  const streams = new Map<string, Stream>()
  const raised: Raised[] = []
  const told: Told[] = []

  const take = (stream: Stream, one: ReturnType<typeof afterTick>): void => {
    stream.state = one.state
    const { owner, record } = stream
    for (const { kind, atMs, severity, episode } of one.notifications)
      told.push({
        kind,
        atMs,
        severity,
        episode,
        type: record.key.type,
        qualifier: record.key.qualifier,
        subject: owner.device,
        class: owner.class,
        stream: record.stream,
      })
  }
  const passTime = (stream: Stream, atMs: number): void => {
    const dueMs = stream.state.waitsUntilMs
    if (dueMs !== null && dueMs <= atMs) take(stream, afterTick(stream.policy, stream.state, dueMs))
  }

  return {
    add: (record: AlarmRecord): void => {
      const { event, key } = record
      let stream = streams.get(record.stream)
      if (stream === undefined || event.kind === 'AlarmRaised') {
        const owner = ownerOf(record)
        const policy = { class: owner.class, notifies: owner.notifies, situationSettleMs: situationSettleMsDefault }
        stream = { policy, state: stream?.state ?? initialNotificationState, owner, record }
        streams.set(record.stream, stream)
      }
      passTime(stream, event.atMs)
      take(stream, afterEvent(stream.policy, stream.state, event))
      if (event.kind !== 'AlarmRaised') return
      const { owner } = stream
      const { severity, raisedAtMs, episode, atMs } = event
      raised.push({
        type: key.type,
        qualifier: key.qualifier,
        subject: owner.device,
        class: owner.class,
        severity,
        stream: record.stream,
        episode,
        raisedAtMs,
        detectedAtMs: atMs,
      })
    },
    close: (atMs: number): { raised: Raised[]; told: Told[] } => {
      for (const stream of streams.values()) passTime(stream, atMs)
      return { raised, told: told.sort((one, other) => one.atMs - other.atMs) }
    },
  }
}
