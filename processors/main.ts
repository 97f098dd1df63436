/**
 * The processors: device stage, fleet stage and dead-letter sink as consumers of the log. `app` hands in every port and calls `stop`.
 */
import type { AlarmRecord } from '../model/alarm-event.ts'
import type { DeadLetter } from '../model/event.ts'
import type { FleetSignal } from '../model/fleet-signal.ts'
import type { Clock, Digest, EventCodec, EventLog, LogBatch, LogConsumer, LogTopic, StageStore, Warehouse } from '../model/ports.ts'
import type { Result } from '../model/result.ts'
import { createDeadLetterSink, type SinkState } from './dead-letter-sink.ts'
import { createDeviceStage } from './device-stage.ts'
import { seenIdsMax } from './domain/seen-ids.ts'
import type { FleetStageState } from './domain/fleet/fleet-state.ts'
import type { StageState } from './domain/state.ts'
import { createFleetStage } from './fleet-stage.ts'
import { AppError } from '../runtime/errors.ts'
import { type RecoveryDeps, type Refilled, recoverFleet, recoverSink, recoverStage } from './recovery.ts'

export type ProcessorsDeps = {
  log: EventLog
  warehouse: Warehouse
  /** One per consumer group; it owns that group's progress and state. */
  createStore: <S>(group: string) => StageStore<S>
  codec: EventCodec
  decodeDeadLetter: (frame: Uint8Array) => Result<DeadLetter>
  encodeDeadLetter: (letter: DeadLetter) => Uint8Array
  encodeAlarm: (record: AlarmRecord) => Uint8Array
  encodeSignal: (signal: FleetSignal) => Uint8Array
  decodeSignal: (frame: Uint8Array) => Result<FleetSignal>
  digest: Digest
  /** Of dead letters whose frame does not tell it. */
  tenant: string
  /** Bounds `completeThroughMs`: no tick vouches for what is still to come. Without it ticks are taken as they are. */
  clock?: Clock
  /** Bounds of one batch; those not given are `batchLimits`. */
  limits?: Partial<typeof batchLimits>
  /** A batch failed and comes again. */
  onError: (error: Error, where: { stage: string; partition: number }) => void
  /** For metrics: `rows` by table, `batches` by stage, `outcomes`, `limits`, `refilled` by table. */
  onCount: (what: CountName, label: string, by: number) => void
  /** Rows that the warehouse had lost were written again, or could not be. */
  onRefilled?: (refilled: Refilled) => void
}

export type CountName = 'rows' | 'batches' | 'outcomes' | 'limits' | 'refilled'

export type FailingBatch = { stage: string; partition: number; times: number; message: string }

/** A batch whose rows the warehouse does not take, since its first failure in a row. */
export type RefusedBatch = { stage: string; partition: number; sinceMs: number; why: string }

/** A warehouse that starts anew answers the third try or the fourth; what fails longer is told. */
export const failingFrom = 3

export type Processors = {
  /** Highest count of records that lie ahead in any partition. */
  lagRecords: () => number
  /** Up to this moment of the ticks everything that had arrived is in the warehouse; null before the first tick. */
  completeThroughMs: () => number | null
  /** Whether the fleet stage is this process's (or nobody's that we know of), and the tick up to which it has judged; null: not known yet. */
  fleet: () => { isHere: boolean; throughMs: number | null }
  /** Batches that failed `failingFrom` times or more in a row and come again: rows of their partitions are held up. */
  failing: () => FailingBatch[]
  refused: () => RefusedBatch[]
  /** How old what each group has yet to read is at least; a group of which we have no partition, or know no time yet, is left out. */
  readers: () => { group: string; lagMs: number }[]
  stop: () => Promise<void>
}

export const batchLimits = {
  /** About 0.5 s of work at 25 us a message. */
  batchRecordsMax: 20_000,
  batchBytesMax: 16 * 1024 * 1024,
  /** From PUBLISH to queryable within 2 s at the 95th percentile leaves this for waiting. */
  batchAfterMs: 400,
}

