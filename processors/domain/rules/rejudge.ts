/**
 * Something of a rule came late, or was other than it had seemed: what its episodes are with it and without it differ, and what
 * differs is told to the alarms as it is now known. What does not differ is left as it was decided.
 * Before: `past.ts`, `tellings.ts`.  After: `alarms/late-findings.ts`.
 */
import { metricDefinition } from '../../../model/measurement-catalogue.ts'
import type { Evidence } from '../../../model/alarm.ts'
import type { CountCondition, Rule } from '../../../model/rule.ts'
import type { Rejudge, Span } from '../alarms/late-findings.ts'
import { hash32 } from '../hash.ts'
import { evidenceOf, isLearning, push, type Run, sourceId } from './outcome.ts'
import {
  boundPast,
  goesOn,
  heldAt,
  isWholeAt,
  openPast,
  type PastKind,
  pastKey,
  type PastRun,
  putMark,
  runsOf,
  takeWindow,
} from './past.ts'
import { never, partsOfKey, streamKey } from './state.ts'
import { type Counted, matcherOfCode, ofCounts, ofHappenings, ofSigns, ofWindows, spansOf, type Told } from './tellings.ts'

/** What is older than the device's own time by more than this is not judged again. */
export const lateMsMax = 7 * 86_400_000
/** Windows further apart than this are not "in a row", unless the device speaks that seldom. */
export const rowGapMsMax = 3_600_000
/** Events are told by their own time; lines of one message lie seconds before others that overtook it. */
export const eventSlackMs = 60_000

export const isLate = ({ state }: Run, atMs: number): boolean => atMs < state.watermarkMs - eventSlackMs

/** `rowGapMs`: how far apart windows in a row may lie. */
export type Judged = { rule: Rule; qualifier: string; rowGapMs: number }
/** What was told, for the evidence. */
export type Sign = { atMs: number; name: string; value: string | number | null; reason: string }

export const lateReason = 'it came after the device had told of later times'

/** Remembers what a rule was told; what came late changes what is known of its past. */
export const noteMark = (
  run: Run,
  judged: Judged,
  list: { kind: PastKind; rest: string; gapMs: number },
  code: number,
  sign: Sign,
  late: boolean,
  concerned: readonly Judged[] = [judged],
): void => {
  const { state, context } = run
  const { atMs } = sign
  const key = pastKey(list.kind, judged.rule.id, list.rest)
  if (!late && state.pastOpen === undefined) {
    const told = state.past?.[key]
    if (told !== undefined && goesOn(told, code, atMs, list.gapMs)) return
  }
  const mark = { atMs, code, offset: context.offset }
  if (late) {
    if (atMs < state.watermarkMs - lateMsMax) return
    const known = state.past?.[key]
    if (known !== undefined && !isWholeAt(known, atMs)) {
      context.onLimit('late-beyond-history')
      return
    }
  }
  const put = (): void => {
    const own = openPast(state, key)
    const numbers = own.length
    if (list.kind === 'windows') takeWindow(own, atMs)
    putMark(own, mark, list.gapMs)
    if (own.length > numbers) boundPast(state, own)
  }
  const isOpen = state.pastOpen !== undefined && streamKey(judged.rule.id, judged.qualifier) in state.pastOpen
  if (late || isOpen) rejudge(run, concerned, sign, `${list.kind} ${list.rest} ${code}`, put)
  else put()
}

/** `change` changes what is known; `item` tells changes of one record apart. */
export const rejudge = (run: Run, all: readonly Judged[], sign: Sign, item: string, change: () => void): void => {
  const nowMs = run.state.watermarkMs
  const before = all.map((judged) => toldNow(run, judged, nowMs).spans)
  change()
  for (const [at, judged] of all.entries()) tell(run, judged, before[at] ?? [], nowMs, sign, item)
}

/** Time has come to `nowMs`: what was not over may be. Answers when to look again. */
export const lookAgain = (run: Run, nowMs: number): number => {
  const { state, context } = run
  let dueMs = never
  for (const [key, { lookMs, rowGapMs }] of Object.entries(state.pastOpen ?? {})) {
    const [id, qualifier] = partsOfKey(key)
    const rule = context.rules.rules.get(id)
    if (rule === undefined) forgetOpen(run, key)
    else if (nowMs >= lookMs) {
      const judged = { rule, qualifier, rowGapMs }
      tell(run, judged, toldNow(run, judged, nowMs).spans, nowMs, { atMs: nowMs, name: '', value: null, reason: lateReason }, 'look')
    }
    dueMs = Math.min(dueMs, state.pastOpen?.[key]?.lookMs ?? never)
  }
  return dueMs
}

