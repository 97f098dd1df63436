/**
 * What guards asked for at each time. One that comes late can be what had let a rule raise, or had kept it from it.
 * Before: `evaluate.ts`, `facts.ts`.  After: `rejudge.ts`.
 */
import { holdsWith } from './guards.ts'
import type { Run } from './outcome.ts'
import { pastKey, rowMs } from './past.ts'
import { isLate, type Judged, lateReason, noteMark } from './rejudge.ts'

export const noteGuards = (run: Run, name: string, told: number | string | null, atMs: number): void => {
  const guards = run.context.rules.guards.get(name)
  if (guards === undefined) return
  const late = isLate(run, atMs)
  const sign = { atMs, name, value: told, reason: lateReason }
  for (const { rule, index, guard } of guards) {
    const list = { kind: 'guard', rest: String(index), gapMs: rowMs } as const
    const judged =
      late && rule.condition.form === 'event' ? streamsOf(run, rule.id).map((qualifier): Judged => ({ rule, qualifier, rowGapMs: 0 })) : []
    noteMark(run, { rule, qualifier: '', rowGapMs: 0 }, list, Number(holdsWith(guard, told)), sign, late, judged)
  }
}

/** Qualifiers under which the rule was told something. */
const streamsOf = ({ state }: Run, id: string): string[] => {
  const prefix = pastKey('signs', id, '')
  return Object.keys(state.past ?? {}).flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []))
}
