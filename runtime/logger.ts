/**
 * Pino, one JSON object a line on standard output (a short human form when that is a terminal). Quiet when healthy.
 * Objects first, sentence second. An AppError's line carries its code and the page that tells what to do.
 */
import { type Logger as PinoLogger, pino } from 'pino'
import { AppError, runbookOf } from './errors.ts'

export type Logger = PinoLogger

export const createLogger = (level: string): Logger => pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime })

/** What a log line says of an error: code and runbook for ours, the stack for the unexpected. */
export const describeError = (error: unknown): Record<string, unknown> => {
  if (error instanceof AppError) {
    const runbook = runbookOf(error.code)
    return {
      code: error.code,
      error: error.message,
      ...(error.cause === undefined ? {} : { cause: causeText(error.cause) }),
      ...(runbook === undefined ? {} : { runbook }),
    }
  }
  return error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) }
}

const causeText = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
