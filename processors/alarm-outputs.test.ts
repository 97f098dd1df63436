/** The outputs over a log in memory: what reaches a receiver, in which order and how often, whatever is killed or away. */
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { createAlarmCodec } from '../adapters/avro/alarm-codec.ts'
import { createMemoryLog, type MemoryLog } from '../adapters/memory/memory-log.ts'
import { createMemoryStageStore } from '../adapters/memory/memory-stage-store.ts'
import type { AlarmRecord, Audience, Happening } from '../model/alarm-event.ts'
import type { AlarmKey } from '../model/alarm.ts'
import type { ChannelAnswer, ChannelMessage } from '../model/notification.ts'
import type { Row, Warehouse } from '../model/ports.ts'
import { type AlarmOutputs, outputsGroup, startAlarmOutputs } from './alarm-outputs.ts'
import { noteAgainAfterMs, probeEveryMs, sendsAtOnceMax } from './alarm-outputs-sending.ts'
import { streamIdOf } from './domain/alarms/stream-id.ts'
import { noticesPerAlarmMax, type OutputsState, waitingAlarmsMax } from './domain/outputs/output-state.ts'

const minuteMs = 60_000
const startMs = Date.UTC(2026, 0, 5, 12)
const codec = createAlarmCodec()
const taken: ChannelAnswer = { outcome: 'taken', answer: '204', retryAfterMs: null }
const failed: ChannelAnswer = { outcome: 'failed', answer: '503', retryAfterMs: null }
const business: Audience = { class: 'business', notifies: true, model: 'dwr/311-a1', site: 'north' }

type Sent = ChannelMessage & { type: string; notification: string; subject: string; answered: string }

const createBench = () => {
  let nowMs = startMs
  const clock = { nowMs: () => nowMs }
  const log: MemoryLog = createMemoryLog({ clock, partitions: 1 })
  const store = createMemoryStageStore<OutputsState>({ group: outputsGroup, log })
  const rows = new Map<string, Row>()
  const sent: Sent[] = []
  const counts: Record<string, number> = {}
  const bench = {
    log,
    store,
    rows,
    sent,
    counts,
    timeMs: startMs as number | null,
    warehouseUp: true,
    beforeInsert: (): Promise<void> => Promise.resolve(),
    answer: (_: ChannelMessage): ChannelAnswer | Promise<ChannelAnswer> => taken,
    outputs: undefined as AlarmOutputs | undefined,
    nowMs: () => nowMs,
    /** Both times pass. */
    pass: (ms: number): void => {
      nowMs += ms
      if (bench.timeMs !== null) bench.timeMs += ms
    },
    start: async (more: { channel?: null; settleMs?: number } = {}): Promise<void> => {
      const warehouse = {
        insert: async (_table: string, own: readonly Row[]) => {
          await bench.beforeInsert()
          if (!bench.warehouseUp) throw new Error('away')
          for (const row of own) {
            const id = String(row['id'])
            if (Number(rows.get(id)?.['row_version'] ?? 0) < Number(row['row_version'])) rows.set(id, row)
          }
        },
      } as unknown as Warehouse
      const channel = {
        send: async (message: ChannelMessage): Promise<ChannelAnswer> => {
          const event = JSON.parse(message.body) as { type: string; data: { notification: string; subject: string } }
          const answer = await bench.answer(message)
          sent.push({
            ...message,
            type: event.type.split('.').at(-1) ?? '',
            notification: event.data.notification,
            subject: event.data.subject,
            answered: answer.outcome,
          })
          return answer
        },
      }
      bench.outputs = await startAlarmOutputs({
        log,
        warehouse,
        store: bench.store,
        decodeAlarm: codec.decode,
        channel: more.channel === null ? null : channel,
        clock,
        timeMs: () => bench.timeMs,
        rules: [],
        situationSettleMs: more.settleMs ?? 6 * minuteMs,
        publicUrl: '',
        random: () => 0.5,
        lookMs: 5,
        limits: { batchAfterMs: 5 },
        onError: () => (counts['errors'] = (counts['errors'] ?? 0) + 1),
        onCount: (what, by) => (counts[what] = (counts[what] ?? 0) + by),
      })
    },
    stop: async (): Promise<void> => {
      await bench.outputs?.stop()
      bench.outputs = undefined
    },
    tell: async (...records: AlarmRecord[]): Promise<void> => {
      await log.append(
        'alarms',
        records.map((record) => ({ partition: 0, key: record.subject, value: Uint8Array.from(codec.encode(record)) })),
      )
    },
    /** Everything that was appended is read, and every row written. */
    settled: async (): Promise<void> => {
      await expect.poll(() => bench.outputs?.status().lagRecords, { timeout: 5_000, interval: 10 }).toBe(0)
      let seen = ''
      await expect
        .poll(
          () => {
            const before = seen
            seen = JSON.stringify([sent.length, [...rows], bench.outputs?.status()])
            return before === seen
          },
          { timeout: 5_000, interval: 60 },
        )
        .toBe(true)
    },
  }
  return bench
}

