/**
 * `EventLog.consume` on Kafka: the group says which partitions are ours, `startAt` says where, the prefetched records are
 * handed out by the same reader as the embedded log's. With each new generation everything starts anew from the store, since
 * another member may have had the partition in between.
 */
import type { Clock, ConsumeOptions, LogConsumer, LogTopic } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { checkStart, consumePartition, createSleeper, type LogSource, type Sleeper } from '../lmdb/log-consumer.ts'
import type { KafkaSettings } from './client-settings.ts'
import { unavailable } from './errors.ts'
import type { Bounds, Fetcher } from './fetcher.ts'
import { type Assignment, startGroupMember } from './group-member.ts'
import { createPrefetch } from './prefetch.ts'

export type GroupsDeps = {
  settings: KafkaSettings
  clock: Clock
  createFetcher: () => Fetcher
  boundsOf: (topic: LogTopic, partition: number) => Promise<Bounds>
  /** The end as far as this process knows it, by its own appends too. */
  knownEnd: (topic: LogTopic, partition: number) => number
  onError: (error: Error) => void
  /** For the stage stores: who may commit for the group now. */
  onAssignment: (group: string, assignment: Assignment | undefined) => void
  beforeLeaving: (group: string) => Promise<void>
}

type Running = { topic: LogTopic; partition: number; next: () => number; sleeper: Sleeper; ended: Promise<void> }

const startAgainAfterMs = 1_000

export const startGroup = async (deps: GroupsDeps, options: ConsumeOptions): Promise<LogConsumer> => {
  const prefetch = createPrefetch({ fetcher: deps.createFetcher(), boundsOf: deps.boundsOf, onError: deps.onError })
  const source: LogSource = { partitionCount: () => 0, bounds: prefetch.bounds, readFrom: prefetch.readFrom }
  let running: Running[] = []
  /** Partitions and where they stood: the lag is told after the stop too. */
  let lastSeen: Running[] = []
  let newest: Assignment | undefined
  /** Of `newest`, not started yet; `membership` while there is none. */
  let waiting = new Map([['membership', deps.clock.nowMs()]])
  let changing: Promise<void> = Promise.resolve()
  let stopped = false
  const first = Promise.withResolvers<undefined>()
  first.promise.catch(() => undefined) // Waited for below; a stop before it must not end the process.

  const take = (assignment: Assignment | undefined): void => {
    newest = assignment
    const names = assignment?.partitions.map(nameOf) ?? ['membership']
    waiting = new Map(names.map((name) => [name, waiting.get(name) ?? deps.clock.nowMs()]))
    deps.onAssignment(options.group, assignment)
    for (const { sleeper } of running) sleeper.stop() // No next batch; the one in flight may end.
    changing = changing.then(() => change(assignment))
  }

  const change = async (assignment: Assignment | undefined): Promise<void> => {
    await endAll()
    if (assignment === undefined) return
    for (const { topic, partition } of assignment.partitions) {
      while (!stopped && newest === assignment) {
        try {
          await start(topic, partition)
          if (newest === assignment) waiting.delete(nameOf({ topic, partition }))
          break
        } catch (cause) {
          const error = asError(cause)
          options.onError(error, { topic, partition })
          first.reject(error)
          if (cause instanceof AppError && !cause.retryable) break // Nothing of this partition until the next generation; the others go on.
          await delay(startAgainAfterMs)
        }
      }
    }
    if (newest === assignment) first.resolve(undefined)
  }

  const start = async (topic: LogTopic, partition: number): Promise<void> => {
    const position = await options.startAt(topic, partition)
    const bounds = await deps.boundsOf(topic, partition)
    checkStart(bounds, options.group, topic, partition, position)
    prefetch.open(topic, partition, position.next, bounds)
    const sleeper = createSleeper()
    const reader = { topic, partition, ...position }
    const ended = consumePartition(source, options, deps.clock, reader, sleeper)
    running.push({ topic, partition, next: () => reader.next, sleeper, ended })
    lastSeen = running
  }

  const endAll = async (): Promise<void> => {
    for (const { sleeper } of running) sleeper.stop()
    await Promise.all(running.map(({ ended }) => ended))
    for (const { topic, partition } of running) prefetch.close(topic, partition)
    running = []
  }

  const member = startGroupMember({
    settings: deps.settings,
    group: options.group,
    topics: options.topics,
    onAssignment: take,
    onError: (error) => deps.onError(error),
  })
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await changing.catch(() => undefined)
    await endAll() // Before leaving: who gets the partitions finds the last batch finished.
    await deps.beforeLeaving(options.group)
    await member.stop()
    await prefetch.stop()
    deps.onAssignment(options.group, undefined)
  }

  try {
    await first.promise
  } catch (error) {
    await stop()
    throw error
  }
  return {
    lagRecords: () =>
      lastSeen.reduce((lag, { topic, partition, next }) => {
        const end = Math.max(prefetch.bounds(topic, partition).next, deps.knownEnd(topic, partition))
        return Math.max(lag, end - next())
      }, 0),
    partitions: (topic) => (newest?.partitions ?? []).filter((own) => own.topic === topic).map(({ partition }) => partition),
    waitingSinceMs: () => (waiting.size === 0 ? null : Math.min(...waiting.values())),
    stop,
  }
}

const nameOf = ({ topic, partition }: { topic: LogTopic; partition: number }): string => `${topic}:${partition}`
const asError = (error: unknown): Error => (error instanceof Error ? error : unavailable('starting a partition', error))
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
