/** Each rule of the shipped pack raises and clears exactly at the levels that its file states; made from the files, not copied. */
import { describe, expect, it } from 'vitest'
import { type Level, type LevelCondition, type Matcher, type Rule, ropMs } from '../../../model/rule.ts'
import { allOn, createRuleDevice, hourMs, minuteMs, type RuleDevice, shippedRules, startMs } from '../../../test/rule-kit.ts'
import type { RuleInput } from './evaluate.ts'

const pack = allOn(shippedRules())
const own = pack.rules.filter(({ scope }) => scope === 'device')
const ofForm = <F extends Rule['condition']['form']>(form: F) =>
  own.flatMap((rule) =>
    rule.condition.form === form ? [[rule.id, rule, rule.condition as Extract<Rule['condition'], { form: F }>] as const] : [],
  )

/** Only this rule, so that others say nothing between. */
const alone = (rule: Rule, profile = {}): RuleDevice => {
  const device = createRuleDevice({ rules: [{ ...rule, dependsOn: [] }], overrides: [] }, profile)
  device.heard(startMs - 60 * 86_400_000)
  return device
}
const tiny = 1e-6
const isUp = ({ op }: Level) => op === 'above' || op === 'atLeast'
const isIncluded = ({ op }: Level) => op === 'atLeast' || op === 'atMost'
/** The first value that reaches the level, and the last that does not. */
const reaching = (level: Level): number => (isIncluded(level) ? level.value : level.value + (isUp(level) ? tiny : -tiny))
const missing = (level: Level): number => (isIncluded(level) ? level.value + (isUp(level) ? -tiny : tiny) : level.value)

const firstWord = (patterns: readonly string[] | undefined): string => (patterns?.[0] ?? 'x').replaceAll('*', 'x')
const attributesText = (only: Readonly<Record<string, readonly string[]>>): string => {
  const entries = Object.entries(only).map(([name, patterns]) => [name, firstWord(patterns)])
  return entries.length === 0 ? '' : JSON.stringify(Object.fromEntries(entries))
}

describe('rules with a level', () => {
  const plain = ofForm('level').filter(
    ([, , { signal, baseline, aggregate }]) =>
      baseline === null && aggregate !== 'slope' && !(signal.of === 'radio' && ['ratDrop', 'aggregationLost'].includes(signal.name)),
  )
  const readingOf = ({ signal }: LevelCondition, value: number, atMs: number): RuleInput => {
    switch (signal.of) {
      case 'metric':
        return { kind: 'measurement', metric: signal.name, attributes: attributesText(signal.attributes), value, atMs }
      case 'counter':
        return { kind: 'counter', metric: signal.name, attributes: attributesText(signal.attributes), delta: value * 60, seconds: 60, atMs }
      case 'clock':
        return { kind: 'clock', skewMs: value, atMs }
      case 'radio':
        return {
          kind: 'radio',
          atMs,
          reading: {
            rat: 'LTE',
            cellId: 7,
            rsrpDbm: -90,
            rsrqDb: -10,
            sinrDb: 10,
            rssiDbm: -60,
            cqi: 9,
            activeCarriers: 1,
            [signal.name]: value,
          },
        }
    }
  }
  /** `windows` windows of that value from minute 0 of window `from` on; answers the verdicts. */
  const hold = (device: RuleDevice, condition: LevelCondition, value: number, from: number, windows: number): void => {
    const { window, dividedBy } = condition
    for (let minute = 0; minute < windows * 15; minute += window.kind === 'event' ? 15 : 1) {
      const atMs = startMs + from * ropMs + minute * minuteMs
      if (dividedBy?.metric != null) device.feed({ kind: 'measurement', metric: dividedBy.metric, attributes: '', value: 1, atMs })
      if (dividedBy?.fact != null) device.feed({ kind: 'facts', items: [{ name: dividedBy.fact, value: '1' }], atMs })
      device.feed(readingOf(condition, value, atMs))
    }
    // The device's time goes on, so that the last window closes.
    device.feed({
      kind: 'boot',
      bootId: `b${from}`,
      told: true,
      reason: 'commanded',
      taskId: 't',
      atMs: startMs + (from + windows) * ropMs + 31_000,
    })
  }
  const verdicts = (device: RuleDevice): string[] =>
    device.commands.flatMap(({ command }) => (command.kind === 'Observe' ? [command.verdict] : []))

  it.each(plain)('%s is told only beyond its raise level, for all of the windows in a row', (_id, rule, condition) => {
    const below = alone(rule)
    hold(below, condition, missing(condition.raise), 0, condition.inARow + 2)
    expect(verdicts(below)).toEqual([])

    const short = alone(rule)
    hold(short, condition, reaching(condition.raise), 0, condition.inARow - 1)
    expect(verdicts(short)).toEqual([])

    const device = alone(rule)
    hold(device, condition, reaching(condition.raise), 0, condition.inARow)
    const [command, ...more] = device.commands
    expect(more).toEqual([])
    expect(command).toMatchObject({
      key: { type: rule.id },
      delays: { onDelayMs: rule.onDelayMs, offDelayMs: rule.offDelayMs },
      command: {
        kind: 'Observe',
        verdict: 'active',
        severity: rule.severity,
        observedAtMs: startMs + (condition.window.kind === 'rop' ? condition.inARow * ropMs : (condition.inARow - 1) * ropMs),
        ruleVersion: rule.version,
        evidence: { raiseLevel: condition.raise.value, clearLevel: condition.clear.value },
      },
    })
  })

  it.each(plain)('%s is over only at its clear level, for all of the windows in a row', (_id, rule, condition) => {
    const device = alone(rule)
    hold(device, condition, reaching(condition.raise), 0, condition.inARow)
    hold(device, condition, missing(condition.clear), condition.inARow, condition.clearInARow + 1)
    expect(verdicts(device).at(-1)).toBe('active')
    const from = condition.inARow + condition.clearInARow + 1
    hold(device, condition, reaching(condition.clear), from, condition.clearInARow - 1)
    expect(verdicts(device).at(-1)).toBe('active')
    hold(device, condition, reaching(condition.clear), from + condition.clearInARow - 1, 1)
    expect(verdicts(device).at(-1)).toBe('inactive')
    expect(Object.keys(device.state().streams)).toEqual([])
  })

  it.each(
    plain.flatMap(([id, rule, condition]) =>
      rule.steps.flatMap((step) => (step.by === 'level' ? [[id, step.severity, rule, condition, step.level] as const] : [])),
    ),
  )('%s becomes %s exactly at its step', (_id, severity, rule, condition, level) => {
    for (const [value, expected] of [
      [reaching(level), true],
      [missing(level), false],
    ] as const) {
      const device = alone(rule)
      hold(device, condition, value, 0, condition.inARow)
      const [command] = device.commands
      expect(command?.command.kind === 'Observe' && command.command.severity === severity).toBe(expected)
    }
  })
})

