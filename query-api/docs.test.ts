/** The project's pages at /docs: served from a fixed list without a token, each link leads somewhere, each rule has its runbook. */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadRuleSet } from '../app/rules-file.ts'
import { runbookUrlOf } from './domain/docs-pages.ts'
import { testDeps } from './fakes.ts'
import { loadPageFiles } from './main.ts'
import { createServer } from './server.ts'

const files = loadPageFiles().filter(({ path }) => path === '/docs' || path.startsWith('/docs/'))
const byPath = new Map(files.map(({ path, body }) => [path, body]))
const headers = { host: 'localhost' }
let app: FastifyInstance
beforeAll(async () => {
  app = await createServer(testDeps(), loadPageFiles())
})
afterAll(() => app.close())

describe('pages of the docs', () => {
  it('are read without a token, as HTML that runs nothing', async () => {
    const answer = await app.inject({ url: '/docs/runbooks/port-in-use', headers })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(answer.headers['content-security-policy']).not.toContain('unsafe')
    expect(answer.body).toContain('<h1 id=')
    expect((await app.inject({ url: '/docs', headers })).statusCode).toBe(200)
  })

  it('are all reached from the first', () => {
    expect(
      files.filter(({ path }) => path !== '/docs' && !byPath.get('/docs')?.includes(`href="${path}"`)).map(({ path }) => path),
    ).toEqual([])
  })

  it.each([
    '/docs/runbooks/none',
    '/docs/runbooks',
    '/docs/runbooks/port-in-use.md',
    '/docs/../package.json',
    '/docs/..%2fpackage.json',
    '/docs/%2e%2e/%2e%2e/etc/passwd',
    '/docs//etc/passwd',
    '/docs/runbooks/..%5c..%5cpackage',
    '/docs/runbooks/port-in-use%00',
  ])('%s is no page', async (url) => {
    expect((await app.inject({ url, headers })).statusCode).toBe(404)
  })

  it('lead only to pages and headings that are there', () => {
    const dead = files.flatMap(({ path, body }) =>
      [...body.matchAll(/<a href="([^"]*)"/g)].flatMap(([, href = '']) => {
        const [page, anchor] = href.startsWith('#') ? [path, href.slice(1)] : href.split('#')
        const target = byPath.get(page ?? '')
        if (page === undefined || !/^\/docs(\/|$)/.test(page)) return []
        return target !== undefined && (anchor === undefined || target.includes(`id="${anchor}"`)) ? [] : [`${path}: ${href}`]
      }),
    )
    expect(dead).toEqual([])
  })
})

it('each rule that is shipped has a runbook that is there', () => {
  const served = new Set(byPath.keys())
  const missing = loadRuleSet('').rules.filter(({ runbook }) => {
    const [page = '', anchor] = (runbookUrlOf(runbook, served) ?? '').split('#')
    return byPath.get(page)?.includes(anchor === undefined ? '<h1' : `id="${anchor}"`) !== true
  })
  expect(missing.map(({ id }) => id)).toEqual([])
})
