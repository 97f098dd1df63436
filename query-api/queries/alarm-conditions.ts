/** A filter of alarms in SQL, over `alarm_episodes`. */
import type { AlarmFilter } from '../domain/alarm-row.ts'
import { timeParam } from './scope.ts'

/** `fixed` never change of an episode; `changing`: `fits` of `alarm-row.ts` says the same of a row. */
export type AlarmConditions = { fixed: string[]; changing: string[]; params: Record<string, unknown> }

export const alarmConditions = (filter: AlarmFilter): AlarmConditions => {
  const fixed: string[] = []
  const changing: string[] = []
  const params: Record<string, unknown> = {}
  const set = (more: Record<string, unknown>): void => void Object.assign(params, more)
  const { subject, site, type, foundLate, severities, situation, role, symptoms, fromMs, toMs, state } = filter
  if (subject !== null) {
    fixed.push('subject = {subject:String}')
    set({ subject })
  }
  if (site !== null) {
    fixed.push(
      '(subject = {site:String} OR subject IN (SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND site = {site:String}))',
    )
    set({ site })
  }
  if (type !== null) {
    fixed.push('type = {type:String}')
    set({ type })
  }
  if (filter.class !== null) {
    fixed.push(ofClass(filter.class))
    set({ class: filter.class })
  }
  if (foundLate !== null) fixed.push(`found_late = ${foundLate ? '1' : '0'}`)

  if (severities !== null) {
    changing.push('severity IN {severities:Array(String)}')
    set({ severities: [...severities] })
  }
  if (situation !== null) {
    changing.push('situation IN {situations:Array(String)}')
    set({ situations: [...situation] })
  }
  if (role !== undefined) {
    changing.push('situation_role = {role:String}')
    set({ role })
  }
  if (symptoms === false) changing.push("situation_role != 'symptom'")
  if (filter.operator !== null) {
    changing.push('toString(operator) = {operator:String}')
    set({ operator: filter.operator })
  }
  changing.push(...handling(filter))
  if (fromMs !== null) {
    changing.push(`(isNull(cleared_at) OR cleared_at >= ${timeParam('from_ms')})`)
    set({ from_ms: fromMs })
  }
  if (toMs !== null) {
    changing.push(`raised_at < ${timeParam('to_ms')}`)
    set({ to_ms: toMs })
  }
  if (state === 'active') changing.push('isNull(cleared_at) AND retracted = 0')
  if (state === 'cleared') changing.push('isNotNull(cleared_at) AND retracted = 0 AND purged = 0')
  return { fixed, changing, params }
}

/** What people and windows did about it, and what holds it down. */
const handling = ({ acknowledged, shelved, suppressed, maintenance }: AlarmFilter): string[] => [
  ...(acknowledged === null ? [] : [`operator ${acknowledged ? '!=' : '='} 'none'`]),
  ...(shelved === null ? [] : [`shelf ${shelved ? '!=' : '='} 'none'`]),
  ...(suppressed === null ? [] : [`${suppressed ? 'notEmpty' : 'empty'}(suppressed_by)`]),
  ...(maintenance === null ? [] : [`${maintenance ? '' : 'NOT '}arrayExists(by -> position(by, ':') = 0, suppressed_by)`]),
]

const macPattern = '^([0-9a-f]{2}-){5}[0-9a-f]{2}$'

/** What the inventory does not say is a home device. */
const ofClass = (name: 'critical' | 'business' | 'home'): string => {
  const among = (classes: string): string =>
    `(SELECT device_id FROM devices FINAL WHERE tenant = {tenant:String} AND class IN (${classes}))`
  return name === 'home'
    ? `subject NOT IN ${among("'critical', 'business'")} AND match(subject, '${macPattern}')`
    : `subject IN ${among('{class:String}')}`
}
