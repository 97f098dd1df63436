import { describe, expect, it } from 'vitest'
import { type TryFacts, tryReport } from './report.ts'

const facts: TryFacts = {
  broker: 'mqtts://broker.example:8883',
  connected: true,
  seconds: 50,
  granted: [{ filter: '#', qos: 1 }],
  problems: [],
  received: { qos0: 25, qos1: 75, qos2: 0, storedCopies: 3, redelivered: 0 },
  devices: { count: 2, unregistered: 1, first: [{ id: '00-11-22-33-44-55', model: '311-a1', name: 'Depot 7', messages: 60 }] },
  places: 1,
  notUnderstood: [
    { shape: 'acme/+/t', reason: 'TOPIC_UNMAPPED', count: 9, example: 'acme/device-12345/t', detail: '' },
    { shape: 'lamp', reason: 'TOPIC_UNMAPPED', count: 2, example: 'lamp', detail: '' },
    { shape: 'a/b/+/hardware/cpu', reason: 'JSON_INVALID', count: 1, example: '', detail: 'expected JSON, got "x"' },
  ],
  provableShare: 0.5,
  clocks: {
    wrong: 1,
    known: 2,
    first: [{ id: '00-11-22-33-44-55', words: 'ahead' }],
    behind: [{ id: '00-11-22-33-44-66', behindMs: 7_200_400 }],
  },
}

describe('report of listening in', () => {
  it('says what was understood, what was not and the line that would mend it', () => {
    expect(tryReport(facts)).toBe(`Listening in on mqtts://broker.example:8883, 50 s

Subscription
  #: granted with QoS 1

Messages
  100 in 50 s, 2.0 a second: QoS 0 25, QoS 1 75, QoS 2 0
  3 were copies that the broker keeps (retained); they say what was, and count as no reading
  25 % came with QoS 0: what is lost of them on the way is not sent again

Devices
  2 recognised, 1 of them not in the list that was given; 1 places
  00-11-22-33-44-55  311-a1  Depot 7  60 messages

Topics not understood
  acme/+/t  9 messages, such as acme/device-12345/t
      for topics.yaml, below families:  - { name: acme, pattern: "acme/{device}/{metric+}", subject: device, category: acme }
      and below aliases, for each device:  "device-12345": "<its MAC>"
  lamp  2 messages, such as lamp
      no level looks like a device; a family of your own, or leave it out with MQTT_TOPICS
  a/b/+/hardware/cpu  1 messages, JSON_INVALID: expected JSON, got "x"

Proof of delivery
  50 % of the senders number their messages (bootId and seq); of the others it cannot be proven that nothing is missing

Clocks
  1 of 2 are wrong
  00-11-22-33-44-55  ahead
  00-11-22-33-44-66  its freshest data are 7200 s old: a clock that is behind, or an upload of the past
`)
  })

  it('says that nothing came, and why', () => {
    const nothing = tryReport({
      ...facts,
      connected: false,
      granted: [{ filter: '#', qos: null }],
      problems: ['refused', 'refused'],
      received: { qos0: 0, qos1: 0, qos2: 0, storedCopies: 0, redelivered: 0 },
      devices: { count: 0, unregistered: null, first: [] },
      places: 0,
      notUnderstood: [],
      provableShare: null,
      clocks: { wrong: 0, known: 0, first: [], behind: [] },
    })
    expect(nothing).toContain('Subscription\n  not connected\n  #: refused\n  refused\n\n')
    expect(nothing).toContain('Topics not understood\n  none\n')
    expect(nothing).toContain('nothing was received that could be counted')
    expect(nothing).toContain('no device tells a time')
  })
})
