import { describe, expect, it } from 'vitest'
import {
  judgeQueue,
  judgeRedelivery,
  judgeRetained,
  judgeRoundTrip,
  judgeSession,
  judgeShared,
  type RetainedFacts,
  type SharedFacts,
} from './judge-delivery.ts'

const upTo = (count: number, from = 0): number[] => Array.from({ length: count }, (_, at) => from + at)

describe('round trip', () => {
  const root = 'fleet-recorder/doctor/0a1b2c3d'
  const verdictOf = (grantedQos: number, qos: number | null) => judgeRoundTrip({ grantedQos, arrived: qos === null ? null : { qos } }, root)

  it('is well at QoS 1', () => {
    expect(verdictOf(1, 1)).toEqual({
      id: 'qos',
      title: 'Granted QoS, and there and back',
      verdict: 'ok',
      measured: 'QoS 1 granted of 1 asked, a QoS 1 message came back with QoS 1',
      meaning: 'The broker keeps each message until the recorder has it on disk.',
    })
  })

  it('is bad when QoS 0 was granted, or is what comes', () => {
    expect(verdictOf(0, 0).verdict).toBe('bad')
    expect(verdictOf(1, 0).verdict).toBe('bad')
  })

  it('names the right that is missing when the subscription is refused, or granted and silent', () => {
    const right = 'the right to read and write fleet-recorder/doctor/+/tasks/+/request'
    for (const finding of [verdictOf(128, null), verdictOf(135, null), verdictOf(1, null)]) {
      expect(finding.verdict).toBe('bad')
      expect(finding.meaning).toContain(right)
    }
  })
})

describe('session', () => {
  it('must outlive a DISCONNECT and a broken connection', () => {
    expect(judgeSession({ keptAfterDisconnect: true, keptAfterDrop: true }).verdict).toBe('ok')
    expect(judgeSession({ keptAfterDisconnect: true, keptAfterDrop: false }).verdict).toBe('bad')
    expect(judgeSession({ keptAfterDisconnect: false, keptAfterDrop: true })).toMatchObject({
      verdict: 'bad',
      measured: 'kept after a DISCONNECT: no; after a connection that broke: yes',
    })
  })
})

describe('queue', () => {
  it('is well when all came, in order', () => {
    expect(judgeQueue({ published: 3, acknowledged: 3, arrived: [0, 1, 2] })).toEqual({
      id: 'queue',
      title: 'Queue while the recorder is away',
      verdict: 'ok',
      measured: '3 of 3 acknowledged to their sender, 3 came later, in order',
      meaning: 'At least 3 messages wait for the recorder; --queue tries more.',
    })
  })

  it('warns of a limit, says which end was dropped and how long that lasts', () => {
    const newest = judgeQueue({ published: 2_000, acknowledged: 2_000, arrived: upTo(1_000) })
    expect(newest).toMatchObject({
      verdict: 'warning',
      measured: '2000 of 2000 acknowledged to their sender, 1000 came later, in order; the newest were dropped',
    })
    expect(newest.meaning).toContain('more than 1000 messages loses the newest')
    expect(newest.meaning).toContain('in 10 s')
    expect(judgeQueue({ published: 2_000, acknowledged: 2_000, arrived: upTo(1_000, 1_000) }).measured).toContain(
      '; the oldest were dropped',
    )
  })

  it('warns of a single one that is missing', () => {
    expect(judgeQueue({ published: 3, acknowledged: 3, arrived: [0, 1] }).verdict).toBe('warning')
  })

  it('is bad when nothing is kept', () => {
    expect(judgeQueue({ published: 2, acknowledged: 2, arrived: [] }).verdict).toBe('bad')
  })

  it('counts a message that comes twice once', () => {
    expect(judgeQueue({ published: 3, acknowledged: 3, arrived: [0, 1, 1] })).toMatchObject({
      verdict: 'warning',
      measured: '3 of 3 acknowledged to their sender, 2 came later, not in order, 1 twice; the newest were dropped',
    })
  })

  it('warns of a wrong order', () => {
    expect(judgeQueue({ published: 3, acknowledged: 3, arrived: [0, 2, 1] })).toMatchObject({
      verdict: 'warning',
      meaning: 'Nothing is lost; readings without a time of their own get a wrong order.',
    })
  })

  it('knows a broker that refuses what it cannot keep from one that loses it', () => {
    expect(judgeQueue({ published: 5, acknowledged: 3, arrived: [0, 1, 2] }).meaning).toContain('refuses what it cannot keep')
    expect(judgeQueue({ published: 5, acknowledged: 4, arrived: [0, 1, 2] }).meaning).toContain('loses the newest')
  })
})

