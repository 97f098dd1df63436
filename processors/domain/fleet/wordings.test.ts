/** Rule 45: what a firmware never wrote, at its exact bounds: the week that only teaches, the third device, the day of its end. */
import { describe, expect, it } from 'vitest'
import { deviceOf, minuteMs } from '../../../test/fleet-fakes.ts'
import { shippedRules } from '../../../test/rule-kit.ts'
import { createSignalBench, timeAt, type ToldSignal } from '../../../test/signal-bench.ts'
import { arrivalMs } from '../../../test/stage-fakes.ts'
import { heardWordingsMax, knownWordingsMax, learnedFirmwaresMax, wordingsStandingMax } from './wordings.ts'

const dayMs = 24 * 60 * minuteMs
const weekMs = 7 * dayMs
const firmware = 'dwr/311-a1/1.2'
const own = `group/firmware/${firmware}`
const rules: ToldSignal = { ms: 0, body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } }
const printOf = (n: number): string => n.toString(16).padStart(16, '0')

const writes = (ms: number, device: number, print = 1, of = firmware): ToldSignal => ({
  ms,
  body: { kind: 'wording', device: deviceOf(device), firmware: of, fingerprint: printOf(print), line: `usb # fails ${print}` },
})
/** Any other wording at the beginning: the week of the firmware begins. */
const begins = writes(0, 0, 99_999)
const eventsOf = (...signals: ToldSignal[]): string[] => {
  const bench = createSignalBench()
  bench.tell(rules, begins, ...signals)
  return bench.events()
}
const three = (ms: number, print = 1): ToldSignal[] => [1, 2, 3].map((device) => writes(ms, device, print))

describe('a wording that a firmware never had', () => {
  it('is an alarm of its third device, not of the second nor of one that says it again', () => {
    const time = timeAt(weekMs)
    expect(eventsOf(time, writes(weekMs, 1), writes(weekMs, 2), writes(weekMs, 2))).toEqual([])
    expect(eventsOf(time, ...three(weekMs))).toEqual([`${own} AlarmRaised 10080`, `${own} Correlated 10080`])
  })

  it('is only learned before the firmware has been heard for a week, and is nothing new then', () => {
    expect(eventsOf(timeAt(weekMs - 1), ...three(weekMs - 1), ...three(weekMs))).toEqual([])
    expect(eventsOf(timeAt(weekMs), ...three(weekMs))).toHaveLength(2)
  })

  it('is counted from the first message of the firmware, though its log had said nothing', () => {
    const bench = createSignalBench()
    const silent = { kind: 'refusals' as const, firmware, model: 'dwr/311-a1', fromMs: arrivalMs, messages: 1, refused: 0 }
    bench.tell(rules, { ms: 15 * minuteMs, body: silent }, timeAt(weekMs), ...three(weekMs))
    expect(bench.events()).toHaveLength(2)
  })

  it('of another firmware is of no matter', () => {
    expect(eventsOf(timeAt(weekMs), writes(weekMs, 1), writes(weekMs, 2), writes(weekMs, 3, 1, 'dwr/311-a1/1.3'))).toEqual([])
  })

  it('is over a day after the last device that began to write it', () => {
    const last = weekMs + 60 * minuteMs
    const events = eventsOf(timeAt(weekMs), ...three(weekMs), writes(last, 4), timeAt(last + dayMs - 1), timeAt(last + dayMs))
    expect(events).toEqual([`${own} AlarmRaised 10080`, `${own} Correlated 10080`, `${own} AlarmCleared ${10_080 + 60 + 1_440}`])
  })

  it('beside others is one alarm of the firmware, explained in words and numbers', () => {
    const bench = createSignalBench()
    const later = weekMs + 20 * minuteMs
    bench.tell(rules, begins, timeAt(weekMs), ...three(weekMs), timeAt(later), ...three(later, 2))
    expect(bench.rows.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'Correlated', 'EvidenceUpdated'])
    const [first = '', , second = ''] = bench.rows.map(({ detail }) => String(detail).replaceAll('\\"', "'"))
    expect(first).toContain(`3 devices of firmware ${firmware} write what it had never written: 'usb # fails 1'`)
    expect(second).toContain(`'usb # fails 2'; since the alarm began 1 other new wording`)
  })

  it('is over with the cause ruleRetired when the rule is in force no more', () => {
    const bench = createSignalBench()
    const others = shippedRules().rules.filter(({ id }) => id !== 'fw.new-fingerprint')
    const changed: ToldSignal = { ms: weekMs + minuteMs, body: { kind: 'rules', version: '2', rules: others } }
    bench.tell(rules, begins, timeAt(weekMs), ...three(weekMs), timeAt(weekMs + minuteMs), changed, timeAt(weekMs + dayMs))
    expect(bench.rows.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'Correlated', 'AlarmCleared'])
    expect(String(bench.rows.at(-1)?.['detail'])).toContain('ruleRetired')
  })

  it('batches of any size give the same', () => {
    const signals = [rules, begins, timeAt(weekMs), ...three(weekMs), ...three(weekMs, 2), timeAt(weekMs + dayMs)]
    const [whole, single] = [createSignalBench(), createSignalBench({ batchRecords: 1 })]
    whole.tell(...signals)
    single.tell(...signals)
    expect(single.rows).toEqual(whole.rows)
    expect(whole.rows.at(-1)?.['kind']).toBe('AlarmCleared')
  })
})

