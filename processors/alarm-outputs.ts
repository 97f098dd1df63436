/**
 * What leaves the recorder about alarms: reads the log topic `alarms`, tells people over one channel, keeps `alarms-current`,
 * and writes down what was told and what was not. Before: the device stage and the fleet stage.  After: `adapters/webhook`.
 *
 * Its state and its offset are saved in one step, so a kill loses nothing and a replay of the log's past tells nobody again;
 * ids of messages follow from the events, so whoever is told twice (a kill between the answer and its note) can know it. What is
 * sent waits in the state of its alarm, in order; the warehouse may be away meanwhile, its rows wait there too.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import { type AlarmType, severities } from '../model/alarm.ts'
import type { NotificationChannel } from '../model/notification.ts'
import type { Clock, EventLog, LogBatch, LogConsumer, LogRecord, StageStore, Warehouse } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { alarmTypeOf, type Rule } from '../model/rule.ts'
import { createChannelWork, type ChannelStatus } from './alarm-outputs-channel.ts'
import { createOutputPartition, type OutputPartition } from './alarm-outputs-partition.ts'
import { currentRecords } from './domain/outputs/current-record.ts'
import { type FoldContext, foldAlarm } from './domain/outputs/fold-alarm.ts'
import { type OutputsState, waitingAlarmsMax } from './domain/outputs/output-state.ts'

export type AlarmOutputsDeps = {
  log: EventLog
  warehouse: Warehouse
  store: StageStore<OutputsState>
  decodeAlarm: (frame: Uint8Array) => Result<AlarmRecord>
  /** Null: nothing is sent, and the alarms say so. */
  channel: NotificationChannel | null
  clock: Clock
  /** The stage's time: every alarm event up to it stands in `alarms`. Null: not known yet. */
  timeMs: () => number | null
  rules: readonly Rule[]
  situationSettleMs: number
  publicUrl: string
  random: () => number
  onError: (error: Error, where: { stage: string; partition: number }) => void
  /** `sent`, `failed`, `refused`, `gone` tries; `transient`, `silent`, `dropped` notices; `unreadable` records. */
  onCount: (what: string, by: number) => void
  /** Bounds of one batch; those not given are `outputLimits`. */
  limits?: Partial<typeof outputLimits>
  /** Default `lookEveryMs`. */
  lookMs?: number
}

export type OutputsStatus = ChannelStatus & {
  lagRecords: number
  /** Since when the alarms of a partition cannot be taken in, or are not read at all; null: all can. */
  stuckSinceMs: number | null
}

export type AlarmOutputs = { status: () => OutputsStatus; stop: () => Promise<void> }

export const outputsGroup = 'alarm-outputs'
const topic = 'alarms'
export const outputLimits = {
  /** Some 100 ms of work: a message to people must not wait behind a mass of them. */
  batchRecordsMax: 2_000,
  batchBytesMax: 4 * 1024 * 1024,
  batchAfterMs: 20,
}
/** What a raise without a hold adds to the way of a record. */
export const lookEveryMs = 100

