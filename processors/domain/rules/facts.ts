/** What a device says of itself: words kept for guards, changes, and what is usual. All facts of one message come together. */
import { hash32 } from '../hash.ts'
import { type Trigger, wordFits } from './compile.ts'
import { happen, noteValue, recheckGuards } from './events.ts'
import type { Run } from './outcome.ts'
import { noteGuards } from './past-guards.ts'
import { type Change, changesBy } from './recent.ts'
import { eventSlackMs, isLate } from './rejudge.ts'
import { isNewest } from './state.ts'
import { isMostUsual, newUsual, noteUsual } from './usual.ts'

/** All facts of one message. */
export type FactsInput = { items: readonly { name: string; value: string | null }[]; atMs: number }

export const readFacts = (run: Run, { items, atMs }: FactsInput): void => {
  const { facts, keptFacts } = run.context.rules
  for (const { name, value } of items) {
    if (!keptFacts.has(name)) continue
    noteGuards(run, name, value, atMs)
    if (atMs >= run.state.watermarkMs - eventSlackMs && isNewest(run.state, `kept\n${name}`, atMs)) {
      if (value === null) Reflect.deleteProperty(run.state.words, name)
      else run.state.words[name] = value
      recheckGuards(run, name, atMs)
    }
  }
  for (const { name, value } of items) {
    const triggers = facts.get(name)
    if (triggers !== undefined) readFact(run, triggers, name, value, items, atMs)
  }
}

type FactTriggers = readonly Trigger<Extract<Trigger['matcher'], { of: 'fact' }>>[]

const readFact = (
  run: Run,
  triggers: FactTriggers,
  name: string,
  value: string | null,
  items: readonly { name: string; value: string | null }[],
  atMs: number,
): void => {
  const changes = noteChange(run, triggers, name, value, atMs)
  const newest = isNewest(run.state, name, atMs)
  const late = isLate(run, atMs)
  const usual = newest || late ? noteUsualWord(run, triggers, name, value, atMs) : null
  for (const { rule, matcher, role } of triggers) {
    const own = matcher.name === name
    if (!newest && !late && !(own && matcher.changed)) continue
    const fits = own
      ? factFits(run, matcher, value, usual)
      : !items.some((item) => item.name === matcher.name && item.value !== null && item.value !== '')
    if (!fits) continue
    // Facts of one message are one event: a new session has a new address too.
    const what = { item: 0, tag: 0, name: matcher.name, value: own ? value : null, byArrival: false }
    if (own && matcher.changed) for (const change of changes) happen(run, rule, matcher, role, '', { ...what, atMs: change.atMs })
    else happen(run, rule, matcher, role, '', { ...what, atMs })
  }
}

const factFits = (run: Run, matcher: FactTriggers[number]['matcher'], value: string | null, usual: boolean | null): boolean => {
  const there = value !== null && value !== ''
  if (matcher.present !== null && matcher.present !== there) return false
  if ((matcher.is !== null || matcher.isNot !== null) && !wordFits(value, matcher.is, matcher.isNot)) return false
  if (matcher.usual !== null && matcher.usual !== usual) return false
  if (matcher.differsFrom !== null) {
    const assigned = run.context.profile.assignedFirmware
    if (assigned === '' || !there || (value !== assigned) !== matcher.differs) return false
  }
  return true
}

/** Words are compared by hash: identifiers are no longer than their masked form anyway. */
const noteChange = (run: Run, triggers: FactTriggers, name: string, value: string | null, atMs: number): readonly Change[] => {
  if (value === null || value === '') return []
  const watching = triggers.filter(({ matcher }) => matcher.name === name && matcher.changed)
  if (watching.length === 0) return []
  for (const { rule } of watching) noteValue(run, rule, name, name, hash32(value), atMs)
  return changesBy(run.state, `fact\n${name}`, { atMs, value: hash32(value) }, run.state.watermarkMs - eventSlackMs)
}

const noteUsualWord = (run: Run, triggers: FactTriggers, name: string, value: string | null, atMs: number): boolean | null => {
  if (value === null || value === '' || !triggers.some(({ matcher }) => matcher.name === name && matcher.usual !== null)) return null
  const usual = (run.state.usual[name] ??= newUsual())
  noteUsual(usual, value, atMs)
  return isMostUsual(usual, value)
}
