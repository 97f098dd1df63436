/**
 * Clocks and the ledger by hop over the embedded engine, with rows that the device stage made of events: a device whose
 * clock is 1970 until it is set and 90 s ahead later, and one that lost some messages and sent others an hour late.
 */
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startForTest } from '../adapters/chdb/start-for-test.ts'
import { migrate } from '../adapters/clickhouse/migrations.ts'
import type { Warehouse } from '../model/ports.ts'
import { createBench, type EventWords, eventOf, readingsOf, tickOf } from '../test/stage-fakes.ts'
import { lengthOf } from './domain/clock-words.ts'
import { testDeps, testToken } from './fakes.ts'
import { gapList } from './queries/ledger-gaps.ts'
import { createServer } from './server.ts'

const clocky = '00-11-22-33-44-55'
const lossy = '00-11-22-33-44-66'
const numberless = '00-11-22-33-44-77'
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** Yesterday, 06:00: rows leave the tables by age, counted from the engine's own clock. */
const start = Math.floor(Date.now() / dayMs) * dayMs - dayMs + 6 * hourMs
const nowMs = start + 4 * hourMs
const iso = (ms: number): string => new Date(ms).toISOString()
const at = (minute: number): number => start + minute * minuteMs

const reading = { bodies: [readingsOf(1)] }
/** 1970 for five minutes; then right, running 2,000 ppm fast; 90 s ahead from minute 90 on, 2 hours ahead from 100 to 105. */
const clockEvents: EventWords[] = Array.from({ length: 120 }, (_, minute) => {
  const drift = Math.round(((minute - 5) * minuteMs * 2_000) / 1e6)
  const aheadMs = minute >= 100 && minute < 105 ? 2 * hourMs : minute >= 90 ? 90_000 : drift
  const observedAtMs = minute < 5 ? 20_000 + minute * minuteMs : at(minute) + aheadMs
  return {
    ...reading,
    device: clocky,
    bootId: 'c1',
    seq: minute + 1,
    uptimeSeconds: 20 + minute * 60,
    observedAtMs,
    receivedAtMs: at(minute) + 40,
  }
})
/** Lost: 10, and 21 to 24. An hour late: 40 to 49. Twice: 5. Refused without a number, in the place of 10: one. */
const lossEvents: EventWords[] = Array.from({ length: 60 }, (_, n) => n + 1).flatMap((seq): EventWords[] => {
  const own = {
    ...reading,
    device: lossy,
    bootId: 'l1',
    seq,
    observedAtMs: at(seq),
    receivedAtMs: at(seq) + 40 + (seq >= 40 && seq < 50 ? hourMs : 0),
  }
  if (seq === 10)
    return [{ device: lossy, receivedAtMs: at(10) + 40, bodies: [{ kind: 'Quarantined', reason: 'JSON_SYNTAX', deadLetter: '0:0' }] }]
  if (seq >= 21 && seq <= 24) return []
  return seq === 5 ? [own, { ...own, receivedAtMs: own.receivedAtMs + 500 }] : [own]
})
const plainEvents: EventWords[] = Array.from({ length: 3 }, (_, n) => ({
  ...reading,
  device: numberless,
  receivedAtMs: at(n),
  text: `${n}`,
}))

let stop: () => Promise<void>
let app: FastifyInstance
let warehouse: Warehouse
let logId: string

