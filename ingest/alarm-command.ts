/**
 * A person's command to an alarm becomes a record of its device, in the device's partition: so it is carried out in order with
 * what the device says, stands in the history, and is done again by a replay. All of one call are appended or none.
 * After: `processors` carry it out, or write that they did not and why.
 */
import type { OperatorCommand } from '../model/alarm.ts'
import type { AlarmCommandBody, DeviceEvent } from '../model/event.ts'
import { ownSource } from '../model/own-source.ts'
import { partitionOf } from '../model/partition.ts'
import type { Clock, EventCodec, EventLog, Ids } from '../model/ports.ts'

export type AlarmCommandDeps = { log: EventLog; codec: EventCodec; ids: Ids; clock: Clock; tenant: string }

type WithoutTime<T> = T extends unknown ? Omit<T, 'atMs'> : never
type Asked = { subject: string; stream: string; command: WithoutTime<OperatorCommand> }

const topic = 'device-events'

export const createAlarmCommands =
  (deps: AlarmCommandDeps) =>
  async (asked: readonly Asked[]): Promise<{ topic: typeof topic; partition: number; offset: number }[]> => {
    const partitions = deps.log.partitionCount(topic)
    const records = asked.map((one) => ({
      partition: partitionOf(one.subject, partitions),
      key: one.subject,
      value: deps.codec.encode(eventOf(deps, one)),
    }))
    const offsets = await deps.log.append(topic, records)
    return records.map(({ partition }, index) => ({ topic, partition, offset: offsets[index] ?? -1 }))
  }

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