export const startAlarmOutputs = async (deps: AlarmOutputsDeps): Promise<AlarmOutputs> => {
  const { log, store, clock, onCount } = deps
  const types = new Map(deps.rules.map((rule) => [rule.id, alarmTypeOf(rule)]))
  const titles = new Map(deps.rules.map(({ id, title }) => [id, title]))
  const partitions = new Map<number, OutputPartition>()
  /** Partitions whose batch fails and comes again, since when. */
  const stuck = new Map<number, number>()

  const contextOf = (own: OutputPartition): FoldContext => ({
    words: { publicUrl: deps.publicUrl, titleOf: (type) => titles.get(type) ?? type, typeOf: (type) => types.get(type) },
    situationSettleMs: deps.situationSettleMs,
    hasChannel: deps.channel !== null,
    beganMs: own.beganMs,
    hasRoom: () => own.waitingAlarms() < waitingAlarmsMax,
    count: (what) => onCount(what, 1),
  })

  const close = async (partition: number): Promise<void> => {
    const own = partitions.get(partition)
    partitions.delete(partition)
    await own?.close()
  }

  /** Two owners of one partition would write over each other: the one before has ended by then. */
  const open = async (partition: number): Promise<OutputPartition> => {
    await close(partition)
    const own = await createOutputPartition({ store, topic, partition, nowMs: clock.nowMs() })
    partitions.set(partition, own)
    return own
  }

  /** Records that are gone before they were read (a first start on an older log) are passed over. */
  const skipTo = async (partition: number, next: number, first: number): Promise<void> => {
    const range = { topic, partition, from: next, to: first - 1 } as const
    await store.begin(range)
    await store.finish({ range, states: new Map(), segments: [], tables: [], outputs: [] })
    onCount('passed-over', first - next)
  }

  const startAt = async (_topic: string, partition: number) => {
    const position = await store.resume(topic, partition)
    const { first } = await log.bounds(topic, partition)
    if (position.next < first) {
      await skipTo(partition, position.next, first)
      return store.resume(topic, partition).then(async (after) => {
        await open(partition)
        return after
      })
    }
    await open(partition)
    return position
  }

  const processBatch = async ({ partition, records, lastOffset }: LogBatch): Promise<void> => {
    const own = partitions.get(partition) ?? (await open(partition))
    await own.exclusive(async () => {
      const { next } = await store.resume(topic, partition)
      const fresh = records.filter(({ offset }) => offset >= next)
      const [first] = fresh
      if (first === undefined) return
      const context = contextOf(own)
      const turn = own.begin()
      const outputs: LogRecord[] = []
      for (const { value, appendedAtMs } of fresh) {
        if (value.byteLength === 0) continue // Erased.
        const decoded = deps.decodeAlarm(value)
        if (!decoded.ok) {
          onCount('unreadable', 1)
          continue
        }
        const record = decoded.value
        const state = foldAlarm(context, turn.get(record.stream), record, appendedAtMs)
        if (state === null) continue
        turn.keep(state)
        for (const { key, text } of currentRecords(state, record.event, types.get(record.key.type) ?? goneType(record.key.type)))
          outputs.push({ partition, key, value: text === null ? nothing : Buffer.from(text) })
      }
      const range = { topic, partition, from: first.offset, to: lastOffset } as const
      await store.begin(range)
      await store.finish({
        range,
        states: turn.states(),
        segments: [],
        tables: [],
        outputs: outputs.length === 0 ? [] : [{ topic: 'alarms-current', records: outputs }],
      })
      turn.done()
      own.readTo(lastOffset + 1)
    })
  }

  const consumer: LogConsumer = await log.consume({
    group: outputsGroup,
    topics: [topic],
    startAt,
    onBatch: async (batch) => {
      try {
        await processBatch(batch)
        stuck.delete(batch.partition)
      } catch (error) {
        if (!stuck.has(batch.partition)) stuck.set(batch.partition, clock.nowMs())
        await close(batch.partition) // Read anew: what was saved is not known.
        throw error
      }
    },
    ...outputLimits,
    ...deps.limits,
    onError: (error, { partition }) => deps.onError(error, { stage: outputsGroup, partition }),
  })

  const isOurs = (partition: number): boolean => consumer.partitions?.(topic).includes(partition) ?? true
  const ofOurs = <T>(byPartition: ReadonlyMap<number, T>): T[] =>
    [...byPartition].filter(([partition]) => isOurs(partition)).map(([, own]) => own)
  const stuckSinceMs = (): number | null => {
    const since = [...ofOurs(stuck), consumer.waitingSinceMs?.() ?? Number.POSITIVE_INFINITY].filter(Number.isFinite)
    return since.length === 0 ? null : Math.min(...since)
  }

  const work = createChannelWork({
    ...deps,
    partitions: () => ofOurs(partitions),
    isOurs,
    contextOf,
  })
  let looking: Promise<void> | undefined
  const timer = setInterval(() => {
    looking ??= work.look().finally(() => (looking = undefined))
  }, deps.lookMs ?? lookEveryMs)

  return {
    status: () => ({ ...work.status(), lagRecords: consumer.lagRecords(), stuckSinceMs: stuckSinceMs() }),
    stop: async () => {
      clearInterval(timer)
      await looking
      await work.stop() // While the partitions are ours: another member would send again what is not noted.
      await consumer.stop()
    },
  }
}

const nothing = new Uint8Array(0)

/** Its rule is in the files no more. */
const goneType = (type: string): AlarmType => ({
  type,
  eventType: 'processing-error',
  willClear: true,
  eventOnly: false,
  severities,
  cause: '',
  action: '',
  runbook: '',
})
