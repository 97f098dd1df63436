/** Shares of a rebuild give together, row for row, what one run gives; erased subjects end at their mark. */
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { describe, expect, it } from 'vitest'
import { peekArrivalMs } from '../adapters/avro/peek-arrival.ts'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { DeviceEvent } from '../model/event.ts'
import type { Row, StoredRecord } from '../model/ports.ts'
import {
  alarmCodec,
  arrivalMs,
  createBench,
  deadLetterCodec,
  eventCodec,
  eventOf,
  readingsOf,
  rulesEvent,
  tickOf,
  windowEvent,
} from '../test/stage-fakes.ts'
import { silentForMs } from './domain/front-door-watch.ts'
import { hash32 } from './domain/hash.ts'
import { judgedPerTickMax, onlineShards } from './domain/projections/presence.ts'
import { type RebuildDeps, rebuildPartition, type RowSink, type Share } from './rebuild.ts'

const idOf = (n: number): string => `02-00-00-00-${String(Math.floor(n / 100)).padStart(2, '0')}-${String(n % 100).padStart(2, '0')}`

const recordsOf = (events: readonly DeviceEvent[]): StoredRecord[] =>
  events.map((event, offset) => ({
    offset,
    appendedAtMs: event.receivedAtMs,
    key: event.subject.id,
    value: Uint8Array.from(eventCodec.encode(event)),
  }))

/** Rows count once they are flushed; more than a few make an insert due. */
const createFakeSink = (): { sink: RowSink; rows: Record<string, Row[]> } => {
  const rows: Record<string, Row[]> = {}
  let gathered: [string, Row[]][] = []
  const sink: RowSink = {
    add: (table, own) => gathered.push([table, [...own]]),
    isFull: () => gathered.length > 50,
    flush: async () => {
      for (const [table, own] of gathered) (rows[table] ??= []).push(...own)
      gathered = []
    },
  }
  return { sink, rows }
}

const run = async (records: readonly StoredRecord[], changed: Partial<RebuildDeps> = {}): Promise<Record<string, Row[]>> => {
  const { sink, rows } = createFakeSink()
  const deps: RebuildDeps = {
    logId: 'log',
    tenant: 'main',
    codec: eventCodec,
    digest: md5,
    encodeDeadLetter: deadLetterCodec.encode,
    encodeAlarm: alarmCodec.encode,
    encodeSignal: createFleetCodec().encode,
    decodeDeadLetter: deadLetterCodec.decode,
    peekArrivalMs,
    seenIdsMax: 100_000,
    counters: { outcome: () => undefined, limitReached: () => undefined },
    rows: sink,
    share: null,
    tokens: 'test',
    erasedThrough: () => null,
    elapsedMs: () => 0,
    onProgress: () => undefined,
    ...changed,
  }
  async function* chunks() {
    for (let at = 0; at < records.length; at += 700) yield records.slice(at, at + 700)
  }
  await rebuildPartition(deps, 0, chunks())
  return rows
}

const texts = (...all: Record<string, Row[]>[]): Record<string, string[]> => {
  const tables: Record<string, string[]> = {}
  for (const rows of all) {
    for (const [table, own] of Object.entries(rows)) {
      // The ledger's rows are sums that are added up in the warehouse; where they are cut is nobody's business.
      if (table === 'ledger') continue
      const kept = (tables[table] ??= [])
      for (const row of own) kept.push(JSON.stringify(row))
    }
  }
  for (const own of Object.values(tables)) own.sort()
  return tables
}