/** What each group reads: the log keeps what none of them has finished. */
export const consumerGroups = [
  { group: 'device-stage', topics: ['device-events'] },
  { group: 'dead-letter-sink', topics: ['dead-letters'] },
  { group: 'fleet-stage', topics: ['fleet-signals'] },
] as const satisfies readonly { group: string; topics: readonly LogTopic[] }[]

const [stageGroup, sinkGroup, fleetGroup] = consumerGroups

export const startProcessors = async (deps: ProcessorsDeps): Promise<Processors> => {
  const { log, warehouse, onCount } = deps
  const partitions = log.partitionCount('device-events')
  const stageStore = deps.createStore<StageState>(stageGroup.group)
  const sinkStore = deps.createStore<SinkState>(sinkGroup.group)
  const fleetStore = deps.createStore<FleetStageState>(fleetGroup.group)
  const common = {
    logId: log.logId,
    tenant: deps.tenant,
    codec: deps.codec,
    digest: deps.digest,
    encodeDeadLetter: deps.encodeDeadLetter,
    encodeAlarm: deps.encodeAlarm,
    encodeSignal: deps.encodeSignal,
    decodeSignal: deps.decodeSignal,
    partitions,
    decodeDeadLetter: deps.decodeDeadLetter,
    warehouse,
    seenIdsMax: Math.ceil(seenIdsMax / partitions),
    counters: {
      outcome: (outcome: string) => onCount('outcomes', outcome, 1),
      limitReached: (limit: string) => onCount('limits', limit, 1),
    },
    onRows: (table: string, rows: number) => onCount('rows', table, rows),
  }
  const silent = { outcome: () => undefined, limitReached: () => undefined }
  const recovery: RecoveryDeps = {
    ...common,
    counters: silent, // What is run again over the past has been counted.
    log,
    stageStore,
    sinkStore,
    fleetStore,
    onRefilled: (refilled) => {
      onCount('refilled', refilled.table, refilled.rows)
      deps.onRefilled?.(refilled)
    },
  }

  const stage = createDeviceStage({ ...common, store: stageStore })
  const sink = createDeadLetterSink({ ...common, store: sinkStore, onUndecodable: () => onCount('outcomes', 'undecodable-letter', 1) })
  const fleet = createFleetStage({
    ...common,
    store: fleetStore,
    onLimit: (limit) => onCount('limits', limit, 1),
    onRefused: () => onCount('outcomes', 'refused-signal', 1),
  })
  const nowMs = (): number => deps.clock?.nowMs() ?? 0
  const failures = createFailures(nowMs)
  const consume = (
    group: (typeof consumerGroups)[number],
    startAt: (partition: number) => ReturnType<typeof stage.startAt>,
    work: (batch: LogBatch) => Promise<void>,
  ) =>
    log.consume({
      group: group.group,
      topics: group.topics,
      startAt: (_topic, partition) => startAt(partition),
      onBatch: async (batch) => {
        await work(batch)
        failures.passed(group.group, batch.partition)
        onCount('batches', group.group, 1)
      },
      ...batchLimits,
      ...deps.limits,
      onError: (error, { partition }) => {
        failures.failed(group.group, partition, error)
        deps.onError(error, { stage: group.group, partition })
      },
    })

  // Each time a partition comes to us: another member may have gone on with it in between.
  const startStage = async (partition: number): ReturnType<typeof stage.startAt> => {
    await stageStore.resume('device-events', partition)
    return stage.startAt(partition, await recoverStage(recovery, partition))
  }
  const startSink = async (partition: number): ReturnType<typeof sink.startAt> => {
    await sinkStore.resume('dead-letters', partition)
    return sink.startAt(partition, await recoverSink(recovery))
  }
  const startFleet = async (partition: number): ReturnType<typeof fleet.startAt> => {
    await fleetStore.resume('fleet-signals', partition)
    return fleet.startAt(partition, await recoverFleet(recovery))
  }
  const stageConsumer = await consume(stageGroup, startStage, stage.processBatch)
  const sinkConsumer = await consume(sinkGroup, startSink, sink.processBatch)
  const fleetConsumer = await consume(fleetGroup, startFleet, fleet.processBatch)
  const completeThroughMs = (): number | null => {
    const ours = stageConsumer.partitions?.('device-events') ?? Array.from({ length: partitions }, (_, partition) => partition)
    const times = ours.map((partition) => stage.completeThroughMs(partition))
    const least = Math.min(...times, deps.clock?.nowMs() ?? Number.POSITIVE_INFINITY)
    return least > 0 && ours.length > 0 ? least : null
  }
  const consumers: Readonly<Record<string, LogConsumer>> = {
    [stageGroup.group]: stageConsumer,
    [sinkGroup.group]: sinkConsumer,
    [fleetGroup.group]: fleetConsumer,
  }
  /** A partition that went to another member is its own trouble there. */
  const isOurs = ({ stage: group, partition }: { stage: string; partition: number }): boolean => {
    const topic = consumerGroups.find((one) => one.group === group)?.topics[0]
    const given = topic === undefined ? undefined : consumers[group]?.partitions?.(topic)
    return given === undefined || given.includes(partition)
  }
  const sinkBehindMs = createBehind(nowMs)
  // Ticks tell the time of events and signals; dead letters come seldom, and are read as soon as they come.
  // Of a former run the last tick is known, and nothing was appended while the recorder was off: at least since the start it is behind.
  const startedMs = nowMs()
  const lagOf = (lagRecords: number, throughMs: number | null): number | null =>
    lagRecords === 0 ? 0 : throughMs === null ? null : Math.max(0, nowMs() - Math.max(throughMs, startedMs))
  return {
    lagRecords: () => Math.max(stageConsumer.lagRecords(), sinkConsumer.lagRecords(), fleetConsumer.lagRecords()),
    completeThroughMs,
    fleet: () => {
      const given = fleetConsumer.partitions?.('fleet-signals').length ?? 1
      const isWaiting = (fleetConsumer.waitingSinceMs?.() ?? null) !== null
      return { isHere: given > 0 || isWaiting, throughMs: fleet.completeThroughMs(0) || null }
    },
    failing: () => failures.failing().filter(isOurs),
    refused: () => failures.refused().filter(isOurs),
    readers: () =>
      [
        { group: stageGroup.group, lagMs: lagOf(stageConsumer.lagRecords(), completeThroughMs()) },
        { group: sinkGroup.group, lagMs: sinkBehindMs(sinkConsumer.lagRecords()) },
        { group: fleetGroup.group, lagMs: lagOf(fleetConsumer.lagRecords(), fleet.completeThroughMs(0) || null) },
      ].flatMap(({ group, lagMs }) => (lagMs === null ? [] : [{ group, lagMs }])),
    stop: async () => {
      await stageConsumer.stop()
      await sinkConsumer.stop()
      await fleetConsumer.stop()
    },
  }
}