let open: ReturnType<typeof createBench>[] = []
const started = async (more: Parameters<ReturnType<typeof createBench>['start']>[0] = {}) => {
  const bench = createBench()
  open.push(bench)
  await bench.start(more)
  return bench
}
afterEach(async () => {
  for (const bench of open) await bench.stop()
  open = []
})

/** One stream's events by short words, each at so many minutes. */
/** `audience` null: the record tells none. */
const streamOf = (subject: string, audience: Audience | null = business, type = 'wan.down') => {
  const key: AlarmKey = { resource: subject.includes('/') ? subject : `dwr/311-a1/${subject}`, type, qualifier: '' }
  const stream = streamIdOf('default', key)
  let version = 0
  let episode = 0
  const record = (happening: Happening, minute: number): AlarmRecord => {
    if (happening.kind === 'AlarmRaised') episode++
    const event = { ...happening, episode, atMs: startMs + minute * minuteMs, version: ++version }
    return {
      tenant: 'default',
      subject,
      stream,
      key,
      event,
      source: { topic: 'device-events', logId: 'log', partition: 0, offset: version },
      ...(event.kind === 'AlarmRaised' && audience !== null ? { audience } : {}),
    }
  }
  const observed = (minute: number) => ({ sourceEventId: null, observedAtMs: startMs + minute * minuteMs, clamped: false, ruleVersion: 1 })
  return {
    stream,
    record,
    raise: (minute: number, severity: 'major' | 'critical' | 'minor' = 'major') =>
      record(
        {
          kind: 'AlarmRaised',
          ...observed(minute),
          severity,
          raisedAtMs: startMs + minute * minuteMs,
          evidence: null,
          occurrences: 1,
          staleAt: null,
        },
        minute,
      ),
    worse: (minute: number) =>
      record(
        { kind: 'SeverityChanged', ...observed(minute), from: 'major', to: 'critical', evidence: null, occurrences: 2, staleAt: null },
        minute,
      ),
    clear: (minute: number) =>
      record(
        {
          kind: 'AlarmCleared',
          ...observed(minute),
          cause: 'condition',
          clearedAtMs: startMs + minute * minuteMs,
          severity: 'major',
          occurrences: 2,
          actor: null,
          commandId: null,
          reason: null,
        },
        minute,
      ),
  }
}

/** A store that refuses to note that a message was taken. */
const failingNotes = (bench: ReturnType<typeof createBench>): { fail: boolean } => {
  const notes = { fail: true }
  const put = bench.store.put.bind(bench.store)
  const isNoted = (state: OutputsState | null): boolean => state?.kind === 'output' && state.rows.some((row) => row['status'] === 'sent')
  bench.store = {
    ...bench.store,
    put: async (topic, partition, states) => {
      if (notes.fail && [...states.values()].some(isNoted)) throw new Error('full')
      await put(topic, partition, states)
    },
  }
  return notes
}

const words = (sent: readonly Sent[]): string[] => sent.map(({ subject, notification }) => `${subject} ${notification}`)
const statuses = (bench: ReturnType<typeof createBench>): string[] =>
  [...bench.rows.values()].map((row) =>
    `${String(row['subject'])} ${String(row['kind'])} ${String(row['status'])} ${String(row['why'])}`.trim(),
  )

