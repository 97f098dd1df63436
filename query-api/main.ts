/**
 * Starts the query API: the last stop of the walk. Before: the rows that `processors/` wrote.
 *
 * Rejects with PORT_IN_USE when the port is taken. `stop` lets running requests end.
 */
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import { readTextFile, readTextFiles } from '../adapters/system/text-file.ts'
import { AppError } from '../runtime/errors.ts'
import type { QueryApi, QueryApiDeps } from './deps.ts'
import { docsPages } from './domain/docs-pages.ts'
import type { PageFile } from './routes/page.ts'
import { createServer } from './server.ts'

const contentTypes = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
}

/** Served path and file below `page/`. */
const pageFileNames = [
  'index.html',
  'page.css',
  'docs.css',
  'main.js',
  'situations.js',
  'alarm.js',
  'alarms.js',
  'alarm-actions.js',
  'alarm-filters.js',
  'alarm-row.js',
  'api.js',
  'dom.js',
  'format.js',
  'charts.js',
  'fleet.js',
  'clocks.js',
  'device.js',
  'device-alarms.js',
  'device-charts.js',
  'device-clock.js',
  'device-delivery.js',
  'device-diff.js',
  'device-explain.js',
  'device-history.js',
  'device-logs.js',
  'device-state.js',
  'device-timeline.js',
  'dead-letters.js',
  'keeping.js',
  'known-at.js',
  'time-input.js',
  'maintenance.js',
  'ledger.js',
  'ledger-hops.js',
  'icon.svg',
] as const

export const loadPageFiles = (): PageFile[] => [
  ...pageFileNames.map((name) => ({
    path: name === 'index.html' ? '/' : `/page/${name}`,
    contentType: contentTypes[name.split('.')[1] as keyof typeof contentTypes],
    body: readTextFile(fileURLToPath(new URL(`page/${name}`, import.meta.url))),
  })),
  { path: '/page/uplot.js', contentType: contentTypes.js, body: readTextFile(uplotFile('uPlot.esm.js')) },
  ...docsPages(readTextFiles(fileURLToPath(new URL('../docs', import.meta.url)), '.md')).map(({ path, html }) => ({
    path,
    contentType: contentTypes.html,
    body: html,
  })),
  { path: '/page/uplot.css', contentType: contentTypes.css, body: readTextFile(uplotFile('uPlot.min.css')) },
]

const uplotFile = (name: string): string => fileURLToPath(new URL(name, import.meta.resolve('uplot')))

export const startQueryApi = async (deps: QueryApiDeps, log?: FastifyBaseLogger): Promise<QueryApi> => {
  const app = await createServer(deps, loadPageFiles(), log)
  try {
    await app.listen({ host: deps.listen.host, port: deps.listen.port })
  } catch (error) {
    await app.close()
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new AppError('PORT_IN_USE', `HTTP ${deps.listen.host}:${String(deps.listen.port)} is in use by another program`, { cause: error })
  }
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : deps.listen.port
  const host = deps.listen.host.includes(':') && !deps.listen.host.startsWith('[') ? `[${deps.listen.host}]` : deps.listen.host
  let stopping: Promise<void> | undefined
  return {
    url: `http://${host}:${String(port)}`,
    stop: () => {
      stopping ??= app.close().then(() => undefined)
      return stopping
    },
  }
}
