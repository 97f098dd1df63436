/** The bugs that the ledger test is tried with can still be planted: the text that each changes stands in today's source. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bugs, plant } from './ledger/planted-bugs.ts'

describe.each(bugs)('the planted bug: $name', (bug) => {
  const source = readFileSync(new URL(`../${bug.module}`, import.meta.url), 'utf8')

  it('changes the source as it stands', () => {
    expect(plant(bug, source)).not.toBe(source)
  })

  it('is refused where its text is gone or stands twice', () => {
    const [[text] = ['']] = bug.edits
    expect(() => plant(bug, source.replace(text, '\n'))).toThrow(/once in .*, got it 0 times/)
    expect(() => plant(bug, source + text)).toThrow(/once in .*, got it 2 times/)
  })
})
