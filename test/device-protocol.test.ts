/** Every example of the protocol page is run; `UPDATE_DOCS=1` writes what came of it, to be read before it is committed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { reasons } from '../ingest/domain/reasons.ts'
import { linesOf, outcomeOf } from './parse-kit.ts'

const page = new URL('../docs/reference/device-protocol.md', import.meta.url)

const withResults = (text: string): string =>
  text.replace(/```message\n([\s\S]*?)```/g, (_block, body: string) => {
    const [topic = '', ...rest] = body.split(/\n(?==>)|\n$/, 1)[0]?.split('\n') ?? []
    const lines = linesOf(outcomeOf(topic, rest.join('\n')))
    return `\`\`\`message\n${[topic, ...rest].join('\n')}\n${lines.map((line) => `=> ${line}`).join('\n')}\n\`\`\``
  })

const reasonTable = (): string =>
  [
    '| reason | means | what to do |',
    '| --- | --- | --- |',
    ...Object.entries(reasons).map(([code, { means, whatToDo }]) => `| \`${code}\` | ${means} | ${whatToDo} |`),
  ].join('\n')

const withReasons = (text: string): string =>
  text.replace(/(## Reasons\n\n[^\n]*\n\n)[\s\S]*$/, (_all, head: string) => `${head}${reasonTable()}\n`)

it('the examples and reasons of docs/reference/device-protocol.md are what the program does', () => {
  const text = readFileSync(page, 'utf8')
  const expected = withReasons(withResults(text))
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, expected)
  else expect(text).toBe(expected)
})
