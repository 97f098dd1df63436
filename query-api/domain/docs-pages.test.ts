import { describe, expect, it } from 'vitest'
import { docsPages, runbookUrlOf } from './docs-pages.ts'

const texts = [
  { path: 'README.md', text: '# Docs\n\n[rules](reference/rules.md#a-b)' },
  {
    path: 'reference/rules.md',
    text: '# Rules\n\n[what to do](../runbooks/x.md), [code](../../model/rule.ts), [out](../../../etc/passwd.md), [web](https://example.org/a), [js](javascript:x), [above](#rules)',
  },
  { path: 'runbooks/x.md', text: 'no title' },
]
const pages = docsPages(texts)
const served = new Set(pages.map(({ path }) => path))

describe('pages of the docs', () => {
  it('are at the address of their file, the first at /docs', () => {
    expect(pages.map(({ path }) => path)).toEqual(['/docs', '/docs/reference/rules', '/docs/runbooks/x'])
    expect(pages.map(({ html }) => /<title>(.*)<\/title>/.exec(html)?.[1])).toEqual([
      'Docs · Fleet Recorder',
      'Rules · Fleet Recorder',
      'runbooks/x.md · Fleet Recorder',
    ])
  })

  it('link each other and the web, and nothing else', () => {
    const links = (at: number) =>
      [...((pages[at]?.html ?? '').split('<main')[1]?.matchAll(/href="([^"]*)"/g) ?? [])].map((match) => match[1])
    expect(links(0)).toEqual(['/docs/reference/rules#a-b', '/docs/reference/rules', '/docs/runbooks/x'])
    expect(links(1)).toEqual(['/docs/runbooks/x', 'https://example.org/a', '#rules'])
  })
})

describe('the address of a runbook', () => {
  it.each([
    ['docs/reference/rules.md#radiorsrp-poor', '/docs/reference/rules#radiorsrp-poor'],
    ['docs/runbooks/x.md', '/docs/runbooks/x'],
    ['https://wiki.example/run?book=1#a', 'https://wiki.example/run?book=1#a'],
    ['docs/runbooks/none.md', null],
    ['docs/../secrets.md', null],
    ['javascript:alert(1)', null],
    ['https://a b', null],
    ['ask Eve', null],
  ])('%s is %s', (runbook, address) => {
    expect(runbookUrlOf(runbook, served)).toBe(address)
  })
})