describe('what is told', () => {
  it('a raise is held for the verdict about the fleet, to the millisecond of the stage’s time, then told once', async () => {
    const bench = await started()
    await bench.tell(streamOf('a').raise(0))
    bench.pass(6 * minuteMs - 1)
    await bench.settled()
    expect([words(bench.sent), statuses(bench), bench.outputs?.status().held]).toEqual([[], ['a raise held'], 1])
    bench.pass(1)
    await bench.settled()
    expect([words(bench.sent), statuses(bench)]).toEqual([['a raise'], ['a raise sent']])
  })

  it('what was over within the hold is not sent at all, and counted', async () => {
    const bench = await started()
    const a = streamOf('a')
    await bench.tell(a.raise(0), a.clear(5))
    bench.pass(10 * minuteMs)
    await bench.settled()
    expect([bench.sent, statuses(bench), bench.counts['transient']]).toEqual([[], ['a raise transient over before it was told'], 1])
  })

  it('a critical alarm of a critical device, groups and the platform wait for nothing', async () => {
    const bench = await started()
    await bench.tell(
      streamOf('a', { ...business, class: 'critical' }).raise(0, 'critical'),
      streamOf('group/cell/00101-1', null).raise(0),
      streamOf('platform/ingest', null).raise(0),
      streamOf('b', { ...business, class: 'critical' }).raise(0, 'major'),
    )
    await bench.settled()
    expect(words(bench.sent).sort()).toEqual(['a raise', 'group/cell/00101-1 raise', 'platform/ingest raise'])
  })

  it('a home device, a rule that only records and a program without a channel tell nobody, and say why', async () => {
    const bench = await started()
    await bench.tell(
      streamOf('a', { ...business, class: 'home' }).raise(0),
      streamOf('b', { ...business, notifies: false }).raise(0),
      streamOf('c', null).raise(0),
    )
    bench.pass(60 * minuteMs)
    await bench.settled()
    expect([bench.sent, statuses(bench)]).toEqual([
      [],
      [
        'a raise silent a home device alone never pages',
        'b raise silent its rule only records for devices of this class',
        'c raise silent a home device alone never pages',
      ],
    ])
    const without = await started({ channel: null })
    const d = streamOf('d')
    await without.tell(d.raise(0), d.clear(20))
    without.pass(60 * minuteMs)
    await without.settled()
    expect(statuses(without)).toEqual(['d raise silent no channel was set (WEBHOOK_URL)'])
  })

  it('a symptom and what a window holds down are quiet, and say by what; what still stands afterwards is told once', async () => {
    const bench = await started()
    const a = streamOf('a')
    const b = streamOf('b')
    await bench.tell(
      a.raise(0),
      a.record({ kind: 'Correlated', situation: 'alarm-s:1', role: 'symptom', reason: '' }, 1),
      b.record({ kind: 'Suppressed', suppressor: { kind: 'maintenance', by: 'window-1', untilMs: null }, reason: 'works' }, 0),
      b.raise(0),
    )
    bench.pass(30 * minuteMs)
    await bench.settled()
    expect([bench.sent, statuses(bench).sort()]).toEqual([
      [],
      ['a raise quiet symptom of alarm-s:1', 'b raise quiet suppressed by window-1'],
    ])
    await bench.tell(b.record({ kind: 'Unsuppressed', by: 'window-1', cause: 'ended' }, 30))
    bench.pass(6 * minuteMs)
    await bench.settled()
    expect(words(bench.sent)).toEqual(['b raise'])
  })

  it('what was over while it was held down is not sent, and says by what', async () => {
    const bench = await started()
    const [a, b, c] = [streamOf('a'), streamOf('b'), streamOf('c')]
    const suppressor = { kind: 'maintenance' as const, by: 'window-1', untilMs: null }
    await bench.tell(
      a.raise(0),
      a.record({ kind: 'Correlated', situation: 'alarm-s:1', role: 'symptom', reason: '' }, 1),
      a.clear(20),
      b.record({ kind: 'Suppressed', suppressor, reason: 'works' }, 0),
      b.raise(0),
      b.clear(20),
      c.record({ kind: 'Suppressed', suppressor, reason: 'works' }, 0),
      c.raise(0),
      c.record({ kind: 'Unsuppressed', by: 'window-1', cause: 'ended' }, 10),
      c.clear(11),
    )
    bench.pass(30 * minuteMs)
    await bench.settled()
    expect([bench.sent, statuses(bench).sort(), bench.counts['transient']]).toEqual([
      [],
      [
        'a raise transient over while it was held down: symptom of alarm-s:1',
        'b raise transient over while it was held down: suppressed by window-1',
        'c raise transient over before it was told',
      ],
      3,
    ])
  })

  it('changes and the clear follow the raise in their order, under one key', async () => {
    const bench = await started({ settleMs: 0 })
    const a = streamOf('a')
    await bench.tell(a.raise(0), a.worse(1), a.clear(2), a.raise(3))
    bench.pass(10 * minuteMs)
    await bench.settled()
    expect(words(bench.sent)).toEqual(['a raise', 'a worse', 'a clear', 'a raise'])
    expect(bench.sent.map(({ type }) => type)).toEqual(['raise', 'change', 'clear', 'raise'])
    const keys = bench.sent.map(({ body }) => (JSON.parse(body) as { dedupkey: string }).dedupkey)
    expect(keys).toEqual([1, 1, 1, 2].map((episode) => `${a.stream}:${String(episode)}`))
  })

  it('time that is not known lets nothing go', async () => {
    const bench = await started()
    bench.timeMs = null
    await bench.tell(streamOf('a').raise(0))
    await bench.settled()
    expect([words(bench.sent), statuses(bench)]).toEqual([[], ['a raise held']])
  })
})

