/**
 * The Fastify application without its listener: guards, routes, OpenAPI, page. Before: `routes/*.ts` are called by it.
 * Tests drive it with `app.inject`.
 */
import { randomUUID } from 'node:crypto'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { fastify, type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { answerErrors, send } from './answer-errors.ts'
import type { QueryApiDeps } from './deps.ts'
import { problem } from './domain/problems.ts'
import { openApi } from './open-api.ts'
import type { RouteContext } from './routes/context.ts'
import { alarmActionRoutes } from './routes/alarm-actions.ts'
import { alarmRoutes } from './routes/alarms.ts'
import { oneAlarmRoutes } from './routes/alarm.ts'
import { situationRoutes } from './routes/situations.ts'
import { clockRoutes } from './routes/clock.ts'
import { deadLetterRoutes } from './routes/dead-letters.ts'
import { deviceRoutes } from './routes/devices.ts'
import { explainRoutes } from './routes/explain.ts'
import { exportRoutes } from './routes/export.ts'
import { historyRoutes } from './routes/histories.ts'
import { diffRoutes } from './routes/diff.ts'
import { inventoryRoutes } from './routes/inventory.ts'
import { keepingRoutes } from './routes/keeping.ts'
import { ledgerHopRoutes } from './routes/ledger-hops.ts'
import { ledgerRoutes } from './routes/ledger.ts'
import { maintenanceChangeRoutes } from './routes/maintenance-changes.ts'
import { maintenanceRoutes } from './routes/maintenance.ts'
import { metricRoutes } from './routes/metrics.ts'
import { notificationRoutes } from './routes/notifications.ts'
import { type PageFile, pageRoutes } from './routes/page.ts'
import { parseRoutes } from './routes/parse.ts'
import { publicRoutes } from './routes/public.ts'
import { radioRoutes } from './routes/radio.ts'
import { ruleRoutes } from './routes/rules.ts'
import { stateRoutes } from './routes/state.ts'
import { timelineRoutes } from './routes/timeline.ts'
import { docsPath, guardRequests, requireToken } from './security.ts'

/** An inventory of 100,000 devices as CSV has some 15 MB. */
const bodyBytesMax = 32 * 1024 * 1024
/** A place's id, URL-encoded. */
const pathParamCharsMax = 4096
/** A client that never ends its request must not hold a socket for ever. */
const requestWithinMs = 60_000

export const createServer = async (
  deps: QueryApiDeps,
  pageFiles: readonly PageFile[],
  log?: FastifyBaseLogger,
): Promise<FastifyInstance> => {
  const app = fastify({
    ...(log === undefined ? { logger: false } : { loggerInstance: log }),
    // Silent when healthy: failures are logged where they are answered.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyBytesMax,
    requestTimeout: requestWithinMs,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: pathParamCharsMax },
    // Not `strictNumbers`: with it `limit=1e400` becomes Infinity, of which Ajv then compares neither minimum nor maximum.
    ajv: { customOptions: { strictNumbers: false, removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()

  const context: RouteContext = {
    deps,
    scope: { warehouse: deps.warehouse, tenant: deps.tenant },
    pages: new Set(pageFiles.map(({ path }) => path)),
  }
  const authenticate = requireToken(deps.authenticate)
  app.decorateRequest('actor', '')
  answerErrors(app)
  guardRequests(app, deps.listen)
  for (const type of ['text/csv', 'text/plain']) {
    app.addContentTypeParser(type, { parseAs: 'string' }, (_request, body, done) => {
      done(null, body)
    })
  }
  app.setNotFoundHandler(async (request, reply) => {
    // Which routes exist is told only to those with a token.
    if (request.url.startsWith('/api/v1')) await authenticate(request, reply)
    return send(
      reply,
      problem('ROUTE_UNKNOWN', `${request.method} ${request.url.split('?')[0]?.slice(0, 200) ?? ''} is no route; /api/docs lists them.`),
    )
  })

  await app.register(swagger, openApi)
  await app.register(swaggerUi, {
    routePrefix: docsPath,
    staticCSP: false,
    uiConfig: { docExpansion: 'list', deepLinking: true },
    ...ownLook(pageFiles),
  })
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger())

  await app.register(publicRoutes, { context })
  await app.register(pageRoutes, { files: pageFiles })
  await app.register(
    async (api) => {
      api.addHook('onRequest', authenticate)
      // What a token may see is not for a shared cache.
      api.addHook('onRequest', async (_request, reply) => {
        reply.header('cache-control', 'no-store')
      })
      for (const routes of [
        deviceRoutes,
        stateRoutes,
        diffRoutes,
        timelineRoutes,
        alarmRoutes,
        oneAlarmRoutes,
        alarmActionRoutes,
        situationRoutes,
        maintenanceRoutes,
        maintenanceChangeRoutes,
        notificationRoutes,
        ruleRoutes,
        explainRoutes,
        exportRoutes,
        metricRoutes,
        radioRoutes,
        historyRoutes,
        inventoryRoutes,
        ledgerRoutes,
        ledgerHopRoutes,
        clockRoutes,
        keepingRoutes,
        deadLetterRoutes,
        parseRoutes,
      ]) {
        await api.register(routes, { context })
      }
    },
    { prefix: '/api/v1' },
  )
  await app.ready()
  return app
}

/** Our mark instead of the framework's. */
const ownLook = (pageFiles: readonly PageFile[]) => {
  const icon = pageFiles.find(({ path }) => path.endsWith('/icon.svg'))
  if (icon === undefined) return {}
  const content = Buffer.from(icon.body)
  return {
    logo: { type: icon.contentType, content, href: '/', target: '_self' as const },
    theme: { title: 'Fleet Recorder API', favicon: [{ filename: 'icon.svg', rel: 'icon', sizes: 'any', type: icon.contentType, content }] },
  }
}