beforeAll(async () => {
  const engine = await startForTest({ listen: null })
  stop = engine.stop
  warehouse = engine.warehouse
  await migrate(warehouse)
  const bench = createBench()
  logId = bench.log.logId
  const events = [...clockEvents, ...lossEvents, ...plainEvents].map((words) => ({
    ...eventOf({ text: '{}', ...words }),
    tenant: 'default',
  }))
  const ticks = [-1, 119].map((minute) => ({ ...tickOf(at(minute) + 41), tenant: 'default' }))
  bench.append(...[...events, ...ticks].sort((one, other) => one.receivedAtMs - other.receivedAtMs))
  await bench.run(37)
  for (const [table, rows] of Object.entries(bench.warehouse.rows)) await warehouse.insert(table, rows, { dedupToken: table })
  const letter = {
    tenant: 'default',
    received_at: at(10) + 40,
    topic: 't',
    topic_shape: 't',
    detail: '',
    subject_kind: 'device',
    subject: lossy,
  }
  await warehouse.insert(
    'dead_letters',
    [
      {
        ...letter,
        reason: 'JSON_SYNTAX',
        client_id: 'c',
        payload_bytes: 1,
        cut: 0,
        sealed_payload: '',
        log_id: logId,
        partition: 0,
        offset: 0,
      },
    ],
    { dedupToken: 'letter' },
  )
  app = await createServer(testDeps({ warehouse, clock: { nowMs: () => nowMs } }), [])
}, 60_000)
afterAll(async () => {
  await app.close()
  await stop()
}, 30_000)

const get = async <T>(path: string): Promise<T> => {
  const answer = await app.inject({ url: `/api/v1/${path}`, headers: { host: 'localhost', authorization: `Bearer ${testToken}` } })
  if (answer.statusCode !== 200) throw new Error(`${String(answer.statusCode)} ${answer.body}`)
  return answer.json<T>()
}
type Answer = Record<string, unknown> & { items: Record<string, unknown>[]; nextCursor: string | null }

describe('the clock of a device', () => {
  type Clock = {
    verdict: string
    text: string
    skew: Record<string, unknown>
    driftPpm: number | null
    estimates: { skewMs: number; samples: number; driftPpm: number | null }[]
    steps: { byMs: number; at: string }[]
    boots: { bootId: string }[]
    verdicts: Record<string, unknown>[]
    changesCut: boolean
  }

  it('is told by verdicts with their evidence and what was done, steps, boots, estimates and drift', async () => {
    const clock = await get<Clock>(`devices/${clocky}/clock`)
    expect(clock).toMatchObject({ verdict: 'trusted', changesCut: false, boots: [{ bootId: 'c1' }] })
    const evidence = (minute: number, claimedMs: number) => ({
      receivedAt: iso(at(minute) + 40),
      claimedAt: iso(claimedMs),
      logId,
      partition: 0,
    })
    expect(clock.verdicts).toMatchObject([
      {
        verdict: 'before-2010',
        from: iso(at(0) + 40),
        to: iso(at(5) + 40),
        placedBy: 'arrival',
        messages: 5,
        placedByArrival: 5,
        evidence: evidence(0, 20_000),
      },
      {
        verdict: 'trusted',
        from: iso(at(5) + 40),
        to: iso(at(100) + 40),
        placedBy: 'own time',
        messages: 95,
        placedByArrival: 0,
        evidence: evidence(5, at(5)),
      },
      {
        verdict: 'future',
        from: iso(at(100) + 40),
        to: iso(at(105) + 40),
        placedBy: 'arrival',
        messages: 5,
        placedByArrival: 5,
        evidence: evidence(100, at(100) + 2 * hourMs),
      },
      { verdict: 'trusted', from: iso(at(105) + 40), to: null, placedBy: 'own time', messages: 15, placedByArrival: 0 },
    ])
    expect(clock.steps).toMatchObject([
      { at: iso(at(5) + 40), byMs: start - 20_000 },
      { at: iso(at(90) + 40), byMs: 90_000 - 84 * 120 },
      { at: iso(at(100) + 40), byMs: 2 * hourMs - 90_000 },
      { at: iso(at(105) + 40), byMs: 90_000 - 2 * hourMs },
    ])
    // None of 1970; of a fast clock the last minute of each quarter; 90 s and 2 hours ahead.
    expect(clock.estimates.map(({ skewMs, samples, driftPpm }) => [skewMs, samples, driftPpm])).toEqual([
      [9 * 120 - 40, 10, null],
      [24 * 120 - 40, 15, null],
      [39 * 120 - 40, 15, null],
      [54 * 120 - 40, 15, null],
      [69 * 120 - 40, 15, 2_000],
      [84 * 120 - 40, 15, 2_000],
      [90_000 - 40, 10, null],
      [2 * hourMs - 40, 5, null],
    ])
    expect(clock.skew).toMatchObject({ skewMs: 2 * hourMs - 40, samples: 5, confidence: 'high', stillHolds: false })
  })

  it('of a part of its time begins with the verdict that held', async () => {
    const clock = await get<Clock>(`devices/${clocky}/clock?from=${iso(at(30))}&to=${iso(at(89))}`)
    expect(clock.verdicts).toMatchObject([{ verdict: 'trusted', from: iso(at(5) + 40), to: null, messages: 59 }])
    expect(clock).toMatchObject({ skew: { skewMs: 69 * 120 - 40, stillHolds: true }, driftPpm: 2_000, steps: [] })
    expect(clock.text).toBe('Its clock is 8.24 seconds ahead; its data stand where it says. It runs fast by 2000 ppm, 173 s a day.')
  })

  it('of a device that tells no time says so', async () => {
    expect(await get<Clock>(`devices/${numberless}/clock`)).toMatchObject({
      verdict: 'missing',
      skew: null,
      driftPpm: null,
      text: 'It tells no time: its data are placed by their arrival.',
    })
  })
})

