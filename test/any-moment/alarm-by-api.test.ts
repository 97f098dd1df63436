/**
 * An alarm from the messages of a device to the answer that a person reads, and what that person does from the answer back to
 * the alarm: events through the real stage into the real engine, asked over the API, commands into the same log.
 */
import { createFleetCodec } from '../../adapters/avro/fleet-codec.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../../adapters/chdb/start-for-test.ts'
import { migrate } from '../../adapters/clickhouse/migrations.ts'
import { loadRuleSet } from '../../app/rules-file.ts'
import { createAlarmCommands } from '../../ingest/alarm-command.ts'
import type { Body, DeviceEvent } from '../../model/event.ts'
import { testDeps, testToken } from '../../query-api/fakes.ts'
import { createServer } from '../../query-api/server.ts'
import { createBench, deviceId, eventCodec, eventOf, rulesEvent, tickOf } from '../stage-fakes.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
/** 03:00 of yesterday: rows leave by age of arrival. */
const fromMs = Math.floor(Date.now() / dayMs) * dayMs - dayMs + 3 * 60 * minuteMs
const minutes = (count: number): number => fromMs + count * minuteMs
const iso = (count: number): string => new Date(minutes(count)).toISOString()
let nowMs = minutes(40)

let counted = 0
const says = (minute: number, ...bodies: Body[]): DeviceEvent =>
  eventOf({ receivedAtMs: minutes(minute) + 1, observedAtMs: minutes(minute) + 1, text: `{"n":${String(counted++)}}`, bodies })
const radio = (minute: number): Body => ({
  kind: 'Radio',
  rat: 'LTE',
  mode: 'LTE',
  plmn: null,
  tac: null,
  cellId: 1001,
  enbId: null,
  pci: null,
  band: null,
  earfcn: null,
  rsrpDbm: minute < 5 ? -90 : -119,
  rsrqDb: null,
  sinrDb: null,
  rssiDbm: null,
  cqi: null,
  carriers: [],
})
const uplink = (up: 0 | 1): Body => ({
  kind: 'Measurements',
  items: [{ metric: 'network.wan.up', attributes: '', value: up, quality: 'ok', observedAtMs: null }],
})
/** Weak from 03:05 on; the uplink is lost from 03:20 to 03:30. */
const night = Array.from({ length: 40 }, (_, minute) => [
  says(minute, radio(minute), uplink(minute >= 20 && minute < 30 ? 0 : 1)),
  tickOf(minutes(minute) + 2),
]).flat()

const bench = createBench()
let app: Awaited<ReturnType<typeof createServer>>
let stop: () => Promise<void>
let run: () => Promise<void>
beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  await migrate(engine.warehouse)
  run = () => bench.run(20, { warehouse: engine.warehouse, seenIdsMax: 100_000 })
  bench.append({ ...rulesEvent(), receivedAtMs: fromMs }, ...night)
  await run()
  const commandAlarms = createAlarmCommands({
    log: bench.log,
    codec: eventCodec,
    encodeSignal: createFleetCodec().encode,
    ids: { eventId: () => new Uint8Array(16) },
    clock: { nowMs: () => nowMs },
    tenant: 'main',
  })
  app = await createServer(
    testDeps({
      warehouse: engine.warehouse,
      tenant: 'main',
      clock: { nowMs: () => nowMs },
      rules: loadRuleSet('').rules,
      commandAlarms,
    }),
    [],
  )
  stop = async () => {
    await app.close()
    await engine.stop()
  }
}, 60_000)
afterAll(() => stop(), 60_000)

