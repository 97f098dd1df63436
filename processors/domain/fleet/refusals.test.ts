/** Rule 64: shares of messages that cannot be read, by firmware and model, at their exact bounds. */
import { describe, expect, it } from 'vitest'
import { minuteMs } from '../../../test/fleet-fakes.ts'
import { shippedRules } from '../../../test/rule-kit.ts'
import { createSignalBench, timeAt, type ToldSignal } from '../../../test/signal-bench.ts'
import { arrivalMs } from '../../../test/stage-fakes.ts'
import { refusalGroupsMax, refusalsStandingMax, refusalWindowsMax } from './refusals.ts'

const windowMs = 15 * minuteMs
const rules: ToldSignal = { ms: 0, body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } }
const firmware = 'dwr/311-a1/1.2'

/** Told of the window `nth` when it is over. */
const told = (nth: number, messages: number, refused: number, changed: { firmware?: string; model?: string; partition?: number } = {}) => ({
  ms: (nth + 1) * windowMs,
  partition: changed.partition ?? 0,
  body: {
    kind: 'refusals' as const,
    firmware: changed.firmware ?? firmware,
    model: changed.model ?? 'dwr/311-a1',
    fromMs: arrivalMs + nth * windowMs,
    messages,
    refused,
  },
})
const over = (nth: number, partition = 0): ToldSignal => timeAt((nth + 1) * windowMs, partition)
const eventsOf = (...signals: ToldSignal[]): string[] => {
  const bench = createSignalBench()
  bench.tell(rules, ...signals)
  return bench.events()
}
const own = `group/firmware/${firmware}`

describe('messages of a firmware that cannot be read', () => {
  it('are an alarm above 1 % of them, not at it', () => {
    expect(eventsOf(told(0, 1_000, 10), over(0))).toEqual([])
    expect(eventsOf(told(0, 1_000, 11), over(0))).toEqual([`${own} AlarmRaised 15`, `${own} Correlated 15`])
  })

  it('are none while there are few messages, or few that cannot be read', () => {
    expect(eventsOf(told(0, 99, 50), over(0))).toEqual([])
    expect(eventsOf(told(0, 100, 4), over(0))).toEqual([])
    expect(eventsOf(told(0, 100, 5), over(0))).toHaveLength(2)
  })

  it('are over below 0.2 %, not at it, and not by a window of few messages', () => {
    const raised = [told(0, 1_000, 11), over(0)]
    expect(eventsOf(...raised, told(1, 1_000, 2), over(1), told(2, 99, 0), over(2), over(3))).toHaveLength(2)
    expect(eventsOf(...raised, told(1, 1_001, 2), over(1)).at(-1)).toBe(`${own} AlarmCleared 30`)
  })

  it('are over when too few messages came for a day', () => {
    const day = 24 * 60
    const quiet = eventsOf(told(0, 1_000, 11), over(0), timeAt((15 + day) * minuteMs - 1), timeAt((15 + day) * minuteMs))
    expect(quiet.at(-1)).toBe(`${own} AlarmCleared ${15 + day}`)
    expect(quiet).toHaveLength(3)
  })

  it('are over with the cause ruleRetired when the rule is in force no more, and are judged anew when it is again', () => {
    const bench = createSignalBench()
    const others = shippedRules().rules.filter(({ id }) => id !== 'platform.dead-letters')
    bench.tell(rules, told(0, 1_000, 11), over(0), { ms: 16 * minuteMs, body: { kind: 'rules', version: '2', rules: others } })
    expect(bench.events()).toEqual([`${own} AlarmRaised 15`, `${own} Correlated 15`, `${own} AlarmCleared 15`])
    expect(String(bench.rows.at(-1)?.['detail'])).toContain('ruleRetired')
    bench.tell(over(1), told(2, 1_000, 11), over(2), { ...rules, ms: 46 * minuteMs }, told(3, 1_000, 11), over(3))
    expect(bench.events().slice(3)).toEqual([`${own} AlarmRaised 60`, `${own} Correlated 60`])
  })

  it('are explained in words and numbers, with both levels', () => {
    const bench = createSignalBench()
    bench.tell(rules, told(0, 800, 12), over(0))
    const evidence = JSON.parse(String(bench.rows[0]?.['detail'])) as Record<string, unknown>
    expect(JSON.stringify(evidence)).toContain(`12 of 800 messages of firmware ${firmware} in 15 min (1.5 %) could not be read`)
    expect(bench.rows[0]?.['severity']).toBe('minor')
  })
})