describe('wrong clocks of the fleet', () => {
  it('are listed with what is wrong, the largest skew first', async () => {
    const answer = await get<Answer>('clocks')
    expect(answer.items).toMatchObject([
      {
        deviceId: clocky,
        problems: ['verdict', 'skew', 'step'],
        verdict: 'trusted',
        skewMs: 2 * hourMs - 40,
        confidence: 'high',
        driftPpm: null,
        steps: 4,
        boots: 1,
      },
    ])
    expect(answer['total']).toEqual({ devices: 3, wrong: 1, verdict: 1, skew: 1, drift: 0, step: 1 })
    expect((await get<Answer>(`clocks?from=${iso(at(30))}&to=${iso(at(89))}`)).items).toMatchObject([
      { problems: ['drift'], driftPpm: 2_000 },
    ])
    expect((await get<Answer>(`clocks?from=${iso(at(30))}&to=${iso(at(89))}&minDriftPpm=2001`)).items).toEqual([])
    expect((await get<Answer>(`clocks?problem=drift`)).items).toEqual([])
    expect((await get<Answer>(`clocks?problem=skew&minSkewMs=${String(2 * hourMs - 40)}`)).items).toHaveLength(1)
    expect((await get<Answer>(`clocks?problem=skew&minSkewMs=${String(2 * hourMs - 39)}`)).items).toEqual([])
  })

  it('are each shown once over pages', async () => {
    const seen: unknown[] = []
    let cursor = ''
    for (let pages = 0; pages < 4; pages++) {
      const page = await get<Answer>(`clocks?problem=none&limit=1${cursor}`)
      seen.push(...page.items.map((item) => item['deviceId']))
      if (page.nextCursor === null) break
      cursor = `&cursor=${page.nextCursor}`
    }
    expect(seen).toEqual([clocky, lossy, numberless])
  })
})

