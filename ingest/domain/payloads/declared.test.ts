import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mutatedOf } from '../../../test/mutated-payloads.ts'
import { device, linesOf, mapOf, messageOf, outcomeOf, shippedTopics } from '../../../test/parse-kit.ts'
import { createTopicMap } from '../topic-map.ts'

const config = (fields: unknown, more: object = {}) => ({
  ...shippedTopics(),
  declaredProfiles: { acme: { fields, ...more } },
  profiles: { 'acme/status': 'acme' },
})
const topic = `${device}/acme/status`
const lines = (fields: unknown, payload: unknown, more: object = {}) =>
  linesOf(outcomeOf(topic, JSON.stringify(payload), mapOf(config(fields, more))))

describe('a declared profile', () => {
  it('is read whole', () => {
    const fields = {
      when: { envelope: 'time' },
      boot: { envelope: 'bootId' },
      n: { envelope: 'seq' },
      'cpu.t': { metric: 'hw.temperature', scale: 0.1, attributes: { 'hw.name': 'cpu' } },
      'modem.level': { radio: 'rsrp' },
      fw: { fact: 'firmware.version' },
      owner: { personal: 'owner.name' },
    }
    expect(
      messageOf(
        topic,
        '{"when":1767602403,"boot":"b1","n":7,"cpu":{"t":512},"modem":{"level":-97},"fw":"4.2","owner":"Erika Muster"}',
        mapOf(config(fields)),
      ),
    ).toMatchObject({
      observedAtMs: 1767602403000,
      bootId: 'b1',
      seq: 7,
      profile: 'acme',
      personal: true,
      personalFacts: [{ name: 'owner.name', value: 'Erika Muster', masked: '********ster' }],
      bodies: [
        { kind: 'Radio', rsrpDbm: -97 },
        {
          kind: 'Measurements',
          items: [{ metric: 'hw.temperature', attributes: '{"hw.name":"cpu"}', value: 51.2, quality: 'ok', observedAtMs: null }],
        },
        { kind: 'Facts', items: [{ name: 'firmware.version', value: '4.2', sealed: null }] },
        { kind: 'Facts' },
      ],
      notes: [],
    })
  })

  it.each([
    ['a unit', { t: { metric: 'hw.temperature', unit: '°F' } }, { t: 212 }, ['hw.temperature 100']],
    ['a text with its own unit, which counts more', { t: { metric: 'hw.temperature', unit: '°F' } }, { t: '40 °C' }, ['hw.temperature 40']],
    ['scale and offset', { s: { metric: 'cellular.sinr', scale: 0.2, offset: -20 } }, { s: 143 }, ['cellular.sinr 8.6']],
    ['own markers', { t: { metric: 'hw.temperature', missing: [0, 'off'] } }, { t: 0 }, ['hw.temperature null (missing)']],
    ['own markers as words', { t: { metric: 'hw.temperature', missing: [0, 'off'] } }, { t: ' off ' }, ['hw.temperature null (missing)']],
    ['a marker written as text', { t: { metric: 'hw.temperature', missing: [0] } }, { t: '0' }, ['hw.temperature null (missing)']],
    [
      'the range of the catalogue',
      { t: { metric: 'hw.temperature' } },
      { t: 201 },
      ['hw.temperature null (out_of_range)', 'note: hw.temperature 201 is outside -90..200 Cel: no reading'],
    ],
    ['a metric of its own', { r: { metric: 'acme.fan.rpm', scale: 60 } }, { r: 20 }, ['acme.fan.rpm 1200']],
    [
      'a word where a number is due',
      { r: { metric: 'acme.fan.rpm' } },
      { r: 'stuck' },
      ['fact acme.fan.rpm "stuck"', 'note: r: expected a number for acme.fan.rpm, got stuck'],
    ],
    ['a counter', { b: { metric: 'system.network.io', unit: 'KiB' } }, { b: 3 }, ['counter system.network.io 3072']],
    [
      'a counter that lost its exactness',
      { b: { metric: 'system.network.io' } },
      { b: 9007199254740992 },
      ['dead letter INTEGER_NOT_EXACT: expected system.network.io below 2^53, got 9007199254740992'],
    ],
    [
      'stars',
      { 'if.*.*.b': { metric: 'acme.bytes', attributes: { 'acme.if': '{1}', 'acme.way': '{2}' } } },
      { if: { eth0: { rx: { b: 1 }, tx: { b: 2 } } } },
      ['acme.bytes{acme.if:eth0,acme.way:rx} 1', 'acme.bytes{acme.if:eth0,acme.way:tx} 2'],
    ],
    [
      'the text beside',
      { 's.*.v': { metric: 'hw.temperature', attributes: { 'hw.name': '{n}' } }, 's.*.n': { ignore: true } },
      { s: [{ n: 'cpu', v: 1 }, { v: 2 }] },
      ['hw.temperature{hw.name:cpu} 1', 'hw.temperature 2'],
    ],
    [
      'a key before a star',
      { 'a.*': { metric: 'acme.any.value', attributes: { 'acme.key': '{1}' } }, 'a.b': { fact: 'acme.b' } },
      { a: { b: 'x', c: 1 } },
      ['acme.any.value{acme.key:c} 1', 'fact acme.b "x"'],
    ],
    ['keys with dots', { 'a\\.b.c': { fact: 'acme.c' } }, { 'a.b': { c: 'x' } }, ['fact acme.c "x"']],
    ['a list of words', { l: { fact: 'acme.list' } }, { l: ['a', 'b'] }, ['fact acme.list "a,b"']],
    ['a list at the top', { '*.t': { metric: 'hw.temperature' } }, [{ t: 1 }, { t: 2 }], ['hw.temperature 1', 'hw.temperature 2']],
    [
      'radio parts, scaled',
      { x: { radio: 'rsrp', scale: 0.1 }, y: { radio: 'rat' }, z: { radio: 'cell' } },
      { x: -970, y: 'LTE', z: '2F1A30B' },
      ['radio rat=LTE mode=LTE cellId=49390347 enbId=192931 rsrpDbm=-97'],
    ],
    [
      'what it does not name',
      { a: { ignore: true } },
      { a: 1, b: { cC: 2, imei: '001122334455667' } },
      ['acme.status.b.c_c 2', 'personal modem.imei "***********5667"'],
    ],
  ])('reads %s', (_name, fields, payload, expected) => expect(lines(fields, payload)).toEqual(expected))

  it('leaves out what it does not name when it says so, but seals identifiers', () => {
    expect(lines({ a: { ignore: true } }, { b: 2, c: { imei: '001122334455667' } }, { unknown: 'drop' })).toEqual([
      'personal modem.imei "***********5667"',
    ])
  })

  it('seals identifiers in what it ignores', () => {
    expect(lines({ a: { ignore: true } }, { a: [{ imei: '001122334455667' }] })).toEqual(['personal modem.imei "***********5667"'])
  })

  it('may be named by a family', () => {
    const map = mapOf({
      families: [{ pattern: 'acme/{device}/{metric+}', subject: 'device', category: 'acme', profile: 'acme' }],
      declaredProfiles: { acme: { fields: { t: { metric: 'hw.temperature' } } } },
    })
    expect(linesOf(outcomeOf('acme/001122334455/x', '{"t":5}', map))).toEqual(['hw.temperature 5'])
  })

  it('wants JSON', () =>
    expect(linesOf(outcomeOf(topic, '51.2', mapOf(config({ t: { metric: 'hw.temperature' } }))))[0]).toMatch(
      /^dead letter PAYLOAD_SHAPE: expected JSON for the profile acme/,
    ))
})

