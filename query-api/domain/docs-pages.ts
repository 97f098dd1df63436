/** The project's guides, reference and runbooks as pages below /docs, and the address of a rule's runbook among them. */
import { escapeHtml, renderMarkdown } from './markdown.ts'

/** `path` below `docs/`, like `runbooks/port-in-use.md`. */
export type DocsText = { path: string; text: string }
export type DocsPage = { path: string; html: string }

/** `docs/README.md` is /docs itself. Links to what is no page here (files of the project) are left as words. */
export const docsPages = (texts: readonly DocsText[]): DocsPage[] => {
  const listed = new Set(texts.map(({ path }) => path))
  return texts.map(({ path, text }) => ({
    path: addressOf(path),
    html: pageOf(
      titleOf(text) ?? path,
      renderMarkdown(path === index ? text + contents(texts) : text, (target) => hrefOf(path, target, listed)),
    ),
  }))
}

/** Null: it is no page that is served here, and no address. `served`: paths of all pages. */
export const runbookUrlOf = (runbook: string, served: ReadonlySet<string>): string | null => {
  if (isWebAddress(runbook)) return runbook
  const [, path, anchor = ''] = /^docs\/([\w/-]{1,200}\.md)(#[\w-]{1,200})?$/.exec(runbook) ?? []
  if (path === undefined) return null
  const address = addressOf(path)
  return served.has(address) ? address + anchor : null
}

const index = 'README.md'

/** All pages by their folders, so that each is reached. */
const contents = (texts: readonly DocsText[]): string =>
  ['guides', 'reference', 'runbooks', 'decisions']
    .map((folder) => [folder, texts.filter(({ path }) => path.startsWith(`${folder}/`))] as const)
    .filter(([, pages]) => pages.length > 0)
    .map(([folder, pages]) => `\n\n## ${folder}\n\n${pages.map(({ path, text }) => `- [${titleOf(text) ?? path}](${path})`).join('\n')}`)
    .join('')

const addressOf = (path: string): string => (path === index ? '/docs' : `/docs/${path.replace(/\.md$/, '')}`)

const isWebAddress = (text: string): boolean => /^https?:\/\/[^\s"<>]+$/.test(text)

const titleOf = (text: string): string | undefined => /^# (.+)$/m.exec(text)?.[1]

const hrefOf = (from: string, target: string, listed: ReadonlySet<string>): string | null => {
  if (isWebAddress(target) || /^#[\w-]+$/.test(target)) return target
  const [path = '', anchor] = target.split('#')
  const parts = from.split('/').slice(0, -1)
  for (const part of path.split('/')) {
    if (part === '..' && parts.pop() === undefined) return null
    if (part !== '..' && part !== '.') parts.push(part)
  }
  const wanted = parts.join('/')
  return listed.has(wanted) ? addressOf(wanted) + (anchor === undefined ? '' : `#${anchor}`) : null
}

const pageOf = (title: string, body: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${escapeHtml(title)} · Fleet Recorder</title>
    <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/page/page.css" />
    <link rel="stylesheet" href="/page/docs.css" />
  </head>
  <body>
    <header class="bar">
      <a class="brand" href="/#/fleet"><img src="/page/icon.svg" alt="" width="20" height="20" />Fleet Recorder</a>
      <nav aria-label="Views">
        <a href="/#/fleet">Fleet</a>
        <a href="/#/alarms">Alarms</a>
        <a href="/docs">Docs</a>
        <a href="/docs/reference/rules">Rules</a>
        <a href="/api/docs">API</a>
      </nav>
    </header>
    <main id="main" class="docs">
${body}
    </main>
  </body>
</html>
`