describe('redelivery', () => {
  const again = (numbers: number[], dup = true) => numbers.map((number) => ({ number, dup }))

  it('is well when all come again with DUP', () => {
    expect(judgeRedelivery({ unacknowledged: [0, 1], again: again([0, 1]) })).toMatchObject({
      verdict: 'ok',
      measured: '2 left unacknowledged, 2 came again on the next connection, 2 of them with DUP',
    })
  })

  it('warns when one comes again unmarked', () => {
    expect(judgeRedelivery({ unacknowledged: [0, 1], again: [...again([0]), ...again([1], false)] }).verdict).toBe('warning')
  })

  it('is bad when one does not come again, also when another came twice', () => {
    expect(judgeRedelivery({ unacknowledged: [0, 1], again: again([0, 0]) }).verdict).toBe('bad')
  })

  it('is bad when there was nothing to come again', () => {
    expect(judgeRedelivery({ unacknowledged: [], again: [] }).verdict).toBe('bad')
  })
})

describe('retained', () => {
  const good: RetainedFacts = { copy: { retain: true }, live: { retain: false }, repeatedOnSubscribe: false, cleared: true }

  it('is well when copies are marked and live messages are not', () => {
    expect(judgeRetained(good)).toMatchObject({
      verdict: 'ok',
      measured: 'the copy came with RETAIN=1, a live one with RETAIN=0, Retain Handling 1 was obeyed, an empty one removed it',
    })
    expect(judgeRetained({ ...good, repeatedOnSubscribe: null }).verdict).toBe('ok')
  })

  it.each<[Partial<RetainedFacts>, string]>([
    [{ copy: { retain: false } }, 'bad'],
    [{ live: { retain: true } }, 'bad'],
    [{ live: null }, 'bad'],
    [{ copy: null }, 'warning'],
    [{ repeatedOnSubscribe: true }, 'warning'],
    [{ cleared: false }, 'warning'],
  ])('%j is %s', (own, verdict) => {
    expect(judgeRetained({ ...good, ...own }).verdict).toBe(verdict)
  })
})

describe('shared', () => {
  const good: SharedFacts = {
    granted: 1,
    both: {
      published: 4,
      arrived: [
        [0, 2],
        [1, 3],
      ],
    },
    away: { published: 4, toOther: [0, 1, 2, 3], waited: [] },
    gone: { published: 4, held: 2, arrived: 4 },
  }

  it('is well when each message comes once and the others take over', () => {
    expect(judgeShared(good)).toEqual({
      id: 'shared',
      title: 'Shared subscription ($share)',
      verdict: 'ok',
      measured:
        '4 among two members: 2 and 2; one away: 4 of 4 went to the other, 0 waited; one gone for good with 2 in its hands: the other got 4 of 4',
      meaning: 'While an instance is away the others take its share. What a removed one had in its hands goes to the others.',
    })
  })

  it('says so when the share of one that is away waits', () => {
    expect(judgeShared({ ...good, away: { published: 4, toOther: [0, 2], waited: [1, 3] } })).toMatchObject({
      verdict: 'ok',
      meaning: 'The share of an instance that is away waits until it is back. What a removed one had in its hands goes to the others.',
    })
  })

  it('says so when one member gets all', () => {
    const both = { published: 2, arrived: [[0, 1], []] }
    expect(judgeShared({ ...good, both })).toMatchObject({
      verdict: 'ok',
      meaning: expect.stringMatching(/^One instance got everything, the other stands by\. While an instance is away/) as unknown,
    })
  })

  it('is bad when it is granted and brings nothing', () => {
    expect(judgeShared({ ...good, both: { published: 4, arrived: [[], []] } })).toMatchObject({
      verdict: 'bad',
      meaning: 'The subscription is granted and brings nothing. Leave MQTT_SHARE_GROUP empty.',
    })
  })

  it('warns when what a removed one held is lost', () => {
    expect(judgeShared({ ...good, gone: { published: 4, held: 2, arrived: 3 } }).verdict).toBe('warning')
  })

  it('warns when there is none', () => {
    expect(judgeShared({ granted: 158, both: null, away: null, gone: null })).toMatchObject({
      verdict: 'warning',
      measured: 'refused with code 158',
    })
  })

  it.each<[string, Partial<SharedFacts>]>([
    [
      'comes to both members',
      {
        both: {
          published: 4,
          arrived: [
            [0, 1, 2, 3],
            [0, 1, 2, 3],
          ],
        },
      },
    ],
    ['comes to none', { both: { published: 4, arrived: [[0], [1, 3]] } }],
    ['is lost while one is away', { away: { published: 4, toOther: [0, 2], waited: [1] } }],
  ])('is bad when a message %s', (_what, own) => {
    expect(judgeShared({ ...good, ...own }).verdict).toBe('bad')
  })
})
