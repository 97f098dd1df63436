import { describe, expect, it } from 'vitest'
import { durationOf, judgeLimits, judgeVersions, judgeWay, type Limits } from './judge-link.ts'

const nowMs = Date.UTC(2026, 0, 1)
const dayMs = 86_400_000

describe('the way', () => {
  const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', issuer: 'Depot CA', validToMs: nowMs + 90 * dayMs }
  const verdictOf = (own: Partial<typeof tls>) =>
    judgeWay({ scheme: 'mqtts', isLoopback: false, connectMs: 12.4, tls: { ...tls, ...own } }, nowMs)

  it('is well with TLS, and says what was seen', () => {
    expect(verdictOf({})).toEqual({
      id: 'way',
      title: 'Way to the broker',
      verdict: 'ok',
      measured: 'CONNACK after 12 ms over mqtts, TLSv1.3, TLS_AES_256_GCM_SHA384, certificate of Depot CA, valid for 90 more days',
      meaning: 'The way is encrypted and the broker is the one that it says it is.',
    })
  })

  it('warns when the certificate ends within 14 days', () => {
    expect(verdictOf({ validToMs: nowMs + 14 * dayMs }).verdict).toBe('ok')
    expect(verdictOf({ validToMs: nowMs + 14 * dayMs - 1 }).verdict).toBe('warning')
  })

  it('warns of TLS before 1.2', () => {
    expect(verdictOf({ version: 'TLSv1.2' }).verdict).toBe('ok')
    expect(verdictOf({ version: 'TLSv1.1' }).verdict).toBe('warning')
  })

  it.each(['mqtt', 'ws'])('warns of %s to another machine only', (scheme) => {
    expect(judgeWay({ scheme, isLoopback: false, connectMs: 1, tls: null }, nowMs).verdict).toBe('warning')
    expect(judgeWay({ scheme, isLoopback: true, connectMs: 1, tls: null }, nowMs).verdict).toBe('ok')
  })

  it('believes wss, whose certificate was verified unseen', () => {
    expect(judgeWay({ scheme: 'wss', isLoopback: false, connectMs: 1, tls: null }, nowMs).verdict).toBe('ok')
  })
})

describe('versions', () => {
  it.each([
    [null, null, 'ok'],
    [null, 'refused', 'warning'],
    ['refused', null, 'warning'],
    ['refused', 'refused', 'bad'],
  ] as const)('5: %s, 3.1.1: %s is %s', (five, three, verdict) => {
    expect(judgeVersions({ '5': five, '3.1.1': three }).verdict).toBe(verdict)
  })

  it('names the setting for a broker of 3.1.1', () => {
    expect(judgeVersions({ '5': 'refused', '3.1.1': null })).toMatchObject({
      measured: '5: refused; 3.1.1: accepted',
      meaning: expect.stringContaining('MQTT_PROTOCOL=3.1.1') as unknown,
    })
  })
})

describe('limits', () => {
  const good: Limits = {
    receiveMaximum: 20,
    packetBytesMax: null,
    askedSessionExpirySeconds: 604_800,
    sessionExpirySeconds: 604_800,
    maximumQos: 2,
    retainAvailable: true,
    wildcardsAvailable: true,
    sharedAvailable: true,
    serverKeepAliveSeconds: null,
  }

  it('are well when none is in the way', () => {
    expect(judgeLimits(good)).toEqual({
      id: 'limits',
      title: 'Limits that the broker names (MQTT 5 CONNACK)',
      verdict: 'ok',
      measured:
        'receive maximum 20, no packet limit, session expiry 604800 s of 604800 s asked, maximum QoS 2, retained messages yes, wildcards yes, shared subscriptions yes, keep alive as asked',
      meaning: 'None of them is in the way of the recorder.',
    })
  })

  it('are untested with 3.1.1', () => {
    expect(judgeLimits(null).verdict).toBe('untested')
  })

  it.each<[Partial<Limits>, string]>([
    [{ sessionExpirySeconds: 0 }, 'bad'],
    [{ sessionExpirySeconds: 259_199 }, 'warning'],
    [{ sessionExpirySeconds: 259_200 }, 'ok'],
    [{ maximumQos: 0 }, 'bad'],
    [{ maximumQos: 1 }, 'ok'],
    [{ wildcardsAvailable: false }, 'bad'],
    [{ packetBytesMax: 1_099_999 }, 'warning'],
    [{ packetBytesMax: 1_100_000 }, 'ok'],
    [{ retainAvailable: false }, 'warning'],
    [{ sharedAvailable: false }, 'warning'],
    [{ serverKeepAliveSeconds: 30 }, 'ok'],
  ])('%j is %s', (own, verdict) => {
    expect(judgeLimits({ ...good, ...own }).verdict).toBe(verdict)
  })

  it('tells all that is weak, the worst first', () => {
    expect(judgeLimits({ ...good, retainAvailable: false, maximumQos: 0 }).meaning).toBe(
      'Only QoS 0: what is lost on the way is not sent again. No retained messages: what devices last said is unknown until they say it again.',
    )
  })
})

it('durations are told in the unit that fits', () => {
  expect([1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(durationOf)).toEqual([
    '1 s',
    '119 s',
    '2.0 minutes',
    '120.0 minutes',
    '2.0 hours',
    '48.0 hours',
    '2.0 days',
  ])
})
