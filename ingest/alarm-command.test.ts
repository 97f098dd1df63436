import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { describe, expect, it } from 'vitest'
import { createEventCodec } from '../adapters/avro/event-codec.ts'
import { partitionOf } from '../model/partition.ts'
import type { EventLog, LogRecord } from '../model/ports.ts'
import { createAlarmCommands } from './alarm-command.ts'

const device = '00-11-22-33-44-55'
const stream = 'alarm-default-0123456789abcdef'
const codec = createEventCodec()

const start = () => {
  const appended: LogRecord[][] = []
  const log = {
    partitionCount: () => 8,
    append: (_topic: string, records: readonly LogRecord[]) => {
      appended.push([...records])
      return Promise.resolve(records.map((_record, index) => 100 + index))
    },
  } as unknown as EventLog
  const command = createAlarmCommands({
    log,
    codec,
    encodeSignal: createFleetCodec().encode,
    ids: { eventId: () => new Uint8Array(16) },
    clock: { nowMs: () => 5_000 },
    tenant: 'default',
  })
  return { appended, command }
}

describe('a command to an alarm', () => {
  it('is one record of its device with who, what and the episode that was seen', async () => {
    const { appended, command } = start()
    const acted = { actor: 'admin', expectedEpisode: 3, commandId: 'c1' }
    expect(
      await command([
        { subject: device, stream, command: { kind: 'Shelve', untilMs: 9_000, oneShot: false, reason: 'works on it', ...acted } },
        { subject: device, stream, command: { kind: 'Comment', text: 'antenna', ...acted } },
      ]),
    ).toEqual([
      { topic: 'device-events', partition: partitionOf(device, 8), offset: 100 },
      { topic: 'device-events', partition: partitionOf(device, 8), offset: 101 },
    ])
    expect(appended).toHaveLength(1)
    const events = (appended[0] ?? []).map(({ value }) => {
      const decoded = codec.decode(value)
      if (!decoded.ok) throw new Error(decoded.reason)
      return decoded.event
    })
    const body = { kind: 'AlarmCommand', stream, expectedEpisode: 3, commandId: 'c1', to: null, ticket: null, oneShot: false, force: false }
    expect(events.map(({ bodies }) => bodies[0])).toEqual([
      { ...body, name: 'Shelve', text: 'works on it', untilMs: 9_000 },
      { ...body, name: 'Comment', text: 'antenna', untilMs: null },
    ])
    expect(events[0]).toMatchObject({
      subject: { kind: 'device', id: device },
      source: { origin: 'api', actor: 'admin' },
      receivedAtMs: 5_000,
    })
  })

  it('carries what each kind has', async () => {
    const { appended, command } = start()
    const acted = { actor: 'admin', expectedEpisode: 1, commandId: 'c' }
    await command(
      (
        [
          { kind: 'Acknowledge' },
          { kind: 'Close', reason: 'known' },
          { kind: 'Assign', to: 'eve', ticket: 'T-1' },
          { kind: 'ClearManually', reason: 'gone', force: true },
        ] as const
      ).map((deed) => ({ subject: device, stream, command: { ...deed, ...acted } })),
    )
    const bodies = (appended[0] ?? []).map(({ value }) => {
      const decoded = codec.decode(value)
      return decoded.ok ? decoded.event.bodies[0] : undefined
    })
    expect(bodies).toMatchObject([
      { name: 'Acknowledge', text: null },
      { name: 'Close', text: 'known' },
      { name: 'Assign', to: 'eve', ticket: 'T-1', text: null },
      { name: 'ClearManually', text: 'gone', force: true },
    ])
  })

  it('to an alarm of a group or of the platform is a signal for the fleet stage', async () => {
    const { appended, command } = start()
    const acted = { actor: 'admin', expectedEpisode: 1, commandId: 'c2' }
    expect(
      await command([
        { subject: 'group/cell/00101-257', stream, command: { kind: 'Acknowledge', ...acted } },
        { subject: device, stream, command: { kind: 'Acknowledge', ...acted } },
        { subject: 'platform/ingest', stream, command: { kind: 'Close', reason: '', ...acted } },
      ]),
    ).toMatchObject([{ topic: 'fleet-signals' }, { topic: 'device-events' }, { topic: 'fleet-signals' }])
    const decoded = (appended[1] ?? []).map(({ value }) => createFleetCodec().decode(value))
    expect(decoded[0]).toMatchObject({
      ok: true,
      value: {
        tenant: 'default',
        atMs: 5_000,
        source: { partition: -1, offset: -1, item: 0 },
        body: {
          kind: 'command',
          subject: 'group/cell/00101-257',
          actor: 'admin',
          command: { stream, name: 'Acknowledge', commandId: 'c2' },
        },
      },
    })
  })
})