/** Something that the matcher fits; different each time where it asks for a change. */
const happeningOf = (matcher: Matcher, atMs: number, n: number): RuleInput => {
  switch (matcher.of) {
    case 'log':
      return { kind: 'log', class: (matcher.classes[0] ?? 'oom') as 'oom', message: 'a line', program: 'kernel', line: n, atMs }
    case 'logPattern':
      return { kind: 'log', class: '', message: 'usb 1-1: new high-speed USB device number 4 using xhci', program: 'kernel', line: n, atMs }
    case 'metric':
      return { kind: 'measurement', metric: matcher.name, attributes: attributesText(matcher.attributes), value: matcher.level.value, atMs }
    case 'edge':
      return { kind: 'measurement', metric: matcher.name, attributes: '', value: Math.abs(n % 2), atMs }
    case 'boot':
      return { kind: 'boot', bootId: `boot-${n}`, told: true, reason: firstWord(matcher.reasons ?? ['watchdog']), taskId: null, atMs }
    case 'session':
      return { kind: 'presence', state: 'online', sessionId: `session-${n}` }
    case 'radio':
      return {
        kind: 'radio',
        atMs,
        reading: { rat: 'LTE', cellId: Math.abs(n % 2), rsrpDbm: -90, rsrqDb: -10, sinrDb: 10, rssiDbm: -60, cqi: 9, activeCarriers: 1 },
      }
    case 'fact': {
      const value = matcher.changed ? `word ${n}` : matcher.is === null ? 'ready' : firstWord(matcher.is)
      if (matcher.present === false)
        return { kind: 'facts', items: [{ name: matcher.beside ?? matcher.name, value: matcher.beside === null ? null : 'x' }], atMs }
      return { kind: 'facts', items: [{ name: matcher.name, value }], atMs }
    }
  }
}