describe('what is not told again', () => {
  it('records that come again, and a start over the same state', async () => {
    const bench = await started({ settleMs: 0 })
    const a = streamOf('a')
    const raise = a.raise(0)
    await bench.tell(raise, raise)
    await bench.settled()
    await bench.stop()
    await bench.start({ settleMs: 0 })
    await bench.tell(raise, a.clear(1))
    await bench.settled()
    expect(words(bench.sent)).toEqual(['a raise', 'a clear'])
  })

  it('what stood in the log before the first start', async () => {
    const bench = createBench()
    open.push(bench)
    const a = streamOf('a')
    await bench.tell(a.raise(0))
    bench.pass(minuteMs)
    await bench.start({ settleMs: 0 })
    await bench.tell(a.clear(2), a.raise(3))
    bench.pass(10 * minuteMs)
    await bench.settled()
    expect(words(bench.sent)).toEqual(['a raise'])
    expect(statuses(bench)).toEqual(['a raise silent it was raised before notifications began here', 'a raise sent'])
  })

  it('what was raised while nothing ran is told at the next start, though the first start had seen no alarm', async () => {
    const bench = createBench()
    open.push(bench)
    await bench.start({ settleMs: 0 })
    await bench.settled()
    await bench.stop()
    bench.pass(10 * minuteMs)
    await bench.tell(streamOf('group/cell/1', null).raise(5))
    await bench.start({ settleMs: 0 })
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(1)
    expect(words(bench.sent)).toEqual(['group/cell/1 raise'])
  })

  it('records that retention took before they were read are passed over', async () => {
    const bench = createBench()
    open.push(bench)
    await bench.tell(streamOf('a').raise(0), streamOf('b').raise(0))
    bench.log.deleteBefore('alarms', 0, 2)
    await bench.start({ settleMs: 0 })
    await bench.tell(streamOf('c').raise(1))
    bench.pass(minuteMs)
    await bench.settled()
    expect([words(bench.sent), bench.counts['passed-over']]).toEqual([['c raise'], 2])
  })

  it('a kill between the answer and its note sends again with the same id', async () => {
    const bench = createBench()
    open.push(bench)
    const notes = failingNotes(bench)
    await bench.start({ settleMs: 0 })
    await bench.tell(streamOf('group/cell/1', null).raise(0))
    await expect.poll(() => bench.counts['errors'], { timeout: 5_000 }).toBeGreaterThan(0)
    await bench.stop()
    notes.fail = false
    await bench.start({ settleMs: 0 })
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(2)
    await bench.settled()
    expect(new Set(bench.sent.map(({ id }) => id)).size).toBe(1)
    expect(bench.sent.length).toBe(2)
  })

  it('what is on its way at a stop in order: its answer is noted while the partition is still ours', async () => {
    const bench = createBench()
    open.push(bench)
    const { consume } = bench.log
    bench.log.consume = async (options) => {
      let ours = [0]
      const consumer = await consume(options)
      const stop = async (): Promise<void> => {
        await consumer.stop()
        ours = []
      }
      return { ...consumer, partitions: () => ours, stop }
    }
    const answer = Promise.withResolvers<ChannelAnswer>()
    let asked = 0
    bench.answer = () => {
      asked++
      return answer.promise
    }
    await bench.start()
    await bench.tell(streamOf('group/cell/1', null).raise(0))
    await expect.poll(() => asked, { timeout: 5_000 }).toBe(1)
    const stopped = bench.stop()
    setImmediate(() => answer.resolve(taken))
    await stopped
    await bench.start()
    await bench.settled()
    expect([asked, statuses(bench)]).toEqual([1, ['group/cell/1 raise sent']])
  })

  it('an answer that cannot be noted is noted later and not asked for again; meanwhile at most four messages go out', async () => {
    const bench = createBench()
    open.push(bench)
    const notes = failingNotes(bench)
    await bench.start({ settleMs: 0 })
    const cells = Array.from({ length: sendsAtOnceMax + 2 }, (_, n) => streamOf(`group/cell/${n}`, null))
    await bench.tell(...cells.map((cell) => cell.raise(0)))
    for (let times = 1; times <= 3; times++) {
      await expect.poll(() => bench.counts['errors'], { timeout: 5_000 }).toBe(times * sendsAtOnceMax)
      bench.pass(noteAgainAfterMs)
    }
    expect(bench.sent.length).toBe(sendsAtOnceMax)
    notes.fail = false
    bench.pass(noteAgainAfterMs)
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(cells.length)
    await bench.settled()
    expect(new Set(bench.sent.map(({ id }) => id)).size).toBe(cells.length)
    expect(bench.sent.length).toBe(cells.length)
  })
})