/** For how long a group has not been at the end of what it reads. */
const createBehind = (nowMs: () => number) => {
  let sinceMs: number | null = null
  return (lagRecords: number): number => {
    if (lagRecords === 0) sinceMs = null
    else sinceMs ??= nowMs()
    return sinceMs === null ? 0 : nowMs() - sinceMs
  }
}

/** Failures in a row, by stage and partition. */
const createFailures = (nowMs: () => number) => {
  const running = new Map<string, FailingBatch & { sinceMs: number; isOfWarehouse: boolean }>()
  return {
    failed: (stage: string, partition: number, error: Error): void => {
      const known = running.get(`${stage}:${partition}`)
      const isOfWarehouse = error instanceof AppError && error.code.startsWith('WAREHOUSE_')
      const times = (known?.times ?? 0) + 1
      const sinceMs = known?.isOfWarehouse === isOfWarehouse ? known.sinceMs : nowMs()
      running.set(`${stage}:${partition}`, { stage, partition, times, message: error.message, sinceMs, isOfWarehouse })
    },
    passed: (stage: string, partition: number): boolean => running.delete(`${stage}:${partition}`),
    failing: (): FailingBatch[] =>
      [...running.values()]
        .filter(({ times }) => times >= failingFrom)
        .map(({ stage, partition, times, message }) => ({ stage, partition, times, message })),
    refused: (): RefusedBatch[] =>
      [...running.values()]
        .filter(({ isOfWarehouse }) => isOfWarehouse)
        .map(({ stage, partition, sinceMs, message }) => ({ stage, partition, sinceMs, why: message })),
  }
}
