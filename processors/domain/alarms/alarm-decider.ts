/**
 * The decider of one stream of alarms (resource, type, qualifier): regions that know nothing of each other, put together.
 * Pure: no clock, no random; deadlines stand in the state and time comes with the commands, so a replay decides the same, to
 * the byte. The rule's verdicts come in as `Observe`, ticks as `TimerFired`, persons' actions with the episode that they saw.
 * Before: `processors/domain/rules`.  After: the log topic `alarms`, `episodes.ts`, `notification-view.ts`, `views.ts`.
 */
import type { AlarmEvent } from '../../../model/alarm-event.ts'
import type { AlarmCommand, LateCommand, OperatorCommand, SystemCommand } from '../../../model/alarm.ts'
import type { Decider } from '../../../model/decider.ts'
import type { Result } from '../../../model/result.ts'
import { type AlarmState, initialAlarmState } from './alarm-state.ts'
import { annotate } from './amending.ts'
import { evolveApplied } from './applied-ids.ts'
import { clearManually, conditionDueMs, evolveCondition, fireCondition, observe, observeUnknown, retire } from './condition.ts'
import { type AlarmPolicy, type Answer, type Draft, done, happen, type Refusal } from './draft.ts'
import { evolveEpisode, purge } from './episode-facts.ts'
import { checkOperatorCommand } from './operator-checks.ts'
import { acknowledge, assign, close, comment, evolveOperator, reAlarm, reAlarmMs, unacknowledge } from './operator-state.ts'
import { endTimedShelf, evolveShelf, shelve, unshelve } from './shelving.ts'
import { correlate, evolveSituation, uncorrelate } from './situation.ts'
import { evolveStability, flappingEndsMs, judgeStability } from './stability.ts'
import { endWindows, evolveSuppression, suppress, unsuppress } from './suppression.ts'

export type Step = { state: AlarmState; events: readonly AlarmEvent[] }

export type AlarmDecider = Decider<AlarmCommand, AlarmState, AlarmEvent, Refusal> & {
  /** `decide` with the state that the events make. */
  step: (state: AlarmState, command: AlarmCommand) => Result<Step, Refusal>
}

/** `decide` and `evolve` in one, for the hot path: nothing need be made for a rule and its delays before. */
export const stepAlarm = (policy: AlarmPolicy, state: AlarmState, command: AlarmCommand): Result<Step, Refusal> => {
  if (changesNothing(state, command)) return { ok: true, value: { state, events: [] } }
  const draft: Draft = { policy, evolve: evolveAlarm, state, events: [], atMs: command.atMs }
  const answer = dispatch(draft, command)
  return answer.ok ? { ok: true, value: { state: draft.state, events: draft.events } } : answer
}

export const createAlarmDecider = (policy: AlarmPolicy): AlarmDecider => {
  const step = (state: AlarmState, command: AlarmCommand) => stepAlarm(policy, state, command)
  const decide: AlarmDecider['decide'] = (state, command) => {
    const stepped = step(state, command)
    return stepped.ok ? { ok: true, value: stepped.value.events } : stepped
  }
  return { initialState: initialAlarmState, decide, evolve: evolveAlarm, step }
}

/** The common case, answered without work: nothing is wrong and nothing was. A stream without a state is such a one. */
export const changesNothing = (state: AlarmState | undefined, command: AlarmCommand): boolean =>
  command.kind === 'Observe' && command.verdict !== 'active' && (state === undefined || state.condition.is === 'normal')

/** The stage's time at which the next deadline of the stream is due; null: none runs. */
export const nextDueMs = (state: AlarmState): number | null => {
  let nextMs: number | null = null
  const consider = (dueMs: number | null): void => {
    if (dueMs !== null && (nextMs === null || dueMs < nextMs)) nextMs = dueMs
  }
  consider(conditionDueMs(state.condition))
  consider(state.shelf.is === 'timed' ? state.shelf.untilMs : null)
  consider(flappingEndsMs(state.stability))
  consider(reAlarmMs(state))
  for (const { untilMs } of state.suppressedBy) consider(untilMs)
  return nextMs
}

export const evolveAlarm = (state: AlarmState, event: AlarmEvent): AlarmState => ({
  ...evolveEpisode(state, event),
  ...evolveApplied(state, event),
  condition: evolveCondition(state.condition, event),
  operator: evolveOperator(state.operator, event),
  shelf: evolveShelf(state.shelf, event),
  suppressedBy: evolveSuppression(state.suppressedBy, event),
  stability: evolveStability(state.stability, event),
  situation: evolveSituation(state.situation, event),
})

const dispatch = (draft: Draft, command: AlarmCommand): Answer => {
  switch (command.kind) {
    case 'Observe':
      return observe(draft, command)
    case 'ObserveUnknown':
      return observeUnknown(draft, command)
    case 'TimerFired':
      return fireAll(draft)
    case 'FindEpisodeLate':
    case 'Amend':
    case 'Retract':
      return annotate(draft, command satisfies LateCommand)
    default:
      return 'commandId' in command ? operate(draft, command) : administer(draft, command)
  }
}

const fireAll = (draft: Draft): Answer => {
  fireCondition(draft)
  endTimedShelf(draft)
  endWindows(draft)
  judgeStability(draft, draft.atMs)
  reAlarm(draft)
  return done
}

/** A person's command that changes nothing is remembered too: its repeat may not act on what came between. */
const operate = (draft: Draft, command: OperatorCommand): Answer => {
  const checked = checkOperatorCommand(draft.state, command)
  if (checked !== 'new') return checked === 'applied' ? done : checked
  const answer = act(draft, command)
  if (answer.ok && draft.events.length === 0) happen(draft, { kind: 'CommandNoted', commandId: command.commandId })
  return answer
}

const act = (draft: Draft, command: OperatorCommand): Answer => {
  switch (command.kind) {
    case 'Acknowledge':
      return acknowledge(draft, command)
    case 'Unacknowledge':
      return unacknowledge(draft, command)
    case 'Close':
      return close(draft, command)
    case 'Comment':
      return comment(draft, command)
    case 'Assign':
      return assign(draft, command)
    case 'ClearManually':
      return clearManually(draft, command)
    case 'Shelve':
      return shelve(draft, command)
    case 'Unshelve':
      return unshelve(draft, command)
  }
}

const administer = (draft: Draft, command: SystemCommand): Answer => {
  switch (command.kind) {
    case 'Suppress':
      return suppress(draft, command)
    case 'Unsuppress':
      return unsuppress(draft, command.by)
    case 'Correlate':
      return correlate(draft, command)
    case 'Uncorrelate':
      return uncorrelate(draft, command)
    case 'RetireRule':
      return retire(draft, 'ruleRetired')
    case 'RetireResource':
      return retire(draft, 'resourceRetired')
    case 'Purge':
      return purge(draft)
  }
}