describe('a mapping with mistakes', () => {
  const reasonOf = (changes: object): string => {
    const made = createTopicMap({ ...shippedTopics(), ...changes })
    return made.ok ? 'fine' : made.reason
  }
  const mistakeOf = (spec: unknown, path = 'a') => reasonOf({ declaredProfiles: { acme: { fields: { [path]: spec } } } })
  const at = 'declaredProfiles.acme.fields.a'

  it.each([
    [{}, `${at}: expected one of metric, fact, personal, radio, envelope, ignore, got none`],
    [{ metric: 'x.y', fact: 'z' }, `${at}: expected one of metric, fact, personal, radio, envelope, ignore, got metric and fact`],
    ['hw.temperature', `${at}: expected an object with one of metric, fact, personal, radio, envelope, ignore, got "hw.temperature"`],
    [{ metric: 'Temp' }, `${at}.metric: expected a name such as hw.temperature or acme.fan.rpm, got "Temp"`],
    [{ fact: '' }, `${at}.fact: expected a name such as firmware.version, got ""`],
    [{ ignore: false }, `${at}.ignore: expected true, got false`],
    [{ metric: 'hw.temperature', unit: 'V' }, `${at}.unit: expected a unit that converts to Cel, got "V"`],
    [{ metric: 'acme.t', unit: 'Cel' }, `${at}.unit: only a metric of the catalogue has a unit to convert to; use scale`],
    [{ metric: 'hw.temperature', unit: 'K', scale: 2 }, `${at}: expected unit, or scale and offset, got both`],
    [{ metric: 'acme.t', scale: 0 }, `${at}.scale: expected a number other than 0, got 0`],
    [{ metric: 'acme.t', offset: '1' }, `${at}.offset: expected a number, got "1"`],
    [{ fact: 'x', scale: 2 }, `${at}: expected unit, scale and offset at a metric or radio reading only`],
    [{ fact: 'x', attributes: { a: 'b' } }, `${at}.attributes: expected attributes at a metric only`],
    [{ metric: 'acme.t', attributes: { a: '{1}' } }, `${at}.attributes.a: {1} is the text that * number 1 matched; the path has 0`],
    [{ metric: 'acme.t', attributes: { 'A B': 'x' } }, `${at}.attributes.A B: expected a name such as hw.name`],
    [{ metric: 'acme.t', missing: [{}] }, `${at}.missing: expected numbers and words, got {}`],
    [
      { metric: 'acme.t', unti: 'V' },
      `${at}.unti: unknown key; known are metric, fact, personal, radio, envelope, ignore, unit, scale, offset, missing, attributes`,
    ],
  ])('%j', (spec, expected) => expect(mistakeOf(spec)).toBe(expected))

  it.each(['', 'a..b', '.a', 'a.', 'a\\'])('path "%s"', (path) => expect(mistakeOf({ fact: 'x' }, path)).toContain('joined by "."'))

  it('radio and envelope name what they know', () => {
    expect(mistakeOf({ radio: 'level' })).toContain(`${at}.radio: expected one of rat, mode,`)
    expect(mistakeOf({ envelope: 'ts' })).toBe(`${at}.envelope: expected one of time, bootId, seq, uptime, got "ts"`)
  })

  it('is told whole, every mistake with its place', () => {
    const reason = reasonOf({
      declaredProfiles: { quectel: { fields: { a: { fact: 'x' } } }, Acme: { fields: {}, unknown: 'maybe', more: 1 }, b: 7 },
      profiles: { 'acme/status': 'nope', 'acme/other': 'declared' },
      radioScales: [{ rsrp: 0 }, { model: 'x', source: 'AT', rat: '5G' }, 1],
    })
    expect(reason.split(/; (?=declared|profiles|radioScales)/).map((problem) => problem.split(':')[0])).toEqual([
      'declaredProfiles.quectel',
      'declaredProfiles.Acme',
      'declaredProfiles.Acme.more',
      'declaredProfiles.Acme.unknown',
      'declaredProfiles.Acme.fields',
      'declaredProfiles.b',
      'profiles.acme/status',
      'profiles.acme/other',
      'radioScales[0]',
      'radioScales[0].rsrp',
      'radioScales[1].source',
      'radioScales[1].rat',
      'radioScales[1]',
      'radioScales[2]',
    ])
  })

  it('1,000 paths are read, one more is a mistake', () => {
    const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, { fact: 'x' }]))
    expect(reasonOf({ declaredProfiles: { acme: { fields: fields(1_000) } } })).toBe('fine')
    expect(reasonOf({ declaredProfiles: { acme: { fields: fields(1_001) } } })).toBe(
      'declaredProfiles.acme.fields: expected at most 1000 paths',
    )
  })

  it('a family that takes its device from the payload begins with a word', () => {
    const family = { pattern: '{product}/{device}/{metric+}', subject: 'device', category: 'x', identity: 'payload' }
    expect(reasonOf({ families: [family] })).toContain(
      'families[0].identity: payload needs subject device, {device}, and a pattern that begins with a word',
    )
    expect(reasonOf({ families: [{ ...family, pattern: 'x/{device}/{metric+}', identity: 'guess', storeRates: 'rates' }] })).toContain(
      'families[0].identity: expected topic or payload',
    )
  })
})

it('no table and payload throw', () => {
  const map = mapOf(
    config({
      'a.*.b': { metric: 'hw.temperature', attributes: { 'hw.name': '{1}', 'hw.id': '{c}' } },
      x: { radio: 'carriers' },
      t: { envelope: 'time' },
      s: { envelope: 'seq' },
      f: { fact: 'f' },
      c: { metric: 'system.network.io' },
    }),
  )
  const key = fc.constantFrom('a', 'b', 'c', 'x', 't', 's', 'f', '__proto__', 'constructor')
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 0 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 4 }),
    ),
  }))
  fc.assert(
    fc.property(value, mutatedOf(['{"a":{"p":{"b":1,"c":"x"}},"t":1767602403,"x":[{"rsrp":-90}]}']), (payload, text) => {
      outcomeOf(topic, JSON.stringify(payload), map)
      outcomeOf(topic, text, map)
    }),
    { numRuns: 3_000 },
  )
})
