/** POST /parse: what a message becomes, or why it does not; nothing is stored. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../domain/problems.ts'
import type { RouteContext } from './context.ts'
import { answers, query } from './schemas.ts'

export const parseRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context }) => {
  app.post(
    '/parse',
    {
      schema: {
        tags: ['parse'],
        summary: 'What a message becomes, or why not; nothing is stored',
        querystring: query({}),
        body: Type.Object(
          {
            topic: Type.String({ maxLength: 65_535, examples: ['dwr/311-a1/00-11-22-33-44-55/hardware/loadavg'] }),
            payload: Type.Optional(Type.String({ description: 'Text, sent as UTF-8.', examples: ['{"load1":0.4}'] })),
            payloadBase64: Type.Optional(Type.String({ description: 'Bytes, instead of payload.' })),
          },
          { additionalProperties: false },
        ),
        response: answers(Type.Unknown()),
      },
    },
    async (request) => context.deps.parse(request.body.topic, payloadOf(request.body)),
  )
}

const payloadOf = ({ payload, payloadBase64 }: { payload?: string; payloadBase64?: string }): Uint8Array => {
  if ((payload === undefined) === (payloadBase64 === undefined)) {
    throw new ProblemError('REQUEST_INVALID', 'Expected either payload or payloadBase64.')
  }
  if (payloadBase64 === undefined) return new TextEncoder().encode(payload)
  const bytes = Buffer.from(payloadBase64, 'base64')
  // Buffer skips what is no Base64; a payload that was mangled on the way shall not be judged.
  if (bytes.toString('base64').replace(/=+$/, '') !== payloadBase64.replace(/=+$/, '')) {
    throw new ProblemError('REQUEST_INVALID', 'Expected payloadBase64 as Base64 (RFC 4648 section 4).', { parameter: 'payloadBase64' })
  }
  return bytes
}
