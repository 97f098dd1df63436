/**
 * A stream's state as it is stored: only what differs from a stream that nothing ever happened to. Most streams that have a
 * state at all are long normal again, and then this is a few numbers. A stream without a state costs nothing.
 */
import { type AlarmState, initialAlarmState } from './alarm-state.ts'

export type PackedAlarm = Partial<AlarmState>

const initialTexts = new Map(Object.entries(initialAlarmState).map(([key, value]) => [key, JSON.stringify(value)]))

/** Null: nothing worth keeping. */
export const packAlarm = (state: AlarmState): PackedAlarm | null => {
  const entries = Object.entries(state).filter(([key, value]) => !isInitial(key, value))
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

export const unpackAlarm = (packed: PackedAlarm | null | undefined): AlarmState => ({ ...initialAlarmState, ...packed })

const isInitial = (key: string, value: unknown): boolean =>
  typeof value === 'object' ? JSON.stringify(value) === initialTexts.get(key) : value === initialAlarmState[key as keyof AlarmState]
