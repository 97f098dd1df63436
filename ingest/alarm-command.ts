/**
 * A person's command to an alarm becomes a record of its device, in the device's partition: so it is carried out in order with
 * what the device says, stands in the history, and is done again by a replay. To an alarm of a group or of the platform it becomes
 * a signal for the fleet stage. All of one call and topic are appended or none.
 * After: `processors` carry it out, or write that they did not and why.
 */
import type { OperatorCommand } from '../model/alarm.ts'
import type { AlarmCommandBody, DeviceEvent } from '../model/event.ts'
import type { FleetSignal } from '../model/fleet-signal.ts'
import { ownSource } from '../model/own-source.ts'
import { partitionOf } from '../model/partition.ts'
import type { Clock, EventCodec, EventLog, Ids, LogTopic } from '../model/ports.ts'

export type AlarmCommandDeps = {
  log: EventLog
  codec: EventCodec
  encodeSignal: (signal: FleetSignal) => Uint8Array
  ids: Ids
  clock: Clock
  tenant: string
}

type WithoutTime<T> = T extends unknown ? Omit<T, 'atMs'> : never
type Asked = { subject: string; stream: string; command: WithoutTime<OperatorCommand> }

type Place = { topic: LogTopic; partition: number; offset: number }

export const createAlarmCommands =
  (deps: AlarmCommandDeps) =>
  async (asked: readonly Asked[]): Promise<Place[]> => {
    const places = new Map<Asked, Place>()
    for (const topic of ['device-events', 'fleet-signals'] as const) {
      const own = asked.filter(({ subject }) => isOfFleet(subject) === (topic === 'fleet-signals'))
      if (own.length === 0) continue
      const partitions = deps.log.partitionCount(topic)
      const records = own.map((one) => ({
        partition: partitionOf(one.subject, partitions),
        key: one.subject,
        value: topic === 'device-events' ? deps.codec.encode(eventOf(deps, one)) : Uint8Array.from(deps.encodeSignal(signalOf(deps, one))),
      }))
      const offsets = await deps.log.append(topic, records)
      for (const [index, one] of own.entries())
        places.set(one, { topic, partition: records[index]?.partition ?? 0, offset: offsets[index] ?? -1 })
    }
    return asked.map((one) => places.get(one) ?? { topic: 'device-events', partition: 0, offset: -1 })
  }

const isOfFleet = (subject: string): boolean => subject.startsWith('group/') || subject.startsWith('platform/')

const signalOf = (deps: AlarmCommandDeps, { subject, stream, command }: Asked): FleetSignal => ({
  tenant: deps.tenant,
  atMs: deps.clock.nowMs(),
  source: { partition: -1, offset: -1, item: 0 },
  body: { kind: 'command', subject, actor: command.actor, command: bodyOf(stream, command) },
})

const eventOf = (deps: AlarmCommandDeps, { subject, stream, command }: Asked): DeviceEvent => ({
  eventId: deps.ids.eventId(),
  tenant: deps.tenant,
  subject: { kind: 'device', id: subject },
  observedAtMs: null,
  receivedAtMs: deps.clock.nowMs(),
  bootId: null,
  seq: null,
  uptimeSeconds: null,
  source: ownSource('api', command.actor),
  bodies: [bodyOf(stream, command)],
  payload: { encoding: 'none', bytes: new Uint8Array(0) },
})

const bodyOf = (stream: string, command: WithoutTime<OperatorCommand>): AlarmCommandBody => {
  const { kind: name, expectedEpisode, commandId } = command
  const body: AlarmCommandBody = {
    kind: 'AlarmCommand',
    stream,
    name,
    expectedEpisode,
    commandId,
    text: null,
    to: null,
    ticket: null,
    untilMs: null,
    oneShot: false,
    force: false,
  }
  switch (command.kind) {
    case 'Close':
      return { ...body, text: command.reason }
    case 'Comment':
      return { ...body, text: command.text }
    case 'Assign':
      return { ...body, to: command.to, ticket: command.ticket }
    case 'ClearManually':
      return { ...body, text: command.reason, force: command.force }
    case 'Shelve':
      return { ...body, text: command.reason, untilMs: command.untilMs, oneShot: command.oneShot }
    default:
      return body
  }
}