describe('bounds', () => {
  const many = <T>(length: number, of: (n: number) => T): T[] => Array.from({ length }, (_, n) => of(n))
  const limitsOf = (...signals: ToldSignal[]): string[] => {
    const bench = createSignalBench({ batchRecords: 10_000 })
    bench.tell(rules, ...signals)
    return [...new Set(bench.limits)]
  }

  it('of known wordings: the oldest is forgotten', () => {
    expect(limitsOf(...many(knownWordingsMax, (n) => writes(0, 1, n)))).toEqual([])
    expect(limitsOf(...many(knownWordingsMax + 1, (n) => writes(0, 1, n)))).toEqual(['fleet-wordings-known'])
  })

  it('of wordings of too few devices: the oldest has to begin again', () => {
    const heard = [begins, ...many(heardWordingsMax, (n) => writes(weekMs, 1, n))]
    expect(limitsOf(...heard)).toEqual([])
    expect(limitsOf(...heard, writes(weekMs, 1, 1_000))).toEqual(['fleet-wordings-heard'])
  })

  it('of firmwares: the one that was silent longest learns anew', () => {
    const of = (n: number): ToldSignal => writes(0, 1, 1, `dwr/311-a1/${n}`)
    expect(limitsOf(...many(learnedFirmwaresMax, of))).toEqual([])
    const bench = createSignalBench()
    bench.tell(rules, ...many(learnedFirmwaresMax, of), of(0), of(learnedFirmwaresMax))
    expect(bench.limits).toEqual(['fleet-firmwares'])
    expect([bench.states.has('firmware:dwr/311-a1/0'), bench.states.has('firmware:dwr/311-a1/1')]).toEqual([true, false])
  })

  it('of alarms at once: one more is not raised', () => {
    const of = (ms: number, length: number, devices: number[]) =>
      many(length, (n) => devices.map((device) => writes(ms, device, ms === 0 ? 99 : 1, `dwr/311-a1/${n}`))).flat()
    const bench = createSignalBench({ batchRecords: 10_000 })
    const more = wordingsStandingMax + 1
    bench.tell(rules, ...of(0, more, [1]), timeAt(weekMs), ...of(weekMs, more, [1, 2, 3]))
    expect(bench.limits).toEqual(['fleet-wordings-standing'])
    expect(bench.rows).toHaveLength(2 * wordingsStandingMax)
  })
})
