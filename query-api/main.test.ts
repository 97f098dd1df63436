import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { testDeps } from './fakes.ts'
import { loadPageFiles, startQueryApi } from './main.ts'

describe('startQueryApi', () => {
  it('listens, refuses a port in use by name, and stops twice without harm', async () => {
    const api = await startQueryApi(testDeps())
    try {
      expect((await fetch(`${api.url}/healthz`)).status).toBe(200)
      const port = Number(new URL(api.url).port)
      await expect(startQueryApi(testDeps({ listen: { host: '127.0.0.1', port } }))).rejects.toMatchObject({ code: 'PORT_IN_USE' })
    } finally {
      await Promise.all([api.stop(), api.stop()])
      await api.stop()
    }
  })
})

describe('the page', () => {
  const folder = new URL('page/', import.meta.url)
  const sources = readdirSync(folder).map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }))
  const served = loadPageFiles()

  it('serves every file of its folder, and every file that a file names', () => {
    const paths = served.map(({ path }) => path)
    for (const { name } of sources) expect(paths).toContain(name === 'index.html' ? '/' : `/page/${name}`)
    for (const { name, text } of sources) {
      for (const [, file] of text.matchAll(/from '\.\/([\w-]+\.js)'/g))
        expect([name, paths.includes(`/page/${String(file)}`)]).toEqual([name, true])
      for (const [, path] of text.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g))
        expect([name, paths.includes(path ?? '')]).toEqual([name, true])
    }
  })

  it('never turns text into markup, and asks no other host for anything', () => {
    for (const { name, text } of sources) {
      const code = text.replaceAll('http://www.w3.org/2000/svg', '').replaceAll("'http://page'", '')
      expect([name, /innerHTML|outerHTML|insertAdjacent|document\.write|DOMParser|eval\(|new Function|srcdoc/.exec(code)?.[0]]).toEqual([
        name,
        undefined,
      ])
      expect([name, /https?:\/\//.exec(code)?.[0]]).toEqual([name, undefined])
    }
  })

  it('has no script and no style of its own in the markup', () => {
    const html = served[0]?.body ?? ''
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|style=|\son\w+=/)
  })
})
