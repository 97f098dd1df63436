import { describe, expect, it } from 'vitest'
import { createDeviceStage } from './device-stage.ts'
import { arrivalMs, createBench, deadLetterCodec, deviceId, eventOf, only, readingsOf, tickOf } from '../test/stage-fakes.ts'

const boot = { bootId: 'boot-1', observedAtMs: arrivalMs - 1_000 }

describe('device stage', () => {
  it('makes of one message its row in the archive, its readings and its account', async () => {
    const bench = createBench()
    const event = eventOf({ ...boot, seq: 7, bodies: [readingsOf(0.5, null)] })
    bench.append(event)
    await bench.run()
    const origin = { log_id: bench.log.logId, partition: 0, offset: 0 }
    const subject = { tenant: 'main', subject: deviceId, received_at: arrivalMs }
    expect(bench.rowsOf('messages')).toEqual([
      {
        ...subject,
        ...origin,
        subject_kind: 'device',
        observed_at: arrivalMs - 1_000,
        claimed_at: arrivalMs - 1_000,
        clock_verdict: 'trusted',
        outcome: 'stored',
        topic: `dwr/311-a1/${deviceId}/hardware/loadavg`,
        boot_id: 'boot-1',
        seq: 7,
        frame: (await bench.batchFrom(0, 0)).records[0]?.value,
      },
    ])
    const reading = { ...subject, ...origin, attributes: '', observed_at: arrivalMs - 1_000 }
    expect(bench.rowsOf('measurements')).toEqual([
      { ...reading, metric: 'system.cpu.load_average.0m', value: 0.5, quality: 'ok' },
      { ...reading, metric: 'system.cpu.load_average.1m', value: null, quality: 'missing' },
    ])
    expect(bench.rowsOf('ledger')).toEqual([
      {
        ...subject,
        ...origin,
        hour: arrivalMs,
        received: 1,
        stored: 1,
        duplicate: 0,
        quarantined: 0,
        ambiguous: 0,
        with_seq: 1,
        seq_expected: 1,
        seq_missing: 0,
      },
    ])
    expect(bench.warehouse.inserts.map(({ token }) => token)).toContain(`${bench.log.logId}:device-events:0:0-0:messages`)
  })

  it('keeps a duplicate in the archive and writes nothing else of it', async () => {
    const bench = createBench()
    const event = eventOf({ ...boot, seq: 1, bodies: [readingsOf(1)] })
    bench.append(event, event)
    await bench.run()
    expect(only(bench.rowsOf('messages'), 'outcome', 'offset')).toEqual([
      { outcome: 'stored', offset: 0 },
      { outcome: 'duplicate', offset: 1 },
    ])
    expect(bench.rowsOf('measurements')).toHaveLength(1)
    expect(only(bench.rowsOf('ledger'), 'received', 'stored', 'duplicate')).toEqual([{ received: 2, stored: 1, duplicate: 1 }])
  })

  it('sends a frame that cannot be read to the dead letters and goes on', async () => {
    const bench = createBench()
    bench.appendFrames([Uint8Array.of(9, 9, 9)])
    bench.append(eventOf({ bodies: [readingsOf(1)] }))
    await bench.run()
    expect(bench.counts).toEqual({ undecodable: 1, stored: 1 })
    expect(only(bench.rowsOf('messages'), 'offset')).toEqual([{ offset: 1 }])
    const letters = []
    for await (const { value } of bench.log.read('dead-letters', 0, 0, 10)) letters.push(deadLetterCodec.decode(value))
    expect(letters).toMatchObject([{ ok: true, value: { reason: 'FRAME_UNREADABLE', payloadBytes: 3, cut: true, tenant: 'main' } }])
  })

  it('writes ticks to the archive and takes its time from them', async () => {
    const bench = createBench()
    bench.append(tickOf(arrivalMs + 5_000))
    const stage = createDeviceStage(bench.deps)
    await stage.processBatch(await bench.batchFrom(0, 0))
    expect(only(bench.rowsOf('messages'), 'outcome', 'subject_kind', 'subject')).toEqual([
      { outcome: 'tick', subject_kind: 'fleet', subject: 'all' },
    ])
    expect(bench.rowsOf('ledger')).toEqual([])
    expect(stage.completeThroughMs(0)).toBe(arrivalMs + 5_000)
  })

  it('cuts a batch when it has made too many rows, in ranges of their own', async () => {
    const bench = createBench()
    for (let seq = 0; seq < 5; seq++) bench.append(eventOf({ ...boot, seq, bodies: [readingsOf(1, 2, 3)] }))
    await bench.run(100, { rowsMax: 8 })
    expect(
      bench.warehouse.inserts.filter(({ table }) => table === 'messages').map(({ token, rows }) => [token.split(':')[3], rows.length]),
    ).toEqual([
      ['0-1', 2],
      ['2-3', 2],
      ['4-4', 1],
    ])
  })

  it('counts a quarantined message once, and turns it into a stored one when it is re-driven', async () => {
    const bench = createBench()
    const quarantined = eventOf({
      bodies: [{ kind: 'Quarantined', reason: 'JSON_INVALID', deadLetter: '0:12' }],
      payload: { encoding: 'none', bytes: new Uint8Array() },
    })
    const redriven = eventOf({ bodies: [readingsOf(1)], source: { redriveOf: '0:12', actor: 'admin' } })
    bench.append(quarantined)
    await bench.run()
    bench.append(redriven)
    await bench.run()
    bench.append(redriven)
    await bench.run()
    expect(only(bench.rowsOf('ledger'), 'received', 'stored', 'duplicate', 'quarantined')).toEqual([
      { received: 1, stored: 0, duplicate: 0, quarantined: 1 },
      { received: 0, stored: 1, duplicate: 0, quarantined: -1 },
      { received: 1, stored: 0, duplicate: 1, quarantined: 0 },
    ])
    expect(only(bench.rowsOf('messages'), 'outcome')).toEqual([{ outcome: 'quarantined' }, { outcome: 'stored' }, { outcome: 'duplicate' }])
    expect(bench.rowsOf('measurements')).toHaveLength(1)
  })

  it('goes on past an event on which a projection fails: its row in the archive and a dead letter stand, nothing half-made', async () => {
    const bench = createBench()
    let fails = true
    const onLimit = bench.deps.counters.limitReached
    const line = { observedAtMs: null, writtenAt: '', severity: null, facility: null, program: null, message: 'x', cut: false }
    const burst = Array.from({ length: 6_002 }, () => line)
    bench.append(
      eventOf({ bodies: [readingsOf(1), { kind: 'LogLines', source: 's', items: burst }] }),
      eventOf({ bodies: [readingsOf(2)] }),
    )
    const limitReached: typeof onLimit = (limit) => {
      if (fails) {
        fails = false
        throw new Error('planted')
      }
      onLimit(limit)
    }
    await bench.run(10, { counters: { ...bench.deps.counters, limitReached } })
    expect(bench.counts).toEqual({ stored: 2, failed: 1 })
    expect(only(bench.rowsOf('messages'), 'offset')).toEqual([{ offset: 0 }, { offset: 1 }])
    expect(only(bench.rowsOf('measurements'), 'value')).toEqual([{ value: 2 }])
    expect(bench.rowsOf('log_lines')).toEqual([])
    const letters = []
    for await (const { value } of bench.log.read('dead-letters', 0, 0, 10)) letters.push(deadLetterCodec.decode(value))
    expect(letters).toMatchObject([{ ok: true, value: { reason: 'PROJECTION_FAILED', detail: 'device-events 0:0: planted' } }])
  })

  it('a row that does not fit its column wedges no batch: its record becomes a dead letter, the others are written', async () => {
    const bench = createBench()
    for (const seq of [0, 1, 2, 3]) bench.append(eventOf({ ...boot, seq, bodies: [readingsOf(seq)] }))
    const codec: typeof bench.deps.codec = {
      ...bench.deps.codec,
      decode: (frame) => {
        const decoded = bench.deps.codec.decode(frame)
        if (!decoded.ok || decoded.event.seq === 0 || decoded.event.seq === 3) return decoded
        // As a frame of another maker might: a reading that is no number, a sequence that is no whole one.
        const broken = decoded.event.seq === 1 ? { bodies: [readingsOf('1' as unknown as number)] } : { seq: 1.5 }
        return { ok: true, event: { ...decoded.event, ...broken } }
      },
    }
    await bench.run(10, { codec })
    expect(only(bench.rowsOf('messages'), 'offset')).toEqual([{ offset: 0 }, { offset: 1 }, { offset: 3 }])
    expect(only(bench.rowsOf('measurements'), 'value')).toEqual([{ value: 0 }, { value: 3 }])
    const letters = []
    for await (const { value } of bench.log.read('dead-letters', 0, 0, 10)) letters.push(deadLetterCodec.decode(value))
    expect(letters).toMatchObject([
      {
        value: {
          reason: 'PROJECTION_FAILED',
          detail: 'device-events 0:1: the value of measurements.value does not fit its column',
        },
      },
      { value: { reason: 'PROJECTION_FAILED', detail: 'device-events 0:2: the value of messages.seq does not fit its column' } },
    ])
  })

  it('three boots that jump to the greatest sequence number in one batch give an account that fits', async () => {
    const bench = createBench()
    for (const bootId of ['b1', 'b2', 'b3']) {
      for (const seq of [0, Number.MAX_SAFE_INTEGER - 1]) bench.append(eventOf({ bootId, seq, bodies: [readingsOf(1)] }))
    }
    await bench.run()
    expect(only(bench.rowsOf('ledger'), 'received', 'stored', 'ambiguous', 'with_seq', 'seq_expected', 'seq_missing')).toEqual([
      { received: 6, stored: 6, ambiguous: 3, with_seq: 3, seq_expected: 3, seq_missing: 0 },
    ])
    expect(bench.rowsOf('measurements')).toHaveLength(6)
  })

  it('counts a re-driven letter that no account had as received', async () => {
    const bench = createBench()
    bench.append(eventOf({ bodies: [readingsOf(1)], source: { redriveOf: '0:12:uncounted' } }))
    await bench.run()
    expect(only(bench.rowsOf('ledger'), 'received', 'stored', 'quarantined')).toEqual([{ received: 1, stored: 1, quarantined: 0 }])
  })
})