describe('a partition that is opened anew while a message is on its way', () => {
  /** A batch fails once when told to; the note of an answer takes until a batch is saved, or 200 ms. */
  const slowNotes = (bench: ReturnType<typeof createBench>): { failBatch: boolean; noted: number } => {
    const own = { failBatch: false, noted: 0, isSaved: false }
    const { begin, finish, put } = bench.store
    bench.store = {
      ...bench.store,
      begin: async (range) => {
        if (!own.failBatch) return begin(range)
        own.failBatch = false
        throw new Error('full')
      },
      finish: async (result) => {
        await finish(result)
        own.isSaved = true
      },
      put: async (topic, partition, states) => {
        if ([...states.values()].some((state) => state?.kind === 'output' && state.rows.some(({ status }) => status === 'sent'))) {
          own.noted++
          own.isSaved = false
          const isSaved = (): boolean => own.isSaved
          for (const end = performance.now() + 200; !isSaved() && performance.now() < end; ) await new Promise(setImmediate)
        }
        await put(topic, partition, states)
      },
    }
    return own
  }

  it('has one owner: what a batch brings while the answer is noted is told, and the message is not sent again', async () => {
    const bench = createBench()
    open.push(bench)
    const notes = slowNotes(bench)
    const [a, b] = [streamOf('group/cell/1', null), streamOf('b')]
    const answer = Promise.withResolvers<ChannelAnswer>()
    let asked = 0
    bench.answer = () => {
      asked++
      return answer.promise
    }
    await bench.start()
    await bench.tell(a.raise(0))
    await expect.poll(() => asked, { timeout: 5_000 }).toBe(1)
    notes.failBatch = true
    await bench.tell(b.raise(0))
    await expect.poll(() => [bench.counts['errors'], bench.outputs?.status().lagRecords], { timeout: 5_000 }).toEqual([1, 0])
    answer.resolve(taken)
    await expect.poll(() => notes.noted, { timeout: 5_000 }).toBe(1)
    await bench.tell(a.clear(1))
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(2)
    bench.pass(6 * minuteMs)
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(3)
    const all = ['group/cell/1 raise', 'b raise', 'group/cell/1 clear']
    await expect.poll(() => statuses(bench), { timeout: 5_000 }).toEqual(all.map((told) => `${told} sent`))
    expect(words(bench.sent).sort()).toEqual(all.sort())
    expect(bench.counts['errors']).toBe(1)
  })
})

