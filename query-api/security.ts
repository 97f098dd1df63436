/**
 * What stands before every route: the Host and Origin checks that stop DNS rebinding, the headers that keep a page from
 * running what a device wrote, and the bearer token of all of /api/v1.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isLoopbackHost } from '../runtime/loopback.ts'
import type { QueryApiDeps } from './deps.ts'
import { ProblemError } from './domain/problems.ts'

/** uPlot sets styles through the DOM, which needs no `unsafe-inline`. */
const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
/** Swagger UI writes style attributes and inline SVG; scripts still come from here only. */
const docsPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const docsPath = '/api/docs'

export const guardRequests = (app: FastifyInstance, listen: QueryApiDeps['listen']): void => {
  const loopback = isLoopbackHost(listen.host)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy': request.url.startsWith(docsPath) ? docsPolicy : pagePolicy,
    })
    checkHost(request, loopback)
    checkOrigin(request)
  })
}

/** A page of the attacker whose name now resolves to 127.0.0.1 still sends its own name as Host. */
const checkHost = (request: FastifyRequest, loopback: boolean): void => {
  if (!loopback) return
  const host = (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  if (!isLoopbackHost(host)) {
    throw new ProblemError(
      'HOST_NOT_ALLOWED',
      `Expected the Host header localhost or 127.0.0.1, since this listens on loopback only, got ${JSON.stringify(host.slice(0, 100))}.`,
    )
  }
}

const checkOrigin = (request: FastifyRequest): void => {
  const { origin, host } = request.headers
  if (origin === undefined) return
  if (!URL.canParse(origin) || new URL(origin).host !== (host ?? '').toLowerCase()) {
    throw new ProblemError('ORIGIN_NOT_ALLOWED', 'Expected a request of this page or of no page; other origins are not served.')
  }
}

/** The tenant and the actor come from the token only. */
export const requireToken =
  (authenticate: QueryApiDeps['authenticate']) =>
  async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const token = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(request.headers.authorization ?? '')?.[1]
    const known = token === undefined ? null : await authenticate(token)
    if (known === null) {
      reply.header('www-authenticate', 'Bearer realm="fleet-recorder"')
      throw new ProblemError(
        'UNAUTHENTICATED',
        token === undefined ? 'Expected the header Authorization: Bearer <token>.' : 'The bearer token is not known.',
      )
    }
    request.actor = known.actor
  }