describe('rules that count', () => {
  it.each(ofForm('count'))(
    '%s is told at the last of so many within the time, and over when they are few enough',
    (_id, rule, condition) => {
      const [matcher] = condition.events
      if (matcher === undefined) return
      const many = condition.raiseAtLeast
      // The first reading of a state that changes tells no change.
      const changes = matcher.of === 'edge' || matcher.of === 'radio' || (matcher.of === 'fact' && matcher.changed)
      const run = (spanMs: number): { device: RuleDevice; lastMs: number } => {
        const device = alone(rule)
        if (changes) device.feed(happeningOf(matcher, startMs - 1_000, -1))
        let lastMs = startMs
        for (let n = 0; n < many; n++) {
          lastMs = startMs + Math.round((n * spanMs) / (many - 1))
          device.feed(happeningOf(matcher, lastMs, n), lastMs)
          if (n < many - 1) expect(device.told()).toEqual([])
        }
        return { device, lastMs }
      }
      // Exactly as long as the window: the first one has just left it.
      expect(run(condition.withinMs).device.told()).toEqual([])
      const { device, lastMs } = run(condition.withinMs - 1_000)
      const id = `${rule.id}${rule.qualifier === null ? '' : ' kernel'}`
      expect(device.told()).toEqual([`${id} active ${rule.severity} @${(lastMs - startMs) / 1_000}`])

      const times = Array.from({ length: many }, (_, n) => startMs + Math.round((n * (condition.withinMs - 1_000)) / (many - 1)))
      const clearMs = (times[many - 1 - condition.clearAtMost] ?? 0) + condition.clearWithinMs
      const pass = (atMs: number): unknown =>
        matcher.of === 'session' ? device.tick(atMs) : device.feed({ kind: 'clock', skewMs: 0, atMs })
      pass(clearMs - 1)
      expect(device.told()).toHaveLength(1)
      pass(clearMs)
      expect(device.told()[1]).toBe(`${id} inactive @${(clearMs - startMs) / 1_000}`)
      pass(clearMs + condition.withinMs + condition.clearWithinMs)
      expect(Object.keys(device.state().streams)).toEqual([])
    },
  )
})

describe('rules of what happens', () => {
  const needsMemory = (matcher: Matcher): boolean =>
    (matcher.of === 'fact' && (matcher.usual !== null || matcher.differsFrom !== null)) ||
    (matcher.of === 'radio' && matcher.sign.startsWith('cell-'))
  const cases = ofForm('event').flatMap(([id, rule, condition]) =>
    condition.raiseOn.flatMap((matcher, at) => (needsMemory(matcher) ? [] : [[id, at, rule, condition, matcher] as const])),
  )
  const begin = (device: RuleDevice, matcher: Matcher): void => {
    if (matcher.of === 'fact' && matcher.changed) device.feed(happeningOf(matcher, startMs - 1_000, -1))
    device.feed(happeningOf(matcher, startMs, 0))
  }

  it.each(cases)('%s is told at once on sign %i, with its delay', (_id, _at, rule, _condition, matcher) => {
    const device = alone(rule)
    begin(device, matcher)
    expect(device.commands).toHaveLength(1)
    expect(device.commands[0]).toMatchObject({
      key: { type: rule.id },
      delays: { onDelayMs: matcher.onDelayMs ?? rule.onDelayMs, offDelayMs: rule.offDelayMs },
      command: { kind: 'Observe', verdict: 'active', severity: matcher.severity ?? rule.severity, observedAtMs: startMs },
    })
  })

  it.each(cases.filter(([, , , { clearOn }]) => clearOn.length > 0))(
    '%s (sign %i) is over with each sign of its end',
    (_id, _at, rule, condition, matcher) => {
      for (const [n, sign] of condition.clearOn.entries()) {
        const device = alone(rule)
        begin(device, matcher)
        device.feed(happeningOf(sign, startMs + hourMs, n))
        expect(device.told().at(-1)).toMatch(/ inactive @3600$/)
        expect(Object.keys(device.state().streams)).toEqual([])
      }
    },
  )

  it.each(cases.filter(([, , { steps }]) => steps.length > 0))(
    '%s (sign %i) is graver at so many in the time of its step',
    (_id, _at, rule, condition, matcher) => {
      const [step] = rule.steps
      if (step?.by !== 'count') return
      const spread = (count: number, everyMs: number): string | undefined => {
        const device = alone(rule)
        for (let n = 0; n < count; n++) device.feed(happeningOf(matcher, startMs + n * everyMs, n))
        return device.told().at(-1)
      }
      const apartMs = Math.floor((step.withinMs - 1) / (step.atLeast - 1))
      expect(spread(step.atLeast, apartMs)).toContain(`active ${step.severity}`)
      expect(spread(step.atLeast - 1, apartMs)).toContain(`active ${matcher.severity ?? rule.severity}`)
      expect(spread(step.atLeast, Math.ceil(step.withinMs / (step.atLeast - 1)))).toContain(`active ${matcher.severity ?? rule.severity}`)
      // A trace has many lines: they are one crash.
      if (condition.mergeWithinMs > 0) expect(spread(20, 1_000)).toContain(`active ${matcher.severity ?? rule.severity}`)
    },
  )
})

it('every rule of one device is tested here or by name in rules-by-name.test.ts', () => {
  const byName = new Set([
    'presence.offline',
    'presence.telemetry-gap',
    'inventory.never-seen',
    'device.memory-leak',
    'wan.traffic-drop',
    'wan.failover-active',
    'wan.on-backup-long',
    'radio.rat-fallback',
    'radio.ca-lost',
    'device.moved',
    'fw.drift',
  ])
  const here = new Set([...ofForm('count'), ...ofForm('level'), ...ofForm('event')].map(([id]) => id))
  expect(own.map(({ id }) => id).filter((id) => !here.has(id) && !byName.has(id))).toEqual([])
})