describe('the ledger by hop', () => {
  const hour = `from=${iso(start)}&to=${iso(start + 3 * hourMs)}`

  it('of a device tells what each counted', async () => {
    const { hops, account, gaps } = await get<Answer>(`devices/${lossy}/ledger?${hour}`)
    expect(account).toMatchObject({
      received: 57,
      stored: 55,
      duplicate: 1,
      quarantined: 1,
      withSeq: 55,
      seqExpected: 60,
      missing: 5,
      reconciled: true,
    })
    expect(hops).toMatchObject([
      { hop: 'device', counted: { expected: 60, received: 55, withoutNumber: 2 }, difference: 5 },
      { hop: 'front_door', counted: { refused: 1, redriven: 0 }, difference: 0 },
      { hop: 'log', counted: { records: 57 }, difference: null },
      { hop: 'stage', counted: { received: 57 }, difference: 0 },
      { hop: 'warehouse', counted: { rows: 57 }, difference: 0 },
    ])
    expect(gaps).toEqual({ open: 2, messagesMissing: 5, filled: 1, messagesFilled: 10 })
  })

  it('of a device without numbers says that nobody can know', async () => {
    const { hops, account } = await get<Answer>(`devices/${numberless}/ledger?${hour}`)
    expect(account).toMatchObject({ missing: 'unknown' })
    expect(hops).toMatchObject([{ hop: 'device', difference: 'unknown' }, {}, {}, {}, {}])
  })

  it('of the fleet compares the log by its offsets with the rows', async () => {
    // All that came between the two ticks, and the ticks.
    const records = clockEvents.length + lossEvents.length + plainEvents.length + 2
    const fleet = await get<Answer>(`ledger/hops?from=${iso(start - hourMs)}&to=${iso(start + 3 * hourMs)}`)
    expect(fleet).toMatchObject({ devices: 3, devicesProvable: 2, provableShare: 2 / 3 })
    expect(fleet['hops']).toMatchObject([
      { hop: 'device', difference: 5 },
      { hop: 'front_door', difference: 0 },
      { hop: 'log', difference: 0, counted: { records, rows: records, unreadable: 0 } },
      { hop: 'stage', difference: 0 },
      { hop: 'warehouse', difference: 0 },
    ])
  })

  it('shows rows that were lost', async () => {
    await warehouse.command(
      `ALTER TABLE messages DELETE WHERE subject = '${numberless}' AND received_at = fromUnixTimestamp64Milli(${at(1)}) SETTINGS mutations_sync = 2`,
    )
    const { hops } = await get<Answer>(`ledger/hops?from=${iso(start - hourMs)}&to=${iso(start + 3 * hourMs)}`)
    expect(hops).toMatchObject([
      {},
      {},
      { hop: 'log', difference: 1 },
      { hop: 'stage', difference: 0 },
      { hop: 'warehouse', difference: 1 },
    ])
  })
})

