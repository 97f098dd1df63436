import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DeviceEvent } from '../../model/event.ts'
import type { Digest } from '../../model/ports.ts'
import { arrivalMs, eventOf, type EventWords, readingsOf } from '../../test/stage-fakes.ts'
import { bootsForgottenMax, bootsKeptMax, type Identity, judgeIdentity, redrivenKeptMax, seqJumpMax } from './identity.ts'
import { createSeenIds } from './seen-ids.ts'
import { createSessionWindow, sessionMessagesMax } from './session-window.ts'
import { initialCore } from './state.ts'

const digest: Digest = (...parts) => {
  const hash = createHash('md5')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest()
}

const createJudge = (seenMax = 1_000, sessionMax = 1_000) => {
  const core = initialCore()
  const window = { seenIds: createSeenIds(seenMax), sessions: createSessionWindow(sessionMax), digest }
  let nowMs = arrivalMs
  const judge = (words: EventWords): Identity => {
    const event: DeviceEvent = eventOf(words)
    nowMs = Math.max(nowMs, event.receivedAtMs)
    return judgeIdentity(event, core, window, nowMs)
  }
  return { core, judge, outcome: (words: EventWords) => judge(words).outcome }
}

/** As a client sends: what it sends again after a reconnect has DUP=1. */
const session = (connection: number, packetId = 1, dup = connection > 1): EventWords => ({
  text: '23.4',
  source: { sessionId: 'home', connection, packetId, dup, qos: 1 },
})

describe('identity by boot and sequence', () => {
  it('agrees with a set of all pairs, and its account with a count of them', () => {
    const pairs = fc.array(fc.tuple(fc.constantFrom('b1', 'b2', 'b3'), fc.nat({ max: 50 })), { maxLength: 120 })
    fc.assert(
      fc.property(pairs, (steps) => {
        const { judge } = createJudge()
        const model = new Map<string, Set<number>>()
        const account = { withSeq: 0, seqExpected: 0, seqMissing: 0 }
        for (const [bootId, seq] of steps) {
          const own = model.get(bootId) ?? new Set()
          model.set(bootId, own)
          const identity = judge({ bootId, seq })
          expect(identity.outcome).toBe(own.has(seq) ? 'duplicate' : 'new')
          own.add(seq)
          account.withSeq += identity.withSeq
          account.seqExpected += identity.seqExpected
          account.seqMissing += identity.seqMissing
        }
        const spans = [...model.values()].map((seqs) => Math.max(...seqs) - Math.min(...seqs) + 1)
        const distinct = [...model.values()].reduce((sum, seqs) => sum + seqs.size, 0)
        const expected = spans.reduce((sum, span) => sum + span, 0)
        expect(account).toEqual({ withSeq: distinct, seqExpected: expected, seqMissing: expected - distinct })
      }),
    )
  })

  it('stores what lies in a forgotten gap and flags it, without an account', () => {
    const { judge } = createJudge()
    for (let seq = 0; seq <= 65 * 2; seq += 2) judge({ bootId: 'b', seq })
    expect(judge({ bootId: 'b', seq: 1 })).toEqual({ outcome: 'ambiguous', letterKnown: false, withSeq: 0, seqExpected: 0, seqMissing: 0 })
    expect(judge({ bootId: 'b', seq: 3 })).toEqual({ outcome: 'new', letterKnown: false, withSeq: 1, seqExpected: 0, seqMissing: -1 })
  })

  it('three boots that jump to the greatest sequence number wedge nothing: stored, flagged, in no account', () => {
    const { judge } = createJudge()
    const flagged = { outcome: 'ambiguous', letterKnown: false, withSeq: 0, seqExpected: 0, seqMissing: 0 }
    for (const bootId of ['b1', 'b2', 'b3']) {
      judge({ bootId, seq: 0 })
      expect(judge({ bootId, seq: Number.MAX_SAFE_INTEGER - 1 })).toEqual(flagged)
      expect(judge({ bootId, seq: seqJumpMax + 1 })).toEqual(flagged)
      expect(judge({ bootId, seq: 1 })).toMatchObject({ outcome: 'new', seqExpected: 1, seqMissing: 0 })
      expect(judge({ bootId, seq: seqJumpMax + 1 })).toMatchObject({ outcome: 'new', seqExpected: seqJumpMax, seqMissing: seqJumpMax - 1 })
    }
    judge({ bootId: 'first is wild', seq: 2 ** 40 })
    expect(judge({ bootId: 'first is wild', seq: 0 })).toEqual(flagged)
  })

  it('keeps 16 boots and flags what an older one says again', () => {
    const { outcome } = createJudge()
    for (let boot = 0; boot < bootsKeptMax; boot++) outcome({ bootId: `b${boot}`, seq: 1 })
    expect(outcome({ bootId: 'b0', seq: 1 })).toBe('duplicate')
    expect(outcome({ bootId: 'one more', seq: 1 })).toBe('new')
    expect(outcome({ bootId: 'b1', seq: 1 })).toBe('ambiguous')
    expect(outcome({ bootId: 'b1', seq: 1 })).toBe('duplicate')
  })

  it('remembers 1,024 boots by their hash', () => {
    const { outcome, core } = createJudge()
    for (let boot = 0; boot < bootsKeptMax + bootsForgottenMax; boot++) outcome({ bootId: `b${boot}`, seq: 1 })
    expect(core.forgottenBoots).toHaveLength(bootsForgottenMax)
    expect(outcome({ bootId: 'b0', seq: 1 })).toBe('ambiguous')
    outcome({ bootId: 'more', seq: 1 })
    outcome({ bootId: 'and more', seq: 1 })
    expect(core.forgottenBoots).toHaveLength(bootsForgottenMax)
  })
})

