import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { device, mapOf, messageOf, outcomeOf, pseudonym, shippedTopics } from '../../test/parse-kit.ts'
import { createTopicMap } from './topic-map.ts'

const withConfig = (changes: Record<string, unknown>) => mapOf({ ...shippedTopics(), ...changes })
const place = (topic: string, payload = '1') => {
  const { subject, storedTopic } = messageOf(topic, payload)
  return { ...subject, storedTopic }
}

describe('device topics', () => {
  it.each(['00-11-22-aa-bb-cc', '00:11:22:AA:BB:CC', '001122aabbcc', '0011.22AA.bbcc'])('%s is the same device', (mac) => {
    expect(messageOf(`dwr/311-a1/${mac}/hardware/loadavg`, '1 1 1').subject).toEqual({ kind: 'device', id: '00-11-22-aa-bb-cc' })
  })

  it('say product and model, which are facts', () => {
    expect(messageOf(`${device}/hardware/fan`, '1').bodies).toEqual([
      { kind: 'Measurements', items: [{ metric: 'hardware.fan', attributes: '', value: 1, quality: 'ok', observedAtMs: null }] },
      {
        kind: 'Facts',
        items: [
          { name: 'device.product', value: 'dwr', sealed: null },
          { name: 'device.model', value: '311-a1', sealed: null },
        ],
      },
    ])
  })

  it('may end in one empty level, which is the same metric', () => {
    expect(messageOf(`${device}/hardware/lte/`, '-97')).toEqual({
      ...messageOf(`${device}/hardware/lte`, '-97'),
      storedTopic: `${device}/hardware/lte/`,
    })
  })

  it.each([`/${device}/hardware/lte`, `dwr//00-11-22-33-44-55/hardware/lte`, `${device}/hardware/lte//`, ''])(
    '%s has an empty level elsewhere and is refused',
    (topic) => {
      expect(outcomeOf(topic, '1')).toMatchObject({ kind: 'refused', reason: 'TOPIC_EMPTY_LEVEL' })
    },
  )

  it('have a shape without the identity', () => {
    expect(outcomeOf(`${device}/hardware/loadavg`, 'x')).toMatchObject({
      kind: 'refused',
      reason: 'PAYLOAD_SHAPE',
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      topicShape: 'dwr/311-a1/+/hardware/loadavg',
    })
  })

  it('may name the device by an alias, which is not stored', () => {
    const topicMap = withConfig({ aliases: { '001122334455667': '00-11-22-33-44-55' } })
    const message = messageOf('dwr/311-a1/001122334455667/hardware/fan', '1', topicMap)
    expect([message.subject.id, message.storedTopic]).toEqual(['00-11-22-33-44-55', `${device}/hardware/fan`])
  })
})

describe('tasks', () => {
  it('requests are not ingested', () => expect(outcomeOf(`${device}/tasks/t1/request`, '{}').kind).toBe('ignored'))
  it('events carry their task', () => {
    expect(messageOf(`${device}/tasks/t1/event`, '{"state":"done"}').bodies[0]).toEqual({
      kind: 'TaskEvent',
      taskId: 't1',
      detail: '{"state":"done"}',
    })
  })
})

describe('places', () => {
  it('are the levels above the quantity', () => {
    expect(place('world/asia/taiwan/taipei/neihu/temperature').id).toBe('world/asia/taiwan/taipei/neihu')
    expect(place('world/europe/ireland/cork/temperature').id).toBe('world/europe/ireland/cork')
    expect(place('world/europe/germany/münchen/schwabing/temperature').id).toBe('world/europe/germany/münchen/schwabing')
  })

  it('households are known by a pseudonym; postcode and house are nowhere in clear', () => {
    const topic = 'germany/bavaria/nuremberg/90402/12a/livingroom/temperature'
    const id = `germany/bavaria/nuremberg/~${pseudonym('germany/bavaria/nuremberg/90402/12a')}`
    expect(messageOf(topic, '21.5')).toEqual({
      subject: { kind: 'place', id },
      storedTopic: `${id}/livingroom/temperature`,
      observedAtMs: null,
      bootId: null,
      seq: null,
      uptimeSeconds: null,
      bodies: [
        {
          kind: 'Measurements',
          items: [
            {
              metric: 'environment.temperature',
              attributes: '{"place.area":"livingroom"}',
              value: 21.5,
              quality: 'ok',
              observedAtMs: null,
            },
          ],
        },
      ],
      personalFacts: [{ name: 'place.name', value: 'germany/bavaria/nuremberg/90402/12a', masked: 'germany/bavaria/nuremberg/*' }],
      personal: true,
      profile: 'place',
      notes: [],
    })
  })

  it('a stored household topic gives the same household again, as in a re-drive', () => {
    const first = place('uk/england/london/sw1a-1aa/10/hall/door', 'open')
    expect(place(first.storedTopic, 'open')).toEqual(first)
  })

  it('a household without anything below the house still is one', () => {
    expect(place('germany/bavaria/nuremberg/hardware/lte', '{"temperature":1}').kind).toBe('place')
  })

  it.each([
    'germany/bavaria/nuremberg',
    '/germany/bavaria/nuremberg/90402/12a/x',
    'germany/bavaria//90402/12a/x',
    'germany/bavaria/nuremberg/90402/12a/a+b',
  ])('%s is refused without showing what may name a household', (topic) => {
    const outcome = outcomeOf(topic, '1')
    expect(outcome.kind).toBe('refused')
    expect(JSON.stringify(outcome)).not.toMatch(/bavaria|nuremberg|90402|12a/)
  })
})

