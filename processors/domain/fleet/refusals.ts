/**
 * What cannot be read (rule 64): of the messages of one firmware, or of what is left of its model, in 15 minutes of arrival. Each
 * partition tells its share when it has passed the window's end; judged when all have. A model is judged without the firmwares
 * that stand by themselves, so that one fault is one alarm.
 */
import { groupResource, type RefusalsSignal } from '../../../model/fleet-signal.ts'
import { ropMs, type Rule } from '../../../model/rule.ts'
import { correlateGroup, nowOf, observeGroup, valuesNow } from './fleet-alarms.ts'
import type { RefusalsState } from './firmware-state.ts'
import { groupWords, percent, splitKey } from './group-words.ts'
import { type FleetTurn, parameterOf, ruleOf } from './turn.ts'
import { noteFirmware } from './wordings.ts'

export const refusalsRule = 'platform.dead-letters'
/** Windows that some partition has told and not all have passed: partitions apart by more than two hours lose the oldest. */
export const refusalWindowsMax = 8
/** Firmwares and models in one window of the fleet. */
export const refusalGroupsMax = 2_048
/** Alarms at once. */
export const refusalsStandingMax = 512

const newWindow = (): RefusalsState => ({ kind: 'refusals', byGroup: {} })

export const applyRefusals = (turn: FleetTurn, { firmware, model, fromMs, messages, refused }: RefusalsSignal): void => {
  const { state, overlay } = turn
  if (firmware !== '') noteFirmware(turn, firmware, fromMs)
  if (fromMs + ropMs <= state.nowMs) return // Judged already: a clock that had been ahead was set back.
  const windows = (state.refusals ??= { windows: [], standing: {} }).windows
  if (!windows.includes(fromMs)) {
    windows.push(fromMs)
    windows.sort((one, other) => one - other)
    if (windows.length > refusalWindowsMax) {
      overlay.drop('refusals', String(windows.shift()))
      turn.onLimit('fleet-refusal-windows')
    }
    if (!windows.includes(fromMs)) return
  }
  const { byGroup } = overlay.open('refusals', String(fromMs), newWindow)
  const key = `${model}\n${firmware}`
  let count = byGroup[key]
  if (count === undefined) {
    if (Object.keys(byGroup).length >= refusalGroupsMax) {
      turn.onLimit('fleet-refusal-groups')
      return
    }
    byGroup[key] = count = [0, 0]
  }
  count[0] += messages
  count[1] += refused
}

/** All windows that all partitions have passed, the oldest first. */
export const judgeRefusals = (turn: FleetTurn): void => {
  const { state, overlay } = turn
  const rule = ruleOf(turn, refusalsRule)
  const { refusals } = state
  if (refusals === undefined) return
  const nowMs = nowOf(turn)
  while ((refusals.windows[0] ?? Number.POSITIVE_INFINITY) + ropMs <= nowMs) {
    const fromMs = String(refusals.windows.shift())
    const window = overlay.look('refusals', fromMs)
    if (rule !== undefined && window !== undefined) judgeWindow(turn, rule, window)
    overlay.drop('refusals', fromMs)
  }
  if (rule === undefined) return
  const clearAfterMs = parameterOf(rule, 'clearAfterMs', 86_400_000)
  for (const [key, beyondMs] of Object.entries(refusals.standing))
    if (nowMs - beyondMs >= clearAfterMs)
      end(turn, rule, key, [0, 0], `too few messages of ${groupWords(key)} came for ${Math.round(clearAfterMs / 3_600_000)} h to say more`)
}

type Count = readonly [messages: number, refused: number]

const judgeWindow = (turn: FleetTurn, rule: Rule, { byGroup }: RefusalsState): void => {
  const ofModels = new Map<string, [number, number]>()
  for (const [key, count] of Object.entries(byGroup).sort(([one], [other]) => (one < other ? -1 : 1))) {
    const [model = '', firmware = ''] = key.split('\n')
    const rest = ofModels.get(model) ?? [0, 0]
    ofModels.set(model, rest)
    if (firmware !== '' && judgeGroup(turn, rule, `firmware/${firmware}`, count)) continue
    rest[0] += count[0]
    rest[1] += count[1]
  }
  for (const [model, rest] of ofModels) judgeGroup(turn, rule, `model/${model}`, rest)
}

/** True while its alarm stands. */
const judgeGroup = (turn: FleetTurn, rule: Rule, key: string, count: Count): boolean => {
  const [messages, refused] = count
  const standing = turn.state.refusals?.standing ?? {}
  const stands = key in standing
  const isEnough = messages >= parameterOf(rule, 'messagesMin', 100)
  const share = messages === 0 ? 0 : refused / messages
  if (!isEnough) return stands
  const isClear = share < parameterOf(rule, 'clearBelowShare', 0.002)
  if (stands && isClear) {
    end(turn, rule, key, count, `${inWords(key, count)} could not be read`)
    return false
  }
  if (stands) {
    standing[key] = nowOf(turn)
    return true
  }
  if (share <= parameterOf(rule, 'shareAbove', 0.01) || refused < parameterOf(rule, 'refusedMin', 5)) return false
  if (Object.keys(standing).length >= refusalsStandingMax) {
    turn.onLimit('fleet-refusals-standing')
    return false
  }
  standing[key] = nowOf(turn)
  const reason = `${inWords(key, count)} could not be read`
  const about = { resource: refusalResource(key), qualifier: '' }
  const situation = observeGroup(turn, {
    ...about,
    rule,
    severity: rule.severity,
    verdict: 'active',
    ...evidence(turn, rule, count, reason),
  })
  correlateGroup(turn, { ...about, rule: rule.id }, { situation, role: 'root', reason })
  return true
}

const end = (turn: FleetTurn, rule: Rule, key: string, count: Count, why: string): void => {
  Reflect.deleteProperty(turn.state.refusals?.standing ?? {}, key)
  const told = { resource: refusalResource(key), rule, qualifier: '', severity: rule.severity, verdict: 'inactive' as const }
  observeGroup(turn, { ...told, ...evidence(turn, rule, count, why) })
}

/** Of a key of `standing`. */
export const refusalResource = (key: string): string => groupResource(...splitKey(key))

const inWords = (key: string, [messages, refused]: Count): string =>
  `${refused} of ${messages} messages of ${groupWords(key)} in ${ropMs / 60_000} min (${percent(messages === 0 ? 0 : refused / messages)})`

const evidence = (turn: FleetTurn, rule: Rule, [messages, refused]: Count, reason: string) => {
  const value = valuesNow(turn)
  return {
    values: [
      value('group.reason', reason, ''),
      value('group.refused', refused, '{message}'),
      value('group.messages', messages, '{message}'),
      value('group.share', messages === 0 ? 0 : Math.round((refused / messages) * 10_000) / 10_000, '1'),
    ],
    raiseLevel: parameterOf(rule, 'shareAbove', 0.01),
    clearLevel: parameterOf(rule, 'clearBelowShare', 0.002),
  }
}