describe('identity by content', () => {
  it('is one message when device, topic, time and payload are equal, within a day', () => {
    const { outcome } = createJudge()
    const words = { observedAtMs: arrivalMs, text: '{"ts":1,"v":2}' }
    expect(outcome(words)).toBe('new')
    expect(outcome(words)).toBe('duplicate')
    expect(outcome({ ...words, text: '{"ts":2,"v":2}' })).toBe('new')
    expect(outcome({ ...words, source: { topic: 'another' } })).toBe('new')
    expect(outcome({ ...words, device: 'another' })).toBe('new')
    expect(outcome({ ...words, bootId: 'b' })).toBe('duplicate')
    expect(outcome({ ...words, seq: 4 })).toBe('duplicate')
    expect(outcome({ ...words, receivedAtMs: arrivalMs + 33 * 3_600_000 })).toBe('new')
  })

  it('flags what may have come before the table had to forget', () => {
    const { outcome } = createJudge(8)
    for (let n = 0; n < 9; n++) outcome({ observedAtMs: arrivalMs + n, receivedAtMs: arrivalMs + n, text: `${n}` })
    expect(outcome({ observedAtMs: arrivalMs, receivedAtMs: arrivalMs + 10, text: '0' })).toBe('ambiguous')
  })

  it('sees through a payload that is sealed anew each time', () => {
    const { outcome } = createJudge()
    const sealed = (byte: number, value: string): EventWords => ({
      observedAtMs: arrivalMs,
      payload: { encoding: 'sealed', bytes: Uint8Array.of(byte) },
      bodies: [{ kind: 'Facts', items: [{ name: 'modem.imei', value, sealed: Uint8Array.of(byte) }] }],
    })
    expect(outcome(sealed(1, '35...17'))).toBe('new')
    expect(outcome(sealed(2, '35...17'))).toBe('duplicate')
    expect(outcome(sealed(3, '35...18'))).toBe('new')
  })

  it('never drops presence', () => {
    const { outcome } = createJudge()
    const online: EventWords = { observedAtMs: arrivalMs, bodies: [{ kind: 'Presence', state: 'online', sessionId: null, reason: null }] }
    expect([outcome(online), outcome(online)]).toEqual(['new', 'new'])
  })
})