describe('gaps', () => {
  const neighbour = (seq: number, lateMs = 0) => ({ seq, observedAt: iso(at(seq)), receivedAt: iso(at(seq) + 40 + lateMs) })

  it('are located between two messages, open or filled since, with what was refused between them', async () => {
    const { items, nextCursor } = await get<Answer>(`devices/${lossy}/gaps?order=asc`)
    expect(nextCursor).toBe(null)
    expect(items).toMatchObject([
      {
        bootId: 'l1',
        firstSeq: 10,
        lastSeq: 10,
        messages: 1,
        state: 'open',
        openedAt: iso(at(11) + 40),
        filledAt: null,
        before: neighbour(9),
        after: neighbour(11),
        refusedBetween: 1,
        logId,
        partition: 0,
      },
      { firstSeq: 21, lastSeq: 24, messages: 4, state: 'open', before: neighbour(20), after: neighbour(25), refusedBetween: 0 },
      {
        firstSeq: 40,
        lastSeq: 49,
        messages: 10,
        state: 'filled',
        openedAt: iso(at(50) + 40),
        filledAt: iso(at(49) + hourMs + 40),
        before: neighbour(39),
        after: neighbour(50),
      },
    ])
    expect((await get<Answer>(`devices/${lossy}/gaps?state=filled`)).items).toHaveLength(1)
    expect((await get<Answer>(`devices/${numberless}/gaps`)).items).toEqual([])
  })

  it('are in the range in which the message above them lies, with the message below from before it', async () => {
    const firsts = async (from: number, to: number) =>
      (await get<Answer>(`devices/${lossy}/gaps?from=${iso(from)}&to=${iso(to)}`)).items.map((item) => [
        item['firstSeq'],
        (item['before'] as { seq: number }).seq,
      ])
    expect(await firsts(at(25), at(25) + 1)).toEqual([[21, 20]])
    expect(await firsts(at(24), at(25))).toEqual([])
    expect(await firsts(at(25) + 1, at(40))).toEqual([])
  })

  it('are each shown once over pages, both ways', async () => {
    for (const order of ['asc', 'desc']) {
      const seen: unknown[] = []
      let cursor = ''
      for (let pages = 0; pages < 5; pages++) {
        const page = await get<Answer>(`devices/${lossy}/gaps?limit=1&order=${order}${cursor}`)
        seen.push(...page.items.map((item) => item['firstSeq']))
        if (page.nextCursor === null) break
        cursor = `&cursor=${page.nextCursor}`
      }
      expect(seen).toEqual(order === 'asc' ? [10, 21, 40] : [40, 21, 10])
    }
  })

  it('stand in the timeline beside the steps of a clock; a gap that was filled later is open as known then', async () => {
    const kinds = async (mac: string, more = '') =>
      (await get<Answer>(`devices/${mac}/timeline?kind=gap,clock_step&order=asc${more}`)).items.map((item) => [
        item['kind'],
        item['observedAt'],
        item['text'],
      ])
    expect(await kinds(lossy)).toEqual([
      ['gap', iso(at(11)), 'One message is missing before this one: number 10.'],
      ['gap', iso(at(25)), '4 messages are missing before this one: numbers 21 to 24.'],
    ])
    expect((await kinds(lossy, `&knownAt=${iso(at(60))}`)).at(-1)).toEqual([
      'gap',
      iso(at(50)),
      '10 messages are missing before this one: numbers 40 to 49.',
    ])
    expect((await kinds(clocky)).map(([kind, , text]) => [kind, text])).toEqual([
      ['clock_step', `Its clock was set forward by ${lengthOf(start - 20_000)}.`],
      ['clock_step', 'Its clock was set forward by 80 seconds.'],
      ['clock_step', 'Its clock was set forward by 119 minutes.'],
      ['clock_step', 'Its clock was set back by 119 minutes.'],
    ])
  })

  it('are those that a plain walk over the numbers finds, for any order of arrival', { timeout: 120_000 }, async () => {
    let run = 0
    const arrivals = fc.uniqueArray(fc.nat({ max: 24 }), { minLength: 1, maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(arrivals, async (order) => {
        const subject = `00-11-22-33-55-${String(++run).padStart(2, '0')}`
        const received = (seq: number): number => at(order.indexOf(seq))
        await warehouse.insert(
          'messages',
          order.map((seq, turn) => ({
            tenant: 'default',
            subject_kind: 'device',
            subject,
            observed_at: start + seq,
            claimed_at: start + seq,
            received_at: at(turn),
            clock_verdict: 'trusted',
            outcome: 'stored',
            topic: 't',
            boot_id: 'b',
            seq,
            log_id: 'walk',
            partition: 0,
            offset: run * 100 + turn,
            frame: '',
          })),
          { dedupToken: subject },
        )
        const rows = await gapList(
          { warehouse, tenant: 'default' },
          { fromMs: start, toMs: nowMs, subject, state: 'all', descending: false, limit: 100, after: null },
        )
        const found = rows.map((row) => [row.open, row.first_seq, row.last_seq, row.opened_ms, row.filled_ms])
        expect(found.sort(byNumbers)).toEqual(walkedGaps(order, received).sort(byNumbers))
      }),
      { numRuns: 25 },
    )
  })
})

const byNumbers = (one: number[], other: number[]): number => (one[1] ?? 0) - (other[1] ?? 0) || (one[0] ?? 0) - (other[0] ?? 0)

/** [open, first, last, opened, filled], by looking at each number by itself. */
const walkedGaps = (order: readonly number[], received: (seq: number) => number): number[][] => {
  const [low, high] = [Math.min(...order), Math.max(...order)]
  const present = new Set(order)
  const opened = (seq: number): number =>
    Math.max(Math.min(...order.filter((own) => own > seq).map(received)), Math.min(...order.filter((own) => own < seq).map(received)))
  const gaps: number[][] = []
  for (let seq = low + 1; seq < high; seq++) {
    const open = present.has(seq) ? 0 : 1
    if (open === 0 && opened(seq) >= received(seq)) continue
    const last = gaps.at(-1)
    if (last?.[0] === open && last[2] === seq - 1 && last[3] === opened(seq)) {
      last[2] = seq
      last[4] = open === 1 ? 0 : Math.max(last[4] ?? 0, received(seq))
    } else gaps.push([open, seq, seq, opened(seq), open === 1 ? 0 : received(seq)])
  }
  return gaps
}
