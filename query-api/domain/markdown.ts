/**
 * The project's own pages as HTML: headings with the anchors that links of the pages use, paragraphs, lists, tables, code, quotes.
 * All text is escaped, so that no page can carry markup, and a link goes only where `hrefOf` says; null leaves its words alone.
 */
export type HrefOf = (target: string) => string | null

export const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** A page quotes lists in quotes in lists; deeper is text. */
const depthMax = 6

export const renderMarkdown = (text: string, hrefOf: HrefOf): string => blocks(text.split(/\r?\n/), hrefOf, new Map(), 0).join('\n')

/** The anchor of a heading as readers of Markdown on the web make it. */
export const anchorOfHeading = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-')

type Anchors = Map<string, number>

const blocks = (lines: readonly string[], hrefOf: HrefOf, anchors: Anchors, depth: number): string[] => {
  const html: string[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at] ?? ''
    if (line.trim() === '') {
      at++
      continue
    }
    const nested = (inner: readonly string[]): string =>
      depth < depthMax ? blocks(inner, hrefOf, anchors, depth + 1).join('\n') : escapeHtml(inner.join(' '))
    const [block, next] = blockAt(lines, at, hrefOf, anchors, nested)
    html.push(block)
    at = next
  }
  return html
}

const fence = /^\s{0,3}```/
const heading = /^(#{1,6})\s+(.*)$/
const item = /^([-*]|\d{1,3}\.)\s+/
const tableRule = /^\|(?:\s*:?-+:?\s*\|)+\s*$/

/** The block that begins at a line that is not blank, and the line behind it. */
const blockAt = (
  lines: readonly string[],
  at: number,
  hrefOf: HrefOf,
  anchors: Anchors,
  nested: (inner: readonly string[]) => string,
): [string, number] => {
  const line = lines[at] ?? ''
  if (fence.test(line)) {
    const end = endOf(lines, at + 1, (one) => !fence.test(one))
    return [`<pre><code>${escapeHtml(lines.slice(at + 1, end).join('\n'))}</code></pre>`, end + 1]
  }
  const [, marks, title] = heading.exec(line) ?? []
  if (marks !== undefined && title !== undefined) {
    const tag = `h${String(marks.length)}`
    return [`<${tag} id="${escapeHtml(freshAnchor(anchorOfHeading(title), anchors))}">${inline(title, hrefOf)}</${tag}>`, at + 1]
  }
  if (line.startsWith('>')) {
    const end = endOf(lines, at, (one) => one.startsWith('>'))
    return [`<blockquote>${nested(lines.slice(at, end).map((one) => one.replace(/^> ?/, '')))}</blockquote>`, end]
  }
  if (line.startsWith('|') && tableRule.test(lines[at + 1] ?? '')) {
    const end = endOf(lines, at, (one) => one.startsWith('|'))
    return [table(lines.slice(at, end), hrefOf), end]
  }
  if (item.test(line)) return list(lines, at, nested)
  const end = endOf(lines, at + 1, (one) => one.trim() !== '' && !startsBlock(one))
  return [
    `<p>${inline(
      lines
        .slice(at, end)
        .map((one) => one.trim())
        .join(' '),
      hrefOf,
    )}</p>`,
    end,
  ]
}

const startsBlock = (line: string): boolean =>
  fence.test(line) || heading.test(line) || item.test(line) || line.startsWith('>') || line.startsWith('|')

const endOf = (lines: readonly string[], from: number, holds: (line: string) => boolean): number => {
  let end = from
  while (end < lines.length && holds(lines[end] ?? '')) end++
  return end
}

const freshAnchor = (anchor: string, anchors: Anchors): string => {
  const seen = anchors.get(anchor) ?? 0
  anchors.set(anchor, seen + 1)
  return seen === 0 ? anchor : `${anchor}-${String(seen)}`
}

/** Lines of an item are indented behind its mark; a blank line between items does not end the list. */
const list = (lines: readonly string[], at: number, nested: (inner: readonly string[]) => string): [string, number] => {
  const isNumbered = /^\d/.test(lines[at] ?? '')
  const items: string[][] = []
  let end = at
  for (; end < lines.length; end++) {
    const line = lines[end] ?? ''
    const mark = item.exec(line)?.[0]
    const isNext = mark !== undefined && /^\d/.test(line) === isNumbered
    if (isNext) items.push([line.slice(mark.length)])
    else if (/^\s+\S/.test(line)) items.at(-1)?.push(line.replace(/^\s{1,3}/, ''))
    else if (line.trim() === '' && continues(lines, end + 1, isNumbered)) items.at(-1)?.push('')
    else if (line.trim() !== '' && !startsBlock(line)) items.at(-1)?.push(line)
    else break
  }
  const tag = isNumbered ? 'ol' : 'ul'
  return [`<${tag}>${items.map((inner) => `<li>${nested(inner)}</li>`).join('')}</${tag}>`, end]
}

const continues = (lines: readonly string[], at: number, isNumbered: boolean): boolean => {
  const line = lines[at] ?? ''
  return /^\s+\S/.test(line) || (item.test(line) && /^\d/.test(line) === isNumbered)
}

const table = ([head = '', , ...rows]: readonly string[], hrefOf: HrefOf): string => {
  const cells = (line: string, tag: 'th' | 'td'): string =>
    line
      .trim()
      .replace(/^\|/, '')
      .replace(/(?<!\\)\|$/, '')
      .split(/(?<!\\)\|/)
      .map((cell) => `<${tag}>${inline(cell.trim().replaceAll('\\|', '|'), hrefOf)}</${tag}>`)
      .join('')
  return `<table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('')}</tbody></table>`
}

/** An escaped sign, code, a picture (its words only), a link, strong words. */
const spans =
  /\\([\\`*_{}[\]()#+.!|<>~-])|(`{1,3})([^`](?:.*?[^`])?)\2(?!`)|!\[([^\]]{0,300})\]\([^)\s]{0,500}\)|\[((?:\\.|`[^`]*`|[^\]\\`]){1,500})\]\(([^)\s]{1,500})\)|\*\*([^*]{1,500})\*\*/g

const inline = (text: string, hrefOf: HrefOf): string => {
  let html = ''
  let from = 0
  for (const match of text.matchAll(spans)) {
    const [all, escaped, , code, picture, words, target, strong] = match
    html += escapeHtml(text.slice(from, match.index))
    from = match.index + all.length
    if (escaped !== undefined) html += escapeHtml(escaped)
    else if (code !== undefined) html += `<code>${escapeHtml(code)}</code>`
    else if (picture !== undefined) html += escapeHtml(picture)
    else if (words !== undefined && target !== undefined)
      html += link(
        inline(words, () => null),
        hrefOf(target),
      )
    else if (strong !== undefined) html += `<strong>${inline(strong, hrefOf)}</strong>`
  }
  return html + escapeHtml(text.slice(from))
}

const link = (words: string, href: string | null): string => (href === null ? words : `<a href="${escapeHtml(href)}">${words}</a>`)
