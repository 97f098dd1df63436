/** Rule 50, also by broker: from its raise to its end, by the signals of time alone. */
import { describe, expect, it } from 'vitest'
import type { BrokerSignal } from '../../../model/fleet-signal.ts'
import { minuteMs } from '../../../test/fleet-fakes.ts'
import { shippedRules } from '../../../test/rule-kit.ts'
import { createSignalBench, type ToldSignal } from '../../../test/signal-bench.ts'
import { arrivalMs } from '../../../test/stage-fakes.ts'

const rules: ToldSignal = { ms: 0, body: { kind: 'rules', version: '1', rules: [...shippedRules().rules] } }
const without: ToldSignal['body'] = {
  kind: 'rules',
  version: '2',
  rules: shippedRules().rules.filter(({ id }) => id !== 'platform.ingest-lag'),
}
const there: BrokerSignal = { broker: 'mqtt://there', healthySinceMs: arrivalMs, fault: '' }
const broker = 'mqtt://away'
/** Since when it is back, in minutes; null: it is away. */
const timeOf = (ms: number, backMinutes: number | null): ToldSignal => ({
  ms,
  body: {
    kind: 'time',
    online: 1,
    healthySinceMs: arrivalMs,
    isResumed: false,
    brokers: [
      {
        broker,
        healthySinceMs: backMinutes === null ? null : arrivalMs + backMinutes * minuteMs,
        fault: backMinutes === null ? 'broker' : '',
      },
      there,
    ],
  },
})
const only: ToldSignal['body'] = { kind: 'time', online: 1, healthySinceMs: arrivalMs, isResumed: false, brokers: [there] }

const toldOf = (...signals: ToldSignal[]): string[] => {
  const bench = createSignalBench()
  bench.tell(rules, ...signals)
  return bench.rows.map(({ kind, qualifier, at, detail }) => {
    const cause = String(detail).includes('ruleRetired') ? ' ruleRetired' : ''
    return `${String(kind)} ${String(qualifier)} ${(Number(at) - arrivalMs) / minuteMs}${cause}`
  })
}
const raised = `AlarmRaised ${broker} 1`

describe('a broker that is away while another one is there', () => {
  it('is graver after five minutes, and over one deadline after it is back', () => {
    expect(toldOf(timeOf(minuteMs, null), timeOf(6 * minuteMs - 1, null))).toEqual([raised])
    expect(toldOf(timeOf(minuteMs, null), timeOf(6 * minuteMs, null))).toEqual([raised, `SeverityChanged ${broker} 6`])
    expect(toldOf(timeOf(minuteMs, null), timeOf(7 * minuteMs - 1, 2))).toEqual([raised])
    expect(toldOf(timeOf(minuteMs, null), timeOf(7 * minuteMs, 2))).toEqual([raised, `AlarmCleared ${broker} 7`])
  })

  it('is over when it is no longer one of ours', () => {
    expect(toldOf(timeOf(minuteMs, null), { ms: 2 * minuteMs, body: only })).toEqual([raised, `AlarmCleared ${broker} 2`])
  })

  it('is over with the cause ruleRetired when the rule is in force no more', () => {
    const gone = toldOf(timeOf(minuteMs, null), { ms: minuteMs, body: without }, timeOf(6 * minuteMs, null))
    expect(gone).toEqual([raised, `AlarmCleared ${broker} 1 ruleRetired`])
  })
})