describe('partitions', () => {
  it('are added up, and judged when all have passed the end of the window', () => {
    const bench = createSignalBench({ partitions: 2 })
    bench.tell(rules, timeAt(1, 0), timeAt(1, 1), told(0, 500, 11), over(0))
    expect(bench.events()).toEqual([])
    bench.tell(told(0, 600, 0, { partition: 1 }), over(0, 1))
    expect(bench.events()).toEqual([])
    bench.tell(told(1, 500, 6), over(1), told(1, 500, 5, { partition: 1 }), over(1, 1))
    expect(bench.events()).toEqual([`${own} AlarmRaised 30`, `${own} Correlated 30`])
  })

  it('batches of any size give the same', () => {
    const signals = [rules, told(0, 800, 12), over(0), told(1, 800, 1), over(1), told(2, 800, 30), over(2)]
    const [whole, single] = [createSignalBench(), createSignalBench({ batchRecords: 1 })]
    whole.tell(...signals)
    single.tell(...signals)
    expect(single.rows).toEqual(whole.rows)
    expect(whole.rows.map(({ kind }) => kind)).toEqual(['AlarmRaised', 'Correlated', 'AlarmCleared', 'AlarmRaised', 'Correlated'])
  })
})

describe('a model', () => {
  it('is judged without the firmwares that stand by themselves', () => {
    const unknown = { firmware: '' }
    expect(eventsOf(told(0, 1_000, 500), told(0, 1_000, 10, unknown), over(0))).toEqual([`${own} AlarmRaised 15`, `${own} Correlated 15`])
    const both = eventsOf(told(0, 60, 50), told(0, 940, 0, unknown), over(0))
    expect(both).toEqual(['group/model/dwr/311-a1 AlarmRaised 15', 'group/model/dwr/311-a1 Correlated 15'])
  })
})

describe('bounds', () => {
  it('of windows: the oldest is forgotten', () => {
    const bench = createSignalBench({ partitions: 2 })
    bench.tell(rules, timeAt(1, 1), ...Array.from({ length: refusalWindowsMax }, (_, nth) => told(nth, 1_000, 500)))
    expect(bench.limits).toEqual([])
    bench.tell(told(refusalWindowsMax, 1_000, 0))
    expect(bench.limits).toEqual(['fleet-refusal-windows'])
    expect([...bench.states.keys()].filter((key) => key.startsWith('refusals:'))).toHaveLength(refusalWindowsMax)
  })

  it('of firmwares in a window and of alarms at once: one beyond is not counted, not raised', () => {
    const of = (n: number) => told(0, 1_000, 500, { firmware: `dwr/311-a1/${n}` })
    const model = (n: number) => told(0, 1_000, 500, { firmware: '', model: `dwr/${n}` })
    const groups = createSignalBench()
    groups.tell(...Array.from({ length: refusalGroupsMax }, (_, n) => model(n)))
    expect(groups.limits).toEqual([])
    groups.tell(model(refusalGroupsMax))
    expect(groups.limits).toEqual(['fleet-refusal-groups'])
    const standing = createSignalBench()
    standing.tell(rules, ...Array.from({ length: refusalsStandingMax }, (_, n) => of(n)), over(0))
    expect([standing.limits, standing.rows.length]).toEqual([[], 2 * refusalsStandingMax])
    const beyond = createSignalBench()
    beyond.tell(rules, ...Array.from({ length: refusalsStandingMax + 1 }, (_, n) => of(n)), over(0))
    expect(beyond.limits).toContain('fleet-refusals-standing')
    expect(beyond.rows.length).toBe(2 * refusalsStandingMax)
  })
})