describe('a receiver that is away', () => {
  it('gets everything of an alarm in order once it is back, each try with one id', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => failed
    const a = streamOf('a')
    await bench.tell(a.raise(0), a.clear(1))
    bench.pass(minuteMs)
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBeGreaterThan(0)
    await bench.stop()
    await bench.start({ settleMs: 0 })
    bench.pass(60 * minuteMs)
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBeGreaterThan(1)
    bench.answer = () => taken
    bench.pass(24 * 60 * minuteMs)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken'))).toEqual(['a raise', 'a clear'])
    expect(new Set(bench.sent.map(({ id }) => id)).size).toBe(2)
  })

  it('that is back lets all go at once, however far their next try is', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => failed
    await bench.tell(...['a', 'b', 'c'].map((subject) => streamOf(subject).raise(0)))
    for (let turn = 0; turn < 4; turn++) {
      await bench.settled()
      bench.pass(60 * minuteMs)
    }
    await bench.settled()
    bench.answer = () => taken
    bench.pass(31_000) // The next try of the schedule is hours away.
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken')).sort()).toEqual(['a raise', 'b raise', 'c raise'])
  })

  it('that is back is found though the message that waits longest is one that it never takes', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => failed
    await bench.tell(...['a', 'b', 'c'].map((subject, minute) => streamOf(subject).raise(minute)))
    for (let turn = 0; turn < 4; turn++) {
      bench.pass(60 * minuteMs)
      await bench.settled()
    }
    bench.answer = ({ body }) => (body.includes('dwr/311-a1/a') ? failed : taken)
    for (let turn = 0; turn < 3; turn++) {
      bench.pass(probeEveryMs)
      await bench.settled()
    }
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken')).sort()).toEqual(['b raise', 'c raise'])
  })

  it('that asked for a later try of one message (Retry-After) gets it no sooner, though it takes others meanwhile', async () => {
    const bench = await started({ settleMs: 0 })
    const hour = 60 * minuteMs
    bench.answer = ({ body }) => ({ ...failed, retryAfterMs: body.includes('dwr/311-a1/a') ? hour : null })
    await bench.tell(...['a', 'b'].map((subject, minute) => streamOf(subject).raise(minute)))
    bench.pass(minuteMs)
    await bench.settled()
    const askedMs = bench.nowMs()
    bench.answer = () => taken
    bench.pass(probeEveryMs)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken'))).toEqual(['b raise'])
    await bench.stop()
    await bench.start({ settleMs: 0 })
    bench.pass(askedMs + hour - bench.nowMs() - 1)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken'))).toEqual(['b raise'])
    bench.pass(1)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken'))).toEqual(['b raise', 'a raise'])
  })

  it('that refuses a message gets the next one; the refused one comes once more at the next start', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = ({ id }) => (id.endsWith('raise') ? { outcome: 'refused', answer: '422', retryAfterMs: null } : taken)
    const a = streamOf('a')
    const b = streamOf('b')
    await bench.tell(a.raise(0), a.worse(1), b.raise(0), b.clear(1))
    bench.pass(minuteMs)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken')).sort()).toEqual(['a worse', 'b clear'])
    expect(
      statuses(bench)
        .filter((row) => row.includes('raise'))
        .sort(),
    ).toEqual([
      'a raise parked the receiver does not want it; it is tried again at the next start',
      'b raise superseded its alarm was cleared while it was parked',
    ])
    expect(bench.outputs?.status().parked).toBe(1)
    bench.answer = () => taken
    await bench.stop()
    await bench.start({ settleMs: 0 })
    await bench.settled()
    expect(words(bench.sent.slice(-1))).toEqual(['a raise'])
    expect(bench.outputs?.status()).toMatchObject({ parked: 0, pending: 0 })
  })

  it('that refuses one message is not failing; that refuses two in a row is, until it takes one', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => ({ outcome: 'refused', answer: '422', retryAfterMs: null })
    await bench.tell(streamOf('group/cell/1', null).raise(0))
    await bench.settled()
    expect(bench.outputs?.status()).toMatchObject({ parked: 1, failingSinceMs: null })
    await bench.tell(streamOf('group/cell/2', null).raise(0))
    await bench.settled()
    expect(bench.outputs?.status()).toMatchObject({ parked: 2, failingSinceMs: bench.nowMs() })
    bench.answer = () => taken
    await bench.tell(streamOf('group/cell/3', null).raise(0))
    await bench.settled()
    expect(bench.outputs?.status()).toMatchObject({ parked: 2, failingSinceMs: null })
  })

  it('of which a batch cannot be taken in is stuck since the first failure, until the batch goes through', async () => {
    const bench = createBench()
    open.push(bench)
    let isFull = true
    const { begin } = bench.store
    bench.store = {
      ...bench.store,
      begin: async (range) => {
        if (isFull) throw new Error('full')
        await begin(range)
      },
    }
    await bench.start({ settleMs: 0 })
    const sinceMs = bench.nowMs()
    await bench.tell(streamOf('group/cell/1', null).raise(0))
    await expect.poll(() => bench.outputs?.status().stuckSinceMs, { timeout: 5_000 }).toBe(sinceMs)
    bench.pass(minuteMs)
    await expect.poll(() => bench.counts['errors'], { timeout: 5_000 }).toBeGreaterThan(1)
    expect(bench.outputs?.status().stuckSinceMs).toBe(sinceMs)
    isFull = false
    await expect.poll(() => bench.outputs?.status().stuckSinceMs, { timeout: 10_000 }).toBe(null)
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(1)
  })

  it('of which a partition does not start is stuck since it was given to us', async () => {
    const bench = createBench()
    open.push(bench)
    const { consume } = bench.log
    let waitingSinceMs: number | null = startMs - minuteMs
    bench.log.consume = async (options) => ({ ...(await consume(options)), waitingSinceMs: () => waitingSinceMs })
    await bench.start()
    expect(bench.outputs?.status().stuckSinceMs).toBe(startMs - minuteMs)
    waitingSinceMs = null
    expect(bench.outputs?.status().stuckSinceMs).toBe(null)
  })

  it('that answers 410 gets nothing more until the next start', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => ({ outcome: 'gone', answer: '410', retryAfterMs: null })
    await bench.tell(streamOf('a').raise(0))
    await bench.settled()
    await bench.tell(streamOf('b').raise(1))
    bench.pass(60 * minuteMs)
    await bench.settled()
    expect([bench.sent.length, bench.outputs?.status()]).toEqual([1, expect.objectContaining({ disabled: true, pending: 2 })])
    bench.answer = () => taken
    await bench.stop()
    await bench.start({ settleMs: 0 })
    await bench.settled()
    expect(words(bench.sent.slice(1)).sort()).toEqual(['a raise', 'b raise'])
  })

  it('a message is parked after the last try of the schedule, some 76 hours', async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => failed
    await bench.tell(streamOf('a').raise(0))
    for (let hours = 0; hours < 240; hours += 24) {
      await bench.settled()
      bench.pass(25 * 60 * minuteMs)
    }
    await bench.settled()
    expect([...bench.rows.values()]).toMatchObject(
      [{ status: 'parked', attempts: 10, why: /^given up after 10 tries/ }].map((row) => ({
        ...row,
        why: expect.stringMatching(row.why) as string,
      })),
    )
  })

  it('a warehouse that does not answer holds up no message', async () => {
    const bench = createBench()
    open.push(bench)
    const [asked, answered] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    bench.beforeInsert = () => {
      asked.resolve(undefined)
      return answered.promise
    }
    await bench.start()
    await bench.tell(streamOf('a').raise(0))
    await asked.promise
    bench.pass(6 * minuteMs)
    await expect.poll(() => bench.sent.length, { timeout: 2_000 }).toBe(1)
    answered.resolve(undefined)
    await bench.settled()
    expect(statuses(bench)).toEqual(['a raise sent'])
  })

  it('the warehouse may be away: alarms are told, rows come later', async () => {
    const bench = await started({ settleMs: 0 })
    bench.warehouseUp = false
    await bench.tell(streamOf('a').raise(0))
    await expect.poll(() => bench.sent.length, { timeout: 5_000 }).toBe(1)
    await bench.stop()
    bench.warehouseUp = true
    await bench.start({ settleMs: 0 })
    await bench.settled()
    expect(statuses(bench)).toEqual(['a raise sent'])
  })
})

