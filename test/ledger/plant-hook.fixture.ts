/** For `node --import`: plants the bug that PLANTED_BUG names into its module, in this thread and in each worker. */
import { registerHooks } from 'node:module'
import { bugs, plant } from './planted-bugs.ts'

const bug = bugs.find(({ name }) => name === process.env['PLANTED_BUG'])
if (bug === undefined) throw new Error(`PLANTED_BUG: expected one of ${bugs.map(({ name }) => name).join('; ')}`)
const url = new URL(`../../${bug.module}`, import.meta.url).href

registerHooks({
  load: (asked, context, nextLoad) => {
    const loaded = nextLoad(asked, context)
    if (asked !== url) return loaded
    return { ...loaded, source: plant(bug, sourceText(loaded.source)) }
  },
})

const sourceText = (source: unknown): string => {
  if (typeof source === 'string') return source
  if (source instanceof Uint8Array) return Buffer.from(source).toString('utf8')
  throw new Error('expected the source of a module as text')
}