describe('identity by session', () => {
  it('takes five equal readings for five', () => {
    const { outcome } = createJudge()
    const clean = { text: '23.4', source: { topic: 'world/asia/taiwan/taipei/neihu/temperature' } }
    expect(Array.from({ length: 5 }, () => outcome(clean))).toEqual(['new', 'new', 'new', 'new', 'new'])
    expect(Array.from({ length: 5 }, () => outcome(session(1)))).toEqual(['new', 'new', 'new', 'new', 'new'])
  })

  it('matches what was sent again after a reconnect, each earlier one once', () => {
    const { outcome } = createJudge()
    expect([outcome(session(1)), outcome(session(1))]).toEqual(['new', 'new'])
    expect([outcome(session(2)), outcome(session(2)), outcome(session(2))]).toEqual(['duplicate', 'duplicate', 'new'])
    expect([outcome(session(3)), outcome(session(3)), outcome(session(3)), outcome(session(3))]).toEqual([
      'duplicate',
      'duplicate',
      'duplicate',
      'new',
    ])
  })

  it('a client that connects for each reading, always with packet id 1, loses none of five equal ones', () => {
    const { outcome } = createJudge()
    const sent = [1, 2, 3, 4, 5].map((connection) => outcome(session(connection, 1, false)))
    expect(sent).toEqual(['new', 'ambiguous', 'ambiguous', 'ambiguous', 'ambiguous'])
    expect([outcome(session(6)), outcome(session(6))]).toEqual(['duplicate', 'new'])
  })

  it('asks for the same packet id, a persistent session and QoS above 0; DUP alone decides nothing', () => {
    const { outcome } = createJudge()
    expect(outcome(session(1))).toBe('new')
    expect(outcome(session(1, 1, true))).toBe('new')
    expect(outcome(session(2, 2, true))).toBe('new')
    expect(outcome({ ...session(2), source: { sessionId: null, connection: 2, packetId: 1, dup: true } })).toBe('new')
    expect(outcome({ ...session(2), source: { sessionId: 'home', connection: 2, packetId: 1, qos: 0 } })).toBe('new')
    expect(outcome({ ...session(2), source: { sessionId: 'other', connection: 2, packetId: 1 } })).toBe('new')
    expect([outcome(session(2)), outcome(session(2)), outcome(session(2))]).toEqual(['duplicate', 'duplicate', 'new'])
  })

  it('flags a repeated packet whose first may have been forgotten for want of room', () => {
    const { outcome } = createJudge(1_000, 2)
    for (let packetId = 1; packetId <= 3; packetId++) outcome(session(1, packetId))
    expect([outcome(session(2, 1, true)), outcome(session(2, 3, true))]).toEqual(['ambiguous', 'duplicate'])
  })

  it('costs the same however often one thing was said in one connection: the bound of 200,000 in seconds, not in minutes', () => {
    const window = createSessionWindow()
    const id = Uint8Array.of(1, 2, 3, 4, 5, 6, 7)
    const startedMs = performance.now()
    for (let n = 0; n <= sessionMessagesMax; n++) window.judge(id, 1, false, arrivalMs)
    expect(window.size()).toBe(sessionMessagesMax)
    expect(window.judge(id, 2, true, arrivalMs)).toBe('duplicate')
    expect(performance.now() - startedMs).toBeLessThan(10_000) // About 0.1 s; a look through all of them takes minutes.
  })

  it('agrees with a plain list of earlier messages', () => {
    const step = fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 }), fc.integer({ min: 0, max: 1 }), fc.boolean())
    const steps = fc.array(step, { maxLength: 60 })
    fc.assert(
      fc.property(steps, (messages) => {
        const { outcome } = createJudge()
        let earlier: { key: string; connection: number }[] = []
        let connection = 1
        for (const [text, packetId, reconnects, dup] of messages) {
          connection += reconnects
          const key = `${text} ${packetId}`
          const match = earlier.find((message) => message.key === key && message.connection < connection)
          earlier = earlier.filter((message) => message !== match)
          earlier.push({ key, connection })
          const words = { ...session(connection, packetId, dup), text: String(text) }
          expect(outcome(words)).toBe(match === undefined ? 'new' : dup ? 'duplicate' : 'ambiguous')
        }
      }),
    )
  })

  it('answers the same after the window was rebuilt from its segments', () => {
    const steps = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean(), fc.nat({ max: 8 * 3_600_000 })), { maxLength: 60 })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 12 }), (messages, cutEvery, messagesMax) => {
        const whole = createSessionWindow(messagesMax)
        let cut = createSessionWindow(messagesMax)
        const stored: { atMs: number; bytes: Uint8Array }[] = []
        let [connection, nowMs] = [1, arrivalMs]
        for (const [index, [content, reconnects, laterMs]] of messages.entries()) {
          connection += Number(reconnects)
          nowMs += laterMs
          const id = Uint8Array.of(content, 0, 0, 0, 0, 0, 0)
          expect(cut.judge(id, connection, true, nowMs)).toBe(whole.judge(id, connection, true, nowMs))
          if (index % cutEvery !== 0) continue
          const bytes = cut.takeSegment()
          if (bytes !== null) stored.push({ atMs: nowMs, bytes })
          const [state, before] = [cut.state(), cut.dropBeforeMs()]
          cut = createSessionWindow(messagesMax)
          cut.load(
            state,
            stored.filter(({ atMs }) => atMs >= before).map((segment) => segment.bytes),
          )
        }
      }),
    )
  })
})

describe('identity of stored copies and re-driven letters', () => {
  it('counts a copy that a broker had kept as no new message, and learns nothing from it', () => {
    const { outcome } = createJudge()
    const words: EventWords = { bootId: 'b', seq: 1 }
    expect(outcome({ ...words, source: { storedCopy: true } })).toBe('duplicate')
    expect(outcome(words)).toBe('new')
  })

  it('knows a letter by its reference, and the message in it by its sequence', () => {
    const { judge } = createJudge()
    const redriven = (reference: string, words: EventWords = {}) =>
      judge({ bodies: [readingsOf(1)], source: { redriveOf: reference }, ...words })
    expect(redriven('0:7')).toMatchObject({ outcome: 'new', letterKnown: false })
    expect(redriven('0:7:uncounted')).toMatchObject({ outcome: 'duplicate', letterKnown: true })
    expect(redriven('0:8', { bootId: 'b', seq: 1 })).toMatchObject({ outcome: 'new', letterKnown: false })
    expect(redriven('0:9', { bootId: 'b', seq: 1 })).toMatchObject({ outcome: 'duplicate', letterKnown: false })
  })

  it('remembers the newest 1,024 letters of a device', () => {
    const { judge } = createJudge()
    for (let offset = 0; offset <= redrivenKeptMax; offset++) judge({ source: { redriveOf: `0:${offset}` } })
    expect(judge({ source: { redriveOf: '0:1' } }).letterKnown).toBe(true)
    expect(judge({ source: { redriveOf: '0:0' } }).letterKnown).toBe(false)
  })
})