describe('bounds', () => {
  it(`an alarm has at most ${String(noticesPerAlarmMax)} messages that wait; what lies between is left out and told`, async () => {
    const bench = await started({ settleMs: 0 })
    bench.answer = () => failed
    const a = streamOf('group/cell/1', null)
    for (let turn = 0; turn < noticesPerAlarmMax; turn++) await bench.tell(a.raise(2 * turn), a.clear(2 * turn + 1))
    await bench.settled()
    expect(bench.counts['dropped']).toBe(noticesPerAlarmMax)
    expect(statuses(bench).filter((row) => row.includes('dropped'))).toHaveLength(noticesPerAlarmMax)
    bench.answer = () => taken
    bench.pass(24 * 60 * minuteMs)
    await bench.settled()
    const got = words(bench.sent.filter(({ answered }) => answered === 'taken'))
    // Each raise that was told has its clear, that of the first one too, which the receiver may know of.
    expect(got).toEqual(Array.from({ length: noticesPerAlarmMax }, (_, n) => `group/cell/1 ${n % 2 === 0 ? 'raise' : 'clear'}`))
    const told = bench.sent
      .filter(({ answered }) => answered === 'taken')
      .map(({ body }) => Number((JSON.parse(body) as { data: { dedupKey: string } }).data.dedupKey.split(':').at(-1)))
    expect(told).toEqual([1, 1, ...Array.from({ length: noticesPerAlarmMax - 2 }, (_, n) => 10 + Math.floor(n / 2))])
  })

  it(`${String(waitingAlarmsMax)} alarms wait for a receiver that is away; one more is not sent, and says so`, async () => {
    const bench = await started()
    bench.answer = () => failed
    const streams = Array.from({ length: waitingAlarmsMax + 2 }, (_, index) => streamOf(`group/cell/${String(index)}`, null))
    await bench.tell(...streams.map((stream) => stream.raise(0)))
    await expect.poll(() => bench.outputs?.status().lagRecords, { timeout: 20_000 }).toBe(0)
    await expect.poll(() => bench.rows.size, { timeout: 20_000 }).toBe(waitingAlarmsMax + 2)
    expect(bench.outputs?.status().pending).toBe(waitingAlarmsMax)
    expect(statuses(bench).filter((row) => row.includes('dropped'))).toHaveLength(2)
  }, 60_000)
})