const toldNow = ({ state }: Run, { rule, qualifier, rowGapMs }: Judged, nowMs: number): Told => {
  const { condition, id, offDelayMs } = rule
  const runs = (kind: PastKind, rest: string): PastRun[] => runsOf(state.past?.[pastKey(kind, id, rest)])
  const guards = 'when' in condition ? condition.when.map((_, index) => runs('guard', String(index))) : []
  switch (condition.form) {
    case 'level':
      return condition.window.kind === 'rop'
        ? spansOf(ofWindows(rule, condition, runs('windows', qualifier), rowGapMs), offDelayMs, nowMs)
        : spansOf(ofSigns(rule, runs('signs', qualifier), []), offDelayMs, nowMs)
    case 'event': {
      if (condition.clearOn.length > 0) return spansOf(ofSigns(rule, runs('signs', qualifier), guards), offDelayMs, nowMs)
      if (condition.staleAfterMs === null) return untilCleared(changesOf(state.past, id), rule)
      const spans = ofHappenings(rule, condition, runs('events', qualifier))
      const endMs = spans.at(-1)?.endMs ?? 0
      return { spans, lookMs: endMs > nowMs ? endMs : never }
    }
    case 'count': {
      const told = runs('events', qualifier).map(({ firstMs, code }): Counted => {
        return { atMs: firstMs, weight: condition.events[matcherOfCode(code)]?.weight ?? 1, tag: 0 }
      })
      const boots = runsOf(state.past?.[pastKey('boots', '', '')])
      const changes = qualifier === '' ? changesOf(state.past, id).filter(({ atMs }) => !isAfterBoot(condition, boots, atMs)) : []
      const counted = [...told, ...changes].filter(({ atMs }) => guards.every((own) => heldAt(own, atMs)))
      return spansOf(
        ofCounts(
          rule,
          condition,
          counted.sort((one, other) => one.atMs - other.atMs),
        ),
        offDelayMs,
        nowMs,
      )
    }
    default:
      return { spans: [], lookMs: never }
  }
}

const untilCleared = (changes: readonly Counted[], { severity }: Rule): Told => ({
  spans: changes.map(({ atMs }) => ({ raisedAtMs: atMs, endMs: null, severity })),
  lookMs: never,
})

/** Of all signals that the rule watches for changes; what changes at one time is one event. */
const changesOf = (past: Readonly<Record<string, number[]>> | undefined, id: string): Counted[] => {
  const prefix = pastKey('values', id, '')
  const changes = new Map<number, Counted>()
  for (const [key, list] of Object.entries(past ?? {})) {
    if (!key.startsWith(prefix)) continue
    let before: number | undefined
    for (const { firstMs, code } of runsOf(list)) {
      if (before !== undefined && before !== code) changes.set(firstMs, { atMs: firstMs, weight: 1, tag: code })
      before = code
    }
  }
  return [...changes.values()].sort((one, other) => one.atMs - other.atMs)
}

const isAfterBoot = ({ events }: CountCondition, boots: readonly PastRun[], atMs: number): boolean => {
  const withinMs = Math.max(...events.map(({ notAfterBootMs }) => notAfterBootMs))
  return boots.some(({ firstMs }) => firstMs <= atMs && atMs < firstMs + withinMs)
}

const tell = (run: Run, judged: Judged, before: readonly Span[], nowMs: number, sign: Sign, item: string): void => {
  const { rule, qualifier } = judged
  const { spans: after, lookMs } = toldNow(run, judged, nowMs)
  const key = streamKey(rule.id, qualifier)
  const open = run.state.pastOpen?.[key]
  const changed = [...without(before, after), ...without(after, before)]
  if ((open === undefined && changed.length === 0) || isLearning(run, rule)) return
  const fromMs = Math.min(open?.fromMs ?? never, ...changed.map(({ raisedAtMs }) => raisedAtMs))
  const toMs = open === undefined ? Math.max(...changed.map(({ endMs }) => endMs ?? never)) : never
  const spans = after.filter(({ raisedAtMs, endMs }) => raisedAtMs <= toMs && (endMs ?? never) >= fromMs)
  const told = hash32(JSON.stringify(spans))
  const endsBy = endOf(rule)
  const isOpen = endsBy !== 'person' && (lookMs !== never || spans.some(({ endMs }) => endMs === null))
  if (isOpen) {
    run.state.dueMs = Math.min(run.state.dueMs, lookMs)
    ;(run.state.pastOpen ??= {})[key] = { fromMs, told, lookMs, rowGapMs: judged.rowGapMs }
    if (open?.told === told) return
  } else forgetOpen(run, key)
  const toNow = { nowMs, fromMs, toMs: toMs === never ? null : toMs, spans, onDelayMs: rule.onDelayMs, endsBy }
  const sourceEventId = sourceId(run, `${rule.id} ${sign.atMs} ${item} late`)
  const { reason } = sign
  const command = { kind: 'Rejudge', sourceEventId, reason, ruleVersion: rule.version, atMs: run.context.nowMs, ...toNow } as const
  push(run, rule, qualifier, rule.onDelayMs, { ...command, evidence: evidenceFor(run, rule, sign) })
}

const endOf = ({ condition }: Rule): Rejudge['endsBy'] =>
  condition.form !== 'event' || condition.clearOn.length > 0 ? 'condition' : condition.staleAfterMs === null ? 'person' : 'lack'

const evidenceFor = (run: Run, { condition }: Rule, { atMs, name, value }: Sign): Evidence => {
  const { offset } = run.context
  const unit = metricDefinition(name)?.unit ?? ''
  const { raise, clear } = condition.form === 'level' ? condition : { raise: null, clear: null }
  return evidenceOf(run, {
    atMs,
    firstOffset: offset,
    lastOffset: offset,
    item: '',
    values: [{ name, value, unit, observedAtMs: atMs }],
    raise,
    clear,
  })
}

const without = (spans: readonly Span[], others: readonly Span[]): Span[] =>
  spans.filter(
    (one) => !others.some((other) => one.raisedAtMs === other.raisedAtMs && one.endMs === other.endMs && one.severity === other.severity),
  )

/** What is not over may end with what is told live. */
const forgetOpen = ({ state }: Run, key: string): void => {
  if (state.pastOpen === undefined) return
  Reflect.deleteProperty(state.pastOpen, key)
  if (Object.keys(state.pastOpen).length === 0) delete state.pastOpen
}
