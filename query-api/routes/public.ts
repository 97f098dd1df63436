/** What needs no token: health, readiness, Prometheus metrics, Avro schemas. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../domain/problems.ts'
import type { RouteContext } from './context.ts'
import { ProblemSchema, query } from './schemas.ts'

const Readiness = Type.Object({ ready: Type.Boolean(), waitingFor: Type.Array(Type.String()) })

export const publicRoutes: FastifyPluginAsyncTypebox<{ context: RouteContext }> = async (app, { context: { deps } }) => {
  app.get(
    '/healthz',
    {
      schema: {
        tags: ['operations'],
        summary: 'The process answers',
        security: [],
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        tags: ['operations'],
        summary: 'Log and warehouse answer, subscriptions are granted, consumers have their partitions',
        security: [],
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      const readiness = await deps.readiness()
      return reply.code(readiness.ready ? 200 : 503).send(readiness)
    },
  )

  app.get(
    '/metrics',
    { schema: { tags: ['operations'], summary: 'Prometheus metrics', security: [], produces: ['text/plain'] } },
    async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await deps.metricsText()),
  )

  app.get(
    '/schemas/ids/:id',
    {
      schema: {
        tags: ['operations'],
        summary: 'An Avro schema by the id in the Confluent frame, as a schema registry answers',
        security: [],
        params: Type.Object({ id: Type.Integer({ minimum: 0, maximum: 2_147_483_647 }) }),
        querystring: query({
          // Registry clients send these; the answer is the same.
          subject: Type.Optional(Type.String()),
          format: Type.Optional(Type.String()),
          fetchMaxId: Type.Optional(Type.Boolean()),
        }),
        response: { 200: Type.Object({ schema: Type.String() }), default: ProblemSchema },
      },
    },
    async (request, reply) => {
      const schema = deps.schemaText(request.params.id)
      if (schema === undefined) {
        // `error_code` and `message` are what registry clients read.
        throw new ProblemError('SCHEMA_UNKNOWN', `No schema has the id ${String(request.params.id)}.`, {
          error_code: 40_403,
          message: 'Schema not found',
        })
      }
      return reply.type('application/vnd.schemaregistry.v1+json').send({ schema })
    },
  )
}
