/** The engine's errors as ClickHouse's HTTP interface tells them: code, name, text, status. */

export class EngineError extends Error {
  readonly code: number
  readonly codeName: string

  constructor(code: number, codeName: string, message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
    this.codeName = codeName
  }
}

/** From chdb's text `Code: 62. DB::Exception: ... (SYNTAX_ERROR)`; anything else is code 1002, UNKNOWN_EXCEPTION. */
export const toEngineError = (error: unknown): EngineError => {
  if (error instanceof EngineError) return error
  // Errors of a file's content come with the prefix twice.
  const text = (error instanceof Error ? error.message : String(error)).replace(/^(Code: \d+\. DB::Exception: )\1/, '$1')
  const parts = /Code: (\d+)\. DB::Exception: ([\s\S]*?)\s*(?:\(([A-Z][A-Z0-9_]+)\))?\s*$/.exec(text)
  if (parts?.[1] === undefined) return new EngineError(1002, 'UNKNOWN_EXCEPTION', text)
  return new EngineError(Number(parts[1]), parts[3] ?? 'UNKNOWN_EXCEPTION', parts[2] ?? '')
}

export const engineVersion = '26.7.2.1'

/** As ClickHouse writes it; clients read the code from this form. */
export const errorText = (error: EngineError): string =>
  `Code: ${error.code}. DB::Exception: ${error.message.replace(/[.\s]*$/, '.')} (${error.codeName}) (version ${engineVersion} (official build))\n`

const statusByCode: Readonly<Record<number, number>> = {
  194: 401, // REQUIRED_PASSWORD
  193: 403, // WRONG_PASSWORD
  516: 403, // AUTHENTICATION_FAILED
  192: 403, // UNKNOWN_USER
  497: 403, // ACCESS_DENIED
  164: 403, // READONLY
  452: 403, // SETTING_CONSTRAINT_VIOLATION
  446: 403, // FUNCTION_NOT_ALLOWED
  60: 404, // UNKNOWN_TABLE
  81: 404, // UNKNOWN_DATABASE
  46: 404, // UNKNOWN_FUNCTION
  63: 404, // UNKNOWN_AGGREGATE_FUNCTION
  47: 404, // UNKNOWN_IDENTIFIER
  159: 408, // TIMEOUT_EXCEEDED
  307: 413, // TOO_MANY_BYTES
  241: 413, // MEMORY_LIMIT_EXCEEDED: the reader's cap
  202: 503, // TOO_MANY_SIMULTANEOUS_QUERIES
}
/**
 * Faults of the engine or of what it stands on. All others are the statement's or its data's: ClickHouse answers many of them
 * with 500, but who watches a door by its 5xx must not be woken by a reader's typing error.
 */
const ownFaults = new Set([
  49, // LOGICAL_ERROR
  74, // CANNOT_READ_FROM_FILE_DESCRIPTOR
  75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR
  76, // CANNOT_OPEN_FILE
  173, // CANNOT_ALLOCATE_MEMORY
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  236, // ABORTED
  243, // NOT_ENOUGH_SPACE
  246, // CORRUPTED_DATA
  252, // TOO_MANY_PARTS
  425, // SYSTEM_ERROR
  439, // CANNOT_SCHEDULE_TASK
  999, // KEEPER_EXCEPTION
  1000, // POCO_EXCEPTION
  1001, // STD_EXCEPTION
  1002, // UNKNOWN_EXCEPTION
])

/** A name in the statement (of a table's column, looked for as a file) that no file system takes. */
const isNameTooLong = ({ code, message }: EngineError): boolean => code === 1001 && message.includes('File name too long')

export const statusOf = (error: EngineError): number =>
  statusByCode[error.code] ?? (ownFaults.has(error.code) && !isNameTooLong(error) ? 500 : 400)