const headers = { host: 'localhost', authorization: `Bearer ${testToken}` }
const get = async <T>(path: string): Promise<T> => {
  const answer = await app.inject({ url: `/api/v1/${path}`, headers })
  if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.body}`)
  return answer.json<T>()
}
type Item = { id: string; type: string; severity: string; operator: { state: string; actor: string | null; comments: number } }
type One = Item & { history: { kind: string; text: string }[]; explanation: { words: string[]; messages: unknown[] } }
const idOf = async (type: string): Promise<string> => (await get<{ items: Item[] }>(`alarms?state=all&type=${type}`)).items[0]?.id ?? ''

describe('a night of one device', () => {
  it('is two alarms: the weak signal stands, the lost uplink is over', async () => {
    const said = async (state: string) => (await get<{ items: Item[] }>(`alarms?state=${state}`)).items.map(({ type }) => type)
    expect([await said('active'), await said('cleared')]).toEqual([['radio.rsrp-poor'], ['wan.down']])
  })

  it('tells why, from the readings that the stage judged', async () => {
    const weak = await get<One>(`alarms/${await idOf('radio.rsrp-poor')}`)
    expect(weak.explanation.words[0]).toBe(
      'RSRP median of 15 minutes was -119 dBm, below -115 dBm, in two intervals in a row (03:00, 03:15).',
    )
    expect(weak.explanation.messages.length).toBeGreaterThan(20)
    const down = await get<One>(`alarms/${await idOf('wan.down')}`)
    expect(down.explanation.words.slice(0, 3)).toEqual([
      'It lost its uplink, at 03:20:00.',
      `Raised as major at ${iso(21).slice(0, 10)} 03:21:00 (UTC). It had to stay so for 60 seconds first.`,
      'Well again: cleared at 03:31:00, after 10 minutes.',
    ])
    expect(down.history.map(({ kind }) => kind)).toEqual(['RaiseDelayStarted', 'AlarmRaised', 'ClearDelayStarted', 'AlarmCleared'])
  })

  it('is in the black box as it stood at each moment', async () => {
    const stood = async (minute: number) =>
      (await get<{ alarms: Item[] }>(`devices/${deviceId}/state?at=${iso(minute)}`)).alarms.map(({ type }) => type).sort()
    expect([await stood(19), await stood(25), await stood(35)]).toEqual([[], ['wan.down'], ['radio.rsrp-poor']])
  })
})

describe('what a person does', () => {
  it('is carried out by the stage and stands in the history; told twice it is done once', async () => {
    const id = await idOf('radio.rsrp-poor')
    const post = (action: string, payload: object) =>
      app.inject({ method: 'POST', url: `/api/v1/alarms/${id}/${action}`, headers, payload })
    nowMs = minutes(41)
    expect((await post('acknowledge', { commandId: 'one' })).statusCode).toBe(202)
    expect((await post('acknowledge', { commandId: 'one' })).statusCode).toBe(202)
    expect((await post('comment', { text: 'antenna' })).statusCode).toBe(202)
    bench.append(tickOf(minutes(41) + 1))
    await run()
    const weak = await get<One>(`alarms/${id}`)
    expect(weak.operator).toMatchObject({ state: 'ack', actor: 'admin', comments: 1 })
    expect(weak.history.map(({ text }) => text).slice(-2)).toEqual(['Acknowledged by admin.', 'admin: antenna'])
    expect(weak.explanation.words).toContain('Acknowledged by admin at 03:41.')
  })

  it('that the stage refuses is told in the history, with the reason', async () => {
    const id = await idOf('radio.rsrp-poor')
    const [stream] = id.split(':')
    const command = createAlarmCommands({
      log: bench.log,
      codec: eventCodec,
      encodeSignal: createFleetCodec().encode,
      ids: { eventId: () => new Uint8Array(16) },
      clock: { nowMs: () => minutes(42) },
      tenant: 'main',
    })
    await command([
      {
        subject: deviceId,
        stream: stream ?? '',
        command: { kind: 'ClearManually', reason: 'x', force: false, actor: 'ann', expectedEpisode: 1, commandId: 'two' },
      },
    ])
    await run()
    const { history } = await get<One>(`alarms/${id}`)
    expect(history.at(-1)).toMatchObject({ kind: 'Refused', actor: 'ann' })
    expect(history.at(-1)?.text).toMatch(/^ClearManually by ann was not carried out: ./)
  })
})
