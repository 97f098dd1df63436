import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anchorOfHeading, renderMarkdown } from './markdown.ts'

const none = () => null
const linked = (target: string) => `/to/${target}`

describe('a page of Markdown', () => {
  it.each([
    ['# Port in use', '<h1 id="port-in-use">Port in use</h1>'],
    [
      '## `radio.rsrp-poor`\n\n## radio.rsrp-poor',
      '<h2 id="radiorsrp-poor"><code>radio.rsrp-poor</code></h2>\n<h2 id="radiorsrp-poor-1">radio.rsrp-poor</h2>',
    ],
    ['one\ntwo\n\nthree', '<p>one two</p>\n<p>three</p>'],
    ['```sh\ncurl "<x>"\n# no heading\n```\nafter', '<pre><code>curl &quot;&lt;x&gt;&quot;\n# no heading</code></pre>\n<p>after</p>'],
    ['```\nnever closed', '<pre><code>never closed</code></pre>'],
    ['- a\n  more\n- b', '<ul><li><p>a more</p></li><li><p>b</p></li></ul>'],
    ['1. a\n\n2. b\n- c', '<ol><li><p>a</p></li><li><p>b</p></li></ol>\n<ul><li><p>c</p></li></ul>'],
    ['- a\n  - b', '<ul><li><p>a</p>\n<ul><li><p>b</p></li></ul></li></ul>'],
    ['> said\n> by', '<blockquote><p>said by</p></blockquote>'],
    [
      '| a | b |\n| --- | --- |\n| `x \\| y` | \\* |',
      '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>x | y</code></td><td>*</td></tr></tbody></table>',
    ],
    ['**now** `a*b` ![a picture](x.png)', '<p><strong>now</strong> <code>a*b</code> a picture</p>'],
    ['<script>alert(1)</script> & "x"', '<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;</p>'],
  ])('%j', (text, html) => {
    expect(renderMarkdown(text, none)).toBe(html)
  })

  it('links only where it is told, with the target escaped; else the words stay', () => {
    expect(renderMarkdown('[the `rule`](a"b)', linked)).toBe('<p><a href="/to/a&quot;b">the <code>rule</code></a></p>')
    expect(renderMarkdown('[x](javascript:alert(1))', none)).toBe('<p>x)</p>')
  })

  it('has the anchors that links of the pages name', () => {
    expect(anchorOfHeading('`EPISODE_STALE`')).toBe('episode_stale')
    expect(anchorOfHeading('How to change a rule')).toBe('how-to-change-a-rule')
  })

  it('never throws and never lets markup of the text through', () => {
    const pieces = fc.constantFrom(
      '# ',
      '- ',
      '1. ',
      '> ',
      '| a |',
      '| --- |',
      '```',
      '`',
      '**',
      '[',
      '](',
      ')',
      '<img onerror=x>',
      '"',
      '\n',
      '  ',
      'a',
      '\\',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 4 })), { maxLength: 60 }), (parts) => {
        const html = renderMarkdown(parts.join(''), (target) => `/x/${target}`)
        expect(
          html.replaceAll(
            /<\/?(?:h[1-6]|p|ul|ol|li|pre|code|blockquote|table|thead|tbody|tr|th|td|strong|a)(?: (?:id|href)="[^"<>]*")?>/g,
            '',
          ),
        ).not.toMatch(/[<>]/)
      }),
    )
  })
})
