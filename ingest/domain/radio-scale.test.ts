import { describe, expect, it } from 'vitest'
import { parseRadioScales, scaledReading, scaleOf, scalesOfModel } from './radio-scale.ts'

const parsed = (...entries: unknown[]) => {
  const problems: string[] = []
  return { scales: parseRadioScales(entries, problems), problems }
}

describe('the model of a radio scale', () => {
  it.each([
    ['dwr/925-b1', true],
    ['DWR/925-*', true],
    ['dwr/*', true],
    ['*', true],
    ['*/925-b1', true],
    ['*925*', true],
    ['d*9*b1', true],
    ['dwr/925', false],
    ['dwr/925-b1*b1', false],
    ['*b2', false],
    ['dwr/9.5-b1', false],
  ])('%s: %s', (model, fits) => expect(scalesOfModel(parsed({ model, rsrp: 0.1 }).scales, 'dwr', '925-b1').length === 1).toBe(fits))

  it('takes no time to speak of, however long the topic', () => {
    const { scales } = parsed({ model: `${'*a'.repeat(50)}*b`, rsrp: 0.1 })
    const startedAtMs = performance.now()
    for (let round = 0; round < 1_000; round++) scalesOfModel(scales, 'a'.repeat(4_000), 'a')
    expect(performance.now() - startedAtMs).toBeLessThan(2_000)
  })
})

it('the first that fits counts, for each reading apart', () => {
  const { scales, problems } = parsed(
    { model: '*', source: 'QENG', rat: 'NR', rsrp: 0.1 },
    { modem: 'EC25*', sinr: { factor: 0.2, offset: -20 } },
    { model: '*', rsrp: 0.01 },
  )
  expect(problems).toEqual([])
  const scaled = (reading: 'rsrp' | 'sinr' | 'rsrq', value: number, source: 'QENG' | 'json', rat: string | null, modem: string | null) =>
    scaledReading(scaleOf(scales, reading, source, rat, modem), value)
  expect([
    scaled('rsrp', -1015, 'QENG', 'NR', null),
    scaled('rsrp', -10150, 'QENG', 'LTE', null),
    scaled('rsrp', -10150, 'json', null, null),
    scaled('sinr', 143, 'QENG', 'LTE', 'EC25-E'),
    scaled('sinr', 12, 'QENG', 'LTE', null),
    scaled('rsrq', -11, 'QENG', 'NR', 'EC25-E'),
  ]).toEqual([-101.5, -101.5, -101.5, 8.6, 12, -11])
})

it.each([
  [{ rsrp: 0.1 }, 'radioScales[0]: expected model ("<product>/<model>", * for any characters) or modem'],
  [{ model: '*' }, 'radioScales[0]: expected a factor for one of rsrp, rsrq, sinr, rssi'],
  [{ model: '*', rsrp: 0 }, 'radioScales[0].rsrp: expected a factor such as 0.1, or {factor: 0.2, offset: -20}, got 0'],
  [
    { model: '*', rsrp: { factor: 1, shift: 2 } },
    'radioScales[0].rsrp: expected a factor such as 0.1, or {factor: 0.2, offset: -20}, got {"factor":1,"shift":2}',
  ],
  [{ model: 7, rsrp: 1 }, 'radioScales[0].model: expected text of at most 200 characters, got 7'],
  [{ model: '*', rsrp: 1, rscp: 1 }, 'radioScales[0].rscp: unknown key; known are model, modem, source, rat, rsrp, rsrq, sinr, rssi'],
])('%j is told', (entry, expected) => expect(parsed(entry).problems).toEqual([expected]))
