/** The one place where whatever was thrown becomes a problem (RFC 9457). Nothing of a stack, a query or a token goes out. */
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError } from '../runtime/errors.ts'
import { type Problem, ProblemError, problem } from './domain/problems.ts'

export const answerErrors = (app: FastifyInstance): void => {
  app.setErrorHandler((error: FastifyError, request, reply) => send(reply, problemOf(error, request)))
}

export const send = (reply: FastifyReply, answer: Problem): FastifyReply =>
  reply
    .code(answer.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(answer)

const problemOf = (error: FastifyError, request: FastifyRequest): Problem => {
  const { log } = request
  if (error instanceof ProblemError) return error.problem
  if (error instanceof AppError) return problemOfAppError(error, log)
  if (error.validation !== undefined) return problemOfValidation(error, request)
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') return problem('BODY_TOO_LARGE', error.message)
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return problem('MEDIA_TYPE_UNSUPPORTED', error.message)
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) return problem('REQUEST_INVALID', error.message)
  log.error({ err: error }, 'a request failed')
  return problem('INTERNAL', 'The request failed; the log of the recorder says why.')
}

const problemOfAppError = (error: AppError, log: FastifyBaseLogger): Problem => {
  switch (error.code) {
    case 'WAREHOUSE_UNAVAILABLE':
      return problem('WAREHOUSE_UNAVAILABLE', 'The warehouse does not answer. Messages are still recorded; ask again in a moment.')
    case 'LOG_DISK_FULL':
    case 'LOG_CLOSED':
      return problem('LOG_UNAVAILABLE', 'The event log takes nothing now, so that nothing was changed; ask again in a moment.')
    default:
      log.error({ err: error }, 'a request failed')
      return problem('INTERNAL', 'The request failed; the log of the recorder says why.')
  }
}

const problemOfValidation = (error: FastifyError, request: FastifyRequest): Problem => {
  const where = { querystring: 'Query', params: 'Path', body: 'Body', headers: 'Headers' }[error.validationContext ?? 'body']
  const details = (error.validation ?? []).map(({ instancePath, message, params }) => {
    const name = instancePath.slice(1)
    if (typeof params['additionalProperty'] === 'string') return `${params['additionalProperty']} is not known here`
    const expected = expectedOf(params)
    if (name !== '' && expected !== null) return `expected ${name} as ${expected}${gotOf(error, request, name)}`
    return `${name === '' ? '' : `${name} `}${message ?? 'is not valid'}${gotOf(error, request, name)}`
  })
  return problem('REQUEST_INVALID', `${where}: ${[...new Set(details)].join('; ').slice(0, 1000)}.`)
}

const expectedOf = ({ allowedValues, type }: Record<string, unknown>): string | null =>
  Array.isArray(allowedValues) ? `one of ${allowedValues.join(', ')}` : typeof type === 'string' ? type : null

/** What came, as it was written; of addresses only: a body may hold what is not for a log or a screen. */
const gotOf = ({ validationContext }: FastifyError, { url, params }: FastifyRequest, name: string): string => {
  if (name === '') return ''
  const given =
    validationContext === 'querystring'
      ? new URLSearchParams(url.slice(url.indexOf('?') + 1)).getAll(name).join('" and "')
      : validationContext === 'params'
        ? (params as Record<string, string | number | boolean>)[name] // Made a number already where one is asked for.
        : undefined
  return given === undefined ? '' : `, got "${String(given).slice(0, 60).toWellFormed()}"`
}
