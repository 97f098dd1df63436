/** Settings that a reader of the public door may choose, with their ranges, and the caps that hold when it chooses none. */
import { EngineError } from './engine-error.ts'

type Range = { max: number } | { pattern: RegExp }

const ranges: Readonly<Record<string, Range>> = {
  max_execution_time: { max: 60 },
  max_threads: { max: 4 },
  max_result_rows: { max: 1_000_000 },
  max_result_bytes: { max: 500_000_000 },
  max_rows_to_read: { max: 2_000_000_000 },
  max_block_size: { max: 1_048_576 },
  limit: { max: Number.MAX_SAFE_INTEGER },
  offset: { max: Number.MAX_SAFE_INTEGER },
  extremes: { max: 1 },
  join_use_nulls: { max: 1 },
  group_by_use_nulls: { max: 1 },
  prefer_column_name_to_alias: { max: 1 },
  asterisk_include_materialized_columns: { max: 1 },
  asterisk_include_alias_columns: { max: 1 },
  session_timezone: { pattern: /^[A-Za-z0-9_+\-/]{0,64}$/ },
  date_time_output_format: { pattern: /^(simple|iso|unix_timestamp)$/ },
  result_overflow_mode: { pattern: /^throw$/ },
}
/** Looks of an answer. None of them names a file. */
const outputSetting = /^output_format_(json|csv|tsv|pretty|native|decimal|values|parquet|arrow|write)_[a-z0-9_]+$/
const plainValue = /^[A-Za-z0-9_.,;:+\-/ ]{0,64}$/

/** Null when allowed, else why not. `value` without quotes. */
export const settingRefusal = (name: string, value: string): string | null => {
  const range = Object.hasOwn(ranges, name) ? ranges[name] : undefined
  if (range === undefined) return outputSetting.test(name) && plainValue.test(value) ? null : `Setting ${name} may not be changed here`
  if ('pattern' in range) return range.pattern.test(value) ? null : `Setting ${name} may not be "${value.slice(0, 40)}" here`
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Number.NaN
  // Zero means "without limit" for the caps.
  const min = name.startsWith('max_') ? Number.MIN_VALUE : 0
  return number >= min && number <= range.max ? null : `Setting ${name} may be up to ${range.max} here, got "${value.slice(0, 40)}"`
}

export const checkSetting = (name: string, value: string): void => {
  const refusal = settingRefusal(name, value)
  if (refusal !== null) throw new EngineError(452, 'SETTING_CONSTRAINT_VIOLATION', refusal)
}

/** SETTINGS inside the text: only these two, for clients that bound their look-ups. */
export const isInnerSettingAllowed = (name: string, value: string): boolean =>
  (name === 'max_execution_time' || name === 'max_threads') && /^\d{1,2}$/.test(value) && Number(value) > 0 && Number(value) <= 60

export const rowsMax = 1_000_000
export const bytesMax = 500_000_000

export const caps = (memoryBytesMax: number): ReadonlyMap<string, string> =>
  new Map([
    ['max_execution_time', '30'],
    ['max_memory_usage', String(memoryBytesMax)],
    ['max_rows_to_read', '2000000000'],
    ['max_result_rows', String(rowsMax)],
    ['max_result_bytes', String(bytesMax)],
    ['result_overflow_mode', 'throw'],
    ['read_overflow_mode', 'throw'],
    ['timeout_overflow_mode', 'throw'],
    ['max_threads', '2'],
  ])
