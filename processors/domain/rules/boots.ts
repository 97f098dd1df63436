/**
 * A boot shows itself by a new id before it tells its reason, which is waited for; a repeat of it is none. A reason that comes later
 * than that is put in the place of the unknown one.
 */
import { hash32 } from '../hash.ts'
import type { Matcher, Rule } from '../../../model/rule.ts'
import { wordFits } from './compile.ts'
import { happen } from './events.ts'
import type { Run } from './outcome.ts'
import { boundPast, openPast, pastKey, putMark, takeMark } from './past.ts'
import { isLate, rejudge } from './rejudge.ts'
import { restartSlopes } from './slopes.ts'
import { bootsRememberedMax, type DeviceRuleState, type PendingBoot } from './state.ts'
import { codeOfEvent } from './tellings.ts'

/** So long its reason is waited for. */
const bootReasonWaitMs = 60_000

export type BootInput = {
  bootId: string
  told: boolean
  reason: string | null
  taskId: string | null
  atMs: number
  /** By the uptime, where the event tells it; left out: `atMs`. */
  beganAtMs?: number
}

export const readBoot = (run: Run, { bootId, told, reason, taskId, atMs, beganAtMs = atMs }: BootInput): void => {
  const { state, context } = run
  // Whichever message of the new boot comes first: what it explains must not depend on that.
  if (beganAtMs > state.lastBootMs) state.lastBootMs = beganAtMs
  noteBegin(run, beganAtMs)
  const id = bootId === '' ? 0 : hash32(bootId)
  if (isBeforeUs(state, beganAtMs)) {
    remember(state, id)
    return
  }
  const waits = state.pendingBoot !== null && (state.pendingBoot.id === id || id === 0)
  if (!told) {
    if (id !== 0 && state.boots.includes(id)) return
    const former = state.pendingBoot
    if (former !== null && id === 0) return
    const { nowMs, partition, offset } = context
    const late = isLate(run, atMs) ? { late: true as const } : {}
    state.pendingBoot = { id, atMs, dueMs: nowMs + bootReasonWaitMs, partition, offset, ...late }
    // It booted again before it had said why: two boots.
    if (former !== null) bootWithoutReason(run, former)
    remember(state, id)
    return
  }
  if (waits) state.pendingBoot = null
  else if (id !== 0 && state.boots.includes(id)) {
    explain(run, id, { reason, taskId, atMs })
    return
  }
  remember(state, id)
  boot(run, { reason, taskId, atMs })
}

/** The boot in which we met it is nothing that befell it under our eyes: a first connection raises no alarm. */
const isBeforeUs = ({ boots, pendingBoot, firstSeenMs }: DeviceRuleState, beganAtMs: number): boolean =>
  boots.length === 0 && pendingBoot === null && firstSeenMs > 0 && beganAtMs < firstSeenMs

const remember = ({ boots }: DeviceRuleState, id: number): void => {
  if (id === 0) return
  boots.push(id)
  if (boots.length > bootsRememberedMax) boots.shift()
}

const noteBegin = ({ state, context: { offset } }: Run, atMs: number): void => {
  const list = openPast(state, pastKey('boots', '', ''))
  const numbers = list.length
  putMark(list, { atMs, code: 1, offset }, bootReasonWaitMs)
  if (list.length > numbers) boundPast(state, list)
}

/** `waited`: it came in time, and is judged late only because its reason was waited for. */
type Told = { reason: string | null; taskId: string | null; atMs: number; waited?: boolean }

/** It was waited for its reason in vain. */
export const bootWithoutReason = (run: Run, { id, atMs, late }: PendingBoot): void => {
  const { state, context } = run
  const unexplained = (state.unexplained ??= [])
  unexplained.push({ id, atMs, offset: context.offset })
  if (unexplained.length > bootsRememberedMax) unexplained.shift()
  boot(run, { reason: null, taskId: null, atMs, waited: late !== true })
}

const boot = (run: Run, told: Told): void => {
  restartSlopes(run, told.atMs)
  for (const { rule, matcher, role } of run.context.rules.boots) if (fits(matcher, told)) tell(run, rule, matcher, role, told)
}

const explain = (run: Run, id: number, told: Told): void => {
  const { state, context } = run
  const place = state.unexplained?.findIndex((one) => one.id === id) ?? -1
  const [former] = place < 0 ? [] : (state.unexplained?.splice(place, 1) ?? [])
  if (former === undefined) return
  if (state.unexplained?.length === 0) delete state.unexplained
  for (const { rule, matcher, role } of context.rules.boots) {
    const was = fits(matcher, { reason: null, taskId: null, atMs: former.atMs })
    if (!was && fits(matcher, told)) tell(run, rule, matcher, role, told)
    if (!was || fits(matcher, told)) continue
    const { condition } = rule
    const matchers = condition.form === 'event' ? condition.raiseOn : condition.form === 'count' ? condition.events : []
    const isMerged = condition.form === 'event' && condition.mergeWithinMs > 0
    // One of several that were taken for one stands for the others too.
    if (isMerged) continue
    const mark = { atMs: former.atMs, code: codeOfEvent(matchers.indexOf(matcher), 0), offset: former.offset }
    const list = openPast(state, pastKey('events', rule.id, ''))
    const sign = { atMs: former.atMs, name: 'boot', value: told.reason, reason: 'the device told later why it had booted' }
    rejudge(run, [{ rule, qualifier: '', rowGapMs: 0 }], sign, `boot ${told.atMs}`, () => takeMark(list, mark))
  }
}

const fits = ({ reasons, exceptReasons, planned }: Matcher & { of: 'boot' }, { reason, taskId }: Told): boolean => {
  const word = reason ?? 'unknown'
  if (reasons !== null && !wordFits(word, reasons, null)) return false
  if (exceptReasons.length > 0 && !wordFits(word, null, exceptReasons)) return false
  return planned === null || planned === (taskId !== null && taskId !== '')
}

const tell = (run: Run, rule: Rule, matcher: Matcher, role: 'raise' | 'clear' | 'count', { reason, atMs, waited = false }: Told): void =>
  happen(run, rule, matcher, role, '', { atMs, item: 0, tag: 0, name: 'boot', value: reason ?? 'unknown', byArrival: false, waited })
