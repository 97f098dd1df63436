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
  202: 503, // TOO_MANY_SIMULTANEOUS_QUERIES
}
/** Faults of the text or its data; everything unlisted is 500. */
const badRequest = new Set([
  6, 26, 27, 33, 34, 36, 38, 41, 43, 44, 50, 53, 62, 69, 70, 72, 73, 115, 117, 131, 158, 168, 190, 349, 386, 394, 395, 396, 456, 457,
])

export const statusOf = (error: EngineError): number => statusByCode[error.code] ?? (badRequest.has(error.code) ? 400 : 500)