describe('topics that are not ours', () => {
  it("the broker's own are ignored", () => expect(outcomeOf('$SYS/broker/uptime', '1').kind).toBe('ignored'))

  it('unmapped ones are refused by shape', () => {
    expect(outcomeOf('acme/sensors/356938035643809/state', '1')).toEqual({
      kind: 'refused',
      reason: 'TOPIC_UNMAPPED',
      detail: 'no family of topics.yaml matches 4 levels with "acme" first; level 3 "#" is no MAC and no alias, level 1 is no place root',
      subject: null,
      storedTopic: 'acme/sensors/356938035643809/state',
      topicShape: 'acme/sensors/+/state',
    })
  })

  it.each(['a/+/b', 'a/#', 'a/\0/b', 'a/\ufffd', 'a/\n'])('%j is refused and made printable', (topic) => {
    const outcome = outcomeOf(topic, '1')
    expect(outcome).toMatchObject({ kind: 'refused', reason: 'TOPIC_INVALID' })
    expect(JSON.stringify(outcome)).not.toMatch(/\\u00|\\n/)
  })

  it('too many levels or characters are refused', () => {
    expect(outcomeOf('a/'.repeat(60_000), '1')).toMatchObject({ reason: 'TOPIC_TOO_LONG' })
    expect(outcomeOf(Array(32).fill('a').join('/'), '1')).toMatchObject({ reason: 'TOPIC_UNMAPPED' })
    expect(outcomeOf(Array(33).fill('a').join('/'), '1')).toMatchObject({ reason: 'TOPIC_TOO_LONG' })
    expect(outcomeOf('a'.repeat(4_096), '1')).toMatchObject({ reason: 'TOPIC_UNMAPPED' })
    expect(outcomeOf('a'.repeat(4_097), '1')).toMatchObject({ reason: 'TOPIC_TOO_LONG' })
  })

  it('no topic makes it throw', () => {
    const level = fc.oneof(
      fc.constantFrom('', 'world', 'germany', 'uk', 'dwr', '00-11-22-33-44-55', 'hardware', 'tasks', 'status', '~', '__proto__'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(level, { maxLength: 10 }), (levels) => void outcomeOf(levels.join('/'), '1')),
      { numRuns: 2_000 },
    )
  })

  it('a million topics do not fill the memory', () => {
    const topicMap = mapOf(shippedTopics())
    for (let index = 0; index < 200_000; index++) topicMap.resolve(`dwr/311-a1/0011223${String(index).padStart(5, '0')}/hardware/x`)
    expect(topicMap.resolve(`${device}/hardware/lte`)).toMatchObject({ kind: 'route', profile: 'radio' })
  })
})

describe('an own mapping', () => {
  it('maps other patterns to subject, category, metric and profile', () => {
    const topicMap = withConfig({
      families: [
        {
          name: 'plant',
          pattern: 'plant/{hall}/{device}/t',
          subject: 'device',
          category: 'hardware',
          metric: 'temperature',
          profile: 'temperature',
        },
      ],
    })
    expect(messageOf('plant/3/001122334455/t', '21', topicMap)).toMatchObject({
      subject: { kind: 'device', id: '00-11-22-33-44-55' },
      bodies: [{ kind: 'Measurements', items: [{ metric: 'hw.temperature', value: 21 }] }],
    })
  })

  it.each([
    [null, /expected an object with families/],
    [{ families: [] }, /families: expected a list/],
    [{ family: [] }, /family: unknown key/],
    [{ placeRoots: ['a/b', 3] }, /placeRoots\[0\].*placeRoots\[1\]/],
    [{ aliases: { x: 'no mac' } }, /aliases\.x: expected a MAC/],
    [{ profiles: { 'a/b': 'loadavgg' } }, /profiles\.a\/b: expected one of/],
    [{ families: [{ pattern: '{device}/x', subject: 'device' }] }, /families\[0\]: expected \{category\}/],
    [{ families: [{ pattern: 'a/{x*}', subject: 'gadget' }] }, /families\[0\]\.subject.*families\[0\]\.pattern/],
    [{ families: [{ pattern: 'a/{quantity}/b', subject: 'place' }] }, /expected \{quantity\} as the last level/],
    [{ families: [{ pattern: '{household}/a/{household}/{quantity}', subject: 'household' }] }, /side by side/],
  ])('%j is refused with the path of each mistake', (changes, problem) => {
    const made = createTopicMap(changes === null ? null : { ...shippedTopics(), ...changes })
    expect(made.ok ? '' : made.reason).toMatch(problem)
  })
})
