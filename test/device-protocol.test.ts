/** Every example of the protocol page is run; `UPDATE_DOCS=1` writes what came of it, to be read before it is committed. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { reasons } from '../ingest/domain/reasons.ts'
import { parse as parseYaml } from 'yaml'
import type { TopicMap } from '../ingest/domain/topic-map.ts'
import { linesOf, mapOf, outcomeOf, shippedTopics } from './parse-kit.ts'

const page = new URL('../docs/reference/device-protocol.md', import.meta.url)

/** A block `topics` changes the mapping for the messages behind it. */
const withResults = (text: string): string => {
  let topicMap: TopicMap | undefined
  return text.replace(/```(message|topics)\n([\s\S]*?)```/g, (block, kind: string, body: string) => {
    if (kind === 'topics') {
      topicMap = mapOf(withChanges(parseYaml(body) as Record<string, unknown>))
      return block
    }
    const [topic = '', ...rest] = body.split(/\n(?==>)|\n$/, 1)[0]?.split('\n') ?? []
    const lines = linesOf(outcomeOf(topic, rest.join('\n'), topicMap))
    return `\`\`\`message\n${[topic, ...rest].join('\n')}\n${lines.map((line) => `=> ${line}`).join('\n')}\n\`\`\``
  })
}

const withChanges = (changes: Record<string, unknown>): Record<string, unknown> => {
  const shipped = shippedTopics()
  return { ...shipped, ...changes, profiles: { ...(shipped['profiles'] as object), ...(changes['profiles'] as object | undefined) } }
}

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
