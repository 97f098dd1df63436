/**
 * What every query is given, and the pieces of SQL that all of them share. Each query file holds the SQL and the type of
 * its rows together. The tenant is the first condition of every read; values travel as `{name:Type}` parameters only, and
 * what a request chooses (sort, aggregate, table) picks from fixed texts.
 * Times leave the warehouse as epoch milliseconds (Float64 is exact to the year 287396), counts as Float64, since 64-bit
 * integers may come as JSON text.
 */
import type { Warehouse } from '../../model/ports.ts'
import type { Step } from '../domain/step.ts'

export type Scope = { warehouse: Warehouse; tenant: string }

/** A column of milliseconds for a DateTime or DateTime64 expression. */
export const msOf = (expression: string): string => `toFloat64(toUnixTimestamp64Milli(toDateTime64(${expression}, 3, 'UTC')))`

/** A time parameter given in epoch milliseconds. */
export const timeParam = (name: string): string => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`

/** The same for a text of `textOfMs`: cheaper to plan, where a statement has many of them. */
export const placedParam = (name: string): string => `{${name}:DateTime64(3, 'UTC')}`
export const textOfMs = (ms: number): string => new Date(Math.max(0, Math.min(ms, lastTimeMs))).toISOString().replace('T', ' ').slice(0, -1)
/** The last day that the engine's times reach. */
const lastTimeMs = Date.UTC(2299, 11, 31)

/** Believed device times lie at most 5 minutes ahead of arrival, so rows observed from T on arrived after T - 5 min. */
export const observedFrom = (name: string): string =>
  `observed_at >= ${timeParam(name)} AND received_at >= ${timeParam(name)} - INTERVAL 5 MINUTE`

/**
 * Only what had arrived by then: the state as it was known at a moment. Null: all that is known now. Goes with the parameter
 * `known_ms`, which `knownParams` gives.
 */
export const knownBy = (knownMs: number | null): string => (knownMs === null ? '' : ` AND received_at <= ${timeParam('known_ms')}`)
export const knownParams = (knownMs: number | null): Record<string, number> => (knownMs === null ? {} : { known_ms: knownMs })

export const observedRange = `${observedFrom('from_ms')} AND observed_at < ${timeParam('to_ms')}`

/** Start of the step that a time lies in, as local time in `tz` cuts it; epoch milliseconds. */
export const bucketOf = (column: string, step: Step): string =>
  `toFloat64(toUnixTimestamp(toDateTime(toStartOfInterval(${column}, INTERVAL {step:UInt32} ${step.unit.toUpperCase()}, {tz:String}), {tz:String}))) * 1000`
