/**
 * Every error that leaves the program has a code from this one table. Bad input is no error (it is a value, see
 * `model/result.ts`); these are broken surroundings and refused starts. `docs/reference/errors.md` has a heading for each
 * code and a test compares both ways; `runbook: true` codes have a page in `docs/runbooks/`, linked from the log line.
 */

export const errorCodes = {
  CONFIG_INVALID: { runbook: true, retryable: false },
  PORT_IN_USE: { runbook: true, retryable: false },
  DATA_DIR_IN_USE: { runbook: true, retryable: false },
  DATA_DIR_NOT_WRITABLE: { runbook: true, retryable: false },
  RESTORE_UNFINISHED: { runbook: true, retryable: false },
  LOG_DISK_FULL: { runbook: true, retryable: true },
  LOG_OVERLOADED: { runbook: false, retryable: true },
  LOG_UNAVAILABLE: { runbook: true, retryable: true },
  LOG_TOPICS_INVALID: { runbook: true, retryable: false },
  LOG_CLOSED: { runbook: false, retryable: false },
  LOG_PARTITIONS_CHANGED: { runbook: true, retryable: false },
  LOG_OFFSET_BEHIND_RETENTION: { runbook: true, retryable: false },
  STAGE_MARK_BEYOND_LOG: { runbook: true, retryable: false },
  STAGE_FENCED: { runbook: false, retryable: true },
  WAREHOUSE_UNAVAILABLE: { runbook: true, retryable: true },
  WAREHOUSE_REFUSED: { runbook: true, retryable: false },
  REBUILD_DIFFERENCES: { runbook: true, retryable: false },
  MIGRATION_FAILED: { runbook: true, retryable: false },
  KEEPING_INVALID: { runbook: true, retryable: false },
  KEEPING_HELD: { runbook: true, retryable: false },
  RULES_INVALID: { runbook: true, retryable: false },
  TOPICS_INVALID: { runbook: true, retryable: false },
  USERS_FILE_INVALID: { runbook: true, retryable: false },
  MQTT_UNAVAILABLE: { runbook: true, retryable: true },
  MQTT_LOGIN_REFUSED: { runbook: true, retryable: true },
  MQTT_SUBSCRIPTION_REFUSED: { runbook: true, retryable: true },
  WEBHOOK_INVALID: { runbook: true, retryable: false },
  WEBHOOK_FAILING: { runbook: true, retryable: true },
  TLS_FILES_INVALID: { runbook: true, retryable: false },
} as const satisfies Record<string, { runbook: boolean; retryable: boolean }>

export type ErrorCode = keyof typeof errorCodes

/** `message` says what was expected and what came; `retryable` tells the caller whether the same call may succeed later. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryable?: boolean } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.retryable = options.retryable ?? errorCodes[code].retryable
  }
}

/** The page that tells an operator what to do, relative to the project's folder; undefined when the code has none. */
export const runbookOf = (code: ErrorCode): string | undefined =>
  errorCodes[code].runbook ? `docs/runbooks/${code.toLowerCase().replaceAll('_', '-')}.md` : undefined