describe('the topic alarms-current', () => {
  const current = async ({ log }: ReturnType<typeof createBench>): Promise<Map<string, Record<string, unknown>>> => {
    const newest = new Map<string, Record<string, unknown>>()
    for await (const { key, value } of log.read('alarms-current', 0, 0, Number.MAX_SAFE_INTEGER)) {
      if (value.byteLength === 0) newest.delete(key)
      else newest.set(key, JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>)
    }
    return newest
  }

  it('has each alarm until it is over and acknowledged, followed by a newer one, or over for 7 days', async () => {
    const bench = await started()
    const [a, b, c] = [streamOf('a'), streamOf('b'), streamOf('c')]
    await bench.tell(a.raise(0), b.raise(0), c.raise(0), b.clear(1), c.clear(1))
    await bench.settled()
    expect([...(await current(bench))].map(([id, { state, ackState }]) => [id, state, ackState])).toEqual([
      [`${a.stream}:1`, 'raised', 'unacknowledged'],
      [`${b.stream}:1`, 'cleared', 'unacknowledged'],
      [`${c.stream}:1`, 'cleared', 'unacknowledged'],
    ])
    await bench.tell(b.record({ kind: 'Acknowledged', actor: 'ann', commandId: '1' }, 2), a.clear(2), a.raise(3))
    await bench.settled()
    expect([...(await current(bench)).keys()].sort()).toEqual([`${a.stream}:2`, `${c.stream}:1`].sort())
    bench.pass(7 * 24 * 60 * minuteMs + minuteMs)
    await bench.settled()
    expect([...(await current(bench)).keys()]).toEqual([`${a.stream}:2`])
  })

  it('an alarm that is raised again just when it is forgotten is kept and told', async () => {
    const bench = createBench()
    open.push(bench)
    const a = streamOf('group/cell/1', null)
    const { append } = bench.log
    const days = 7 * 24 * 60
    bench.log.append = async (topic, records) => {
      if (topic === 'alarms-current') {
        await append('alarms', [{ partition: 0, key: 'a', value: Uint8Array.from(codec.encode(a.raise(days + 2))) }])
        await expect.poll(() => bench.outputs?.status().lagRecords, { timeout: 5_000 }).toBe(0)
      }
      return append(topic, records)
    }
    bench.answer = ({ id }) => (id.includes('-3-') ? failed : taken)
    await bench.start()
    await bench.tell(a.raise(0), a.clear(1))
    await bench.settled()
    bench.pass((days + 2) * minuteMs)
    await bench.settled()
    bench.answer = () => taken
    bench.pass(60 * minuteMs)
    await bench.settled()
    expect(words(bench.sent.filter(({ answered }) => answered === 'taken'))).toEqual(
      ['raise', 'clear', 'raise'].map((word) => `group/cell/1 ${word}`),
    )
    expect([...(await current(bench)).keys()]).toEqual([`${a.stream}:2`])
  })
})

describe('killed at any step', () => {
  it('every alarm of every device is told over, in order, each message with one id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        async (kills, batch) => {
          const bench = createBench()
          const { begin, finish, put, ...others } = bench.store
          let left = Number.POSITIVE_INFINITY
          const alive =
            <A extends unknown[]>(work: (...args: A) => Promise<void>, when: 'before' | 'after') =>
            async (...args: A): Promise<void> => {
              if (left-- <= 0 && when === 'before') throw new Error('killed')
              await work(...args)
              if (left <= 0 && when === 'after') throw new Error('killed')
            }
          bench.store = { ...others, begin: alive(begin, 'before'), finish: alive(finish, 'after'), put: alive(put, 'before') }
          const streams = ['a', 'b', 'c'].map((subject) => streamOf(subject))
          const events = streams.flatMap((stream) => [stream.raise(0), stream.worse(1), stream.clear(2)])
          try {
            for (const kill of [...kills, null]) {
              left = kill ?? Number.POSITIVE_INFINITY
              try {
                await bench.start({ settleMs: 0 })
                await bench.tell(...events.splice(0, kill === null ? events.length : batch))
                bench.pass(minuteMs)
                if (kill === null) await bench.settled()
                else await expect.poll(() => left <= 0 || bench.outputs?.status().lagRecords === 0, { timeout: 2_000 }).toBe(true)
              } catch (error) {
                if (kill === null) throw error
              }
              await bench.stop()
            }
          } finally {
            await bench.stop()
          }
          for (const { stream } of streams) {
            const own = bench.sent.filter(({ id }) => id.startsWith(stream))
            const firsts = own.filter(({ id }, index) => own.findIndex((other) => other.id === id) === index)
            expect(firsts.map(({ notification }) => notification)).toEqual(['raise', 'worse', 'clear'])
          }
        },
      ),
      { numRuns: 12 },
    )
  }, 120_000)
})
