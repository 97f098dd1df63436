import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { device, linesOf, outcomeOf } from '../../test/parse-kit.ts'
import { numberWithUnit } from './units.ts'

describe('a number with its unit', () => {
  it.each([
    ['-97 dBm', 'dBm', -97],
    ['-97dBm', 'dBm', -97],
    [' +8.6 dB ', 'dB', 8.6],
    ['51.2 °C', 'Cel', 51.2],
    ['124 °F', 'Cel', 51.111111111],
    ['300 K', 'Cel', 26.85],
    ['12.3 %', '1', 0.123],
    ['45%', '%', 45],
    ['120 MB', 'By', 125_829_120],
    ['1.5 KiB', 'By', 1536],
    ['100 Mbit/s', 'By/s', 12_500_000],
    ['1200 ms', 's', 1.2],
    ['2 h', 's', 7200],
    ['0.5 s', 'ms', 500],
    ['3300 mV', 'V', 3.3],
    ['101325 Pa', 'hPa', 1013.25],
    ['1 kWh', 'kW.h', 1],
    ['-97 dB', 'dBm', undefined],
    ['20 MHz', 'dBm', undefined],
    ['5 m', 's', undefined],
    ['1200 rpm', '{thread}', undefined],
    ['dBm', 'dBm', undefined],
    ['-97', 'dBm', undefined],
    ['-97 dBm or so', 'dBm', undefined],
    ['1-2 s', 's', undefined],
  ])('%s in %s is %s', (text, unit, expected) => expect(numberWithUnit(text, unit)).toBe(expected))

  it('of any text never throws, and is finite where the number is', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), fc.constantFrom(' ', ''), fc.constantFrom('dBm', '°C', 'MB', '%', 's', 'x'))
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, fc.constantFrom('dBm', 'Cel', 'By', '1', 's'), (value, unit) => {
        const number = numberWithUnit(value, unit)
        expect(number === undefined || Number.isFinite(number)).toBe(true)
      }),
    )
  })
})

describe('texts with units in payloads', () => {
  it.each([
    ['hardware/lte', '-97 dBm', 'radio rat=LTE rsrpDbm=-97'],
    ['hardware/lte', '{"rsrp":"-97 dBm","carriers":[{"role":"PCC","bandwidth":"20 MHz"}]}', 'radio rat=LTE rsrpDbm=-97'],
    ['hardware/temperature', '124 °F', 'hw.temperature 51.111111111'],
    ['hardware/temperature', '{"cpu":"51.2 °C"}', 'hw.temperature{hw.name:cpu} 51.2'],
    ['hardware/cpu', '{"utilization":"12.3 %"}', 'system.cpu.utilization 0.123'],
    ['hardware/memory', '{"total":"120 MB"}', 'system.memory.limit 125829120'],
    ['hardware/memory', '{"total":"120 V"}', 'fact hardware.memory.total "120 V"'],
    ['hardware/fan', '{"speed":"1200 rpm"}', 'fact hardware.fan.speed "1200 rpm"'],
    ['network/probe', '25 ms', 'network.probe.rtt.avg 25'],
  ])('%s %s', (metric, payload, expected) => expect(linesOf(outcomeOf(`${device}/${metric}`, payload))[0]).toBe(expected))

  it('of places too', () => {
    expect(linesOf(outcomeOf('world/asia/taiwan/taipei/neihu/temperature', '23.4 °C'))).toEqual(['environment.temperature 23.4'])
    expect(linesOf(outcomeOf('world/asia/taiwan/taipei/neihu/humidity', '71 %'))).toEqual(['environment.humidity 71'])
  })
})
