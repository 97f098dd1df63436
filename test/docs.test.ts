/** Docs that state facts are compared with the code that makes them true. `npm run docs` writes the generated ones. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configMarkdown, envExample } from '../runtime/config.ts'
import { errorCodes, runbookOf } from '../runtime/errors.ts'
import { metricsMarkdown } from '../runtime/metrics.ts'

const project = resolve(import.meta.dirname, '..')
const text = (path: string) => readFileSync(join(project, path), 'utf8')
const headings = (path: string) => [...text(path).matchAll(/^## `?([A-Z_]+)`?$/gm)].map((match) => match[1])

describe('generated docs', () => {
  it('docs/reference/config.md is what the settings say', () => {
    expect(text('docs/reference/config.md')).toBe(configMarkdown())
  })

  it('.env.example is what the settings say', () => {
    expect(text('.env.example')).toBe(envExample())
  })
})

describe('docs/reference/metrics.md', () => {
  it('is what the metrics say', () => {
    expect(text('docs/reference/metrics.md')).toBe(metricsMarkdown())
  })
})

describe('docs/reference/errors.md', () => {
  it('has a heading for each code, and no other', () => {
    expect(headings('docs/reference/errors.md').sort()).toEqual(Object.keys(errorCodes).sort())
  })

  it("each operator's code has a runbook, and each runbook a code", () => {
    const expected = (Object.keys(errorCodes) as (keyof typeof errorCodes)[]).map(runbookOf).filter((path) => path !== undefined)
    expect(expected.filter((path) => !existsSync(join(project, path)))).toEqual([])
    const pages = readdirSync(join(project, 'docs/runbooks')).map((file) => `docs/runbooks/${file}`)
    expect(pages.sort()).toEqual(expected.sort())
  })
})

describe('docs/reference/dependencies.md', () => {
  it('gives one reason for each package, and names no other', () => {
    const { dependencies, devDependencies } = JSON.parse(text('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const named = [...text('docs/reference/dependencies.md').matchAll(/^\| `([^`]+)` \| \S/gm)].map((match) => match[1])
    expect(named.sort()).toEqual([...Object.keys(dependencies), ...Object.keys(devDependencies)].sort())
  })

  it('every version in package.json is exact', () => {
    const { dependencies, devDependencies } = JSON.parse(text('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const versions = Object.entries({ ...dependencies, ...devDependencies })
    expect(versions.filter(([, version]) => !/^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
  })
})

it('no link in a page points to a missing file', () => {
  const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...markdownIn('docs')]
  const broken = pages.flatMap((page) =>
    [...text(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !existsSync(resolve(project, page, '..', target)))
      .map((target) => `${page}: ${target}`),
  )
  expect(broken).toEqual([])
})

const markdownIn = (folder: string): string[] =>
  readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file))