describe('shares of a rebuild', () => {
  it('give what one run gives: windows by the time of all, ticks once, silent devices judged at the same ticks', async () => {
    const devices = judgedPerTickMax + 500
    const events: DeviceEvent[] = [tickOf(arrivalMs)]
    for (let n = 0; n < devices; n++) {
      events.push(
        eventOf({
          device: idOf(n),
          receivedAtMs: arrivalMs + n,
          bodies: [{ kind: 'Presence', state: 'online', sessionId: `s${n}`, reason: null }],
        }),
        eventOf({ device: idOf(n), receivedAtMs: arrivalMs + n, observedAtMs: arrivalMs, bodies: [readingsOf(n)], text: `${n}` }),
      )
    }
    // Another front door; nobody speaks but a few, in between the ticks that judge.
    const restartMs = arrivalMs + 100_000
    for (let tick = 0; tick < silentForMs / 5_000 + 8; tick++) {
      events.push(tickOf(restartMs + tick * 5_000, { instance: 'front-2', instanceStartedAtMs: restartMs }))
      for (const n of [tick, devices - 1 - tick]) {
        events.push(
          eventOf({
            device: idOf(n),
            receivedAtMs: restartMs + tick * 5_000 + 1,
            observedAtMs: arrivalMs,
            bodies: [readingsOf(n)],
            text: `${n}`,
          }),
        )
      }
    }
    // A day later what was said is forgotten: by the time that the others' messages bring.
    events.push(eventOf({ device: idOf(1), receivedAtMs: arrivalMs + 40 * 3_600_000, text: 'later' }))
    events.push(eventOf({ device: idOf(2), receivedAtMs: arrivalMs + 1, observedAtMs: arrivalMs, bodies: [readingsOf(2)], text: '2' }))
    const records = recordsOf(events)

    const everybody = new Map<number, Int32Array>()
    const whole = await run(records, {
      share: {
        owns: () => true,
        isFirst: true,
        exchange: (_partition, offset, own) => {
          everybody.set(offset, own)
          return own
        },
      },
    })
    expect(texts(whole)).toEqual(texts(await run(records)))
    expect(everybody.size).toBeGreaterThan(1)
    const judged = (whole['presence'] ?? []).filter((row) => row['reason'] === 'front-door-restart')
    expect(new Set(judged.map((row) => row['offset'])).size).toBeGreaterThan(1)

    const shares: Record<string, Row[]>[] = []
    for (let worker = 0; worker < 3; worker++) {
      const share: Share = {
        owns: (key) => (hash32(key) % onlineShards) % 3 === worker,
        isFirst: worker === 0,
        exchange: (_partition, offset) => everybody.get(offset) ?? new Int32Array(onlineShards),
      }
      shares.push(await run(records, { share }))
    }
    expect(texts(...shares)).toEqual(texts(whole))
  })

  it('raise the alarms that one run raises, by messages and by ticks, and those that the stage had raised', async () => {
    const events: DeviceEvent[] = [rulesEvent(), tickOf(arrivalMs)]
    events.push(windowEvent(0, { selector: JSON.stringify({ device: [idOf(3), idOf(4)] }) }))
    for (let minute = 0; minute < 60; minute++) {
      for (let n = 0; n < 12; n++) {
        if (minute > 20 && n % 4 === 0) continue // Silent from then on.
        const up = { metric: 'network.wan.up', attributes: '', value: minute % 10 < n ? 0 : 1, quality: 'ok' as const, observedAtMs: null }
        events.push(
          eventOf({
            device: idOf(n),
            receivedAtMs: arrivalMs + minute * 60_000 + n,
            text: `${minute}`,
            bodies: [{ kind: 'Measurements', items: [up] }],
          }),
        )
      }
      for (let tick = 1; tick < 12; tick++) events.push(tickOf(arrivalMs + minute * 60_000 + tick * 5_000))
    }
    const records = recordsOf(events)
    const whole = await run(records)
    const kinds = (whole['alarm_events'] ?? []).map((row) => `${String(row['type'])} ${String(row['kind'])}`)
    expect(kinds).toContain('presence.offline AlarmRaised')
    expect(kinds).toContain('wan.down AlarmCleared')
    expect(kinds).toContain('presence.offline Suppressed')
    expect(whole['maintenance_windows']).toHaveLength(1)
    const shares: Record<string, Row[]>[] = []
    for (let worker = 0; worker < 3; worker++) {
      const share: Share = {
        owns: (key) => (hash32(key) % onlineShards) % 3 === worker,
        isFirst: worker === 0,
        exchange: (_partition, _offset, own) => own,
      }
      shares.push(await run(records, { share }))
    }
    expect(texts(...shares)).toEqual(texts(whole))
    const bench = createBench()
    bench.append(...events)
    await bench.run(11)
    for (const table of ['alarm_events', 'alarm_episodes'] as const)
      expect(
        bench
          .rowsOf(table)
          .map((row) => JSON.stringify({ ...row, log_id: 'log' }))
          .sort(),
      ).toEqual(texts(whole)[table])
  })

  it('take the time of an unreadable or emptied record of others as one run does', async () => {
    const records = recordsOf([
      eventOf({ device: idOf(1), receivedAtMs: arrivalMs, observedAtMs: arrivalMs, text: 'a' }),
      eventOf({ device: idOf(2), receivedAtMs: arrivalMs }),
      eventOf({ device: idOf(3), receivedAtMs: arrivalMs }),
      eventOf({ device: idOf(1), receivedAtMs: arrivalMs, observedAtMs: arrivalMs, text: 'a' }),
    ]).map((record, index) => {
      if (index === 1) return { ...record, value: Uint8Array.from([9, 9]), appendedAtMs: arrivalMs + 20 * 3_600_000 }
      return index === 2 ? { ...record, key: '', value: new Uint8Array(0), appendedAtMs: arrivalMs + 40 * 3_600_000 } : record
    })
    const share: Share = { owns: (key) => key === idOf(1), isFirst: true, exchange: (_partition, _offset, own) => own }
    const [whole, own] = [await run(records), await run(records, { share })]
    expect(texts(own)).toEqual(texts(whole))
    expect(whole['messages']?.map((row) => row['outcome'])).toEqual(['stored', 'stored'])
  })
})

describe('erased subjects', () => {
  const fact = (value: string) => ({ kind: 'Facts' as const, items: [{ name: 'firmware.version', value, sealed: null }] })
  const say = (n: number, receivedAtMs: number, value: string) =>
    eventOf({ device: idOf(n), receivedAtMs, bodies: [fact(value)], text: value })

  it('have only rows behind the mark, and begin anew there', async () => {
    const records = recordsOf([
      say(1, arrivalMs, '1.0'),
      say(2, arrivalMs, '1.0'),
      say(1, arrivalMs + 1_000, '1.0'),
      say(2, arrivalMs + 1_000, '1.0'),
    ])
    const rows = await run(records, { erasedThrough: (subject) => (subject === idOf(1) ? 1 : null) })
    const facts = (rows['facts'] ?? []).map((row) => [row['subject'], row['offset']])
    // The second one of device 2 says nothing new; that of device 1 does, since nothing is known of it any more.
    expect(facts).toEqual([
      [idOf(2), 1],
      [idOf(1), 2],
    ])
    expect((rows['messages'] ?? []).map((row) => row['offset'])).toEqual([1, 2, 3])
    expect((rows['ledger'] ?? []).filter((row) => row['subject'] === idOf(1)).map((row) => row['stored'])).toEqual([1])
  })

  it('that are met behind their mark only are as everybody', async () => {
    const records = recordsOf([say(1, arrivalMs, '1.0'), say(1, arrivalMs + 1_000, '1.0')]).map((record) => ({
      ...record,
      offset: record.offset + 10,
    }))
    expect(texts(await run(records, { erasedThrough: () => 5 }))).toEqual(texts(await run(records)))
  })
})
