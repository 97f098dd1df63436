/**
 * Bugs that the ledger test must catch, as edits of the product's source text. They are made while the module is loaded
 * (`plant-hook.fixture.ts`); the product itself has no switch for them.
 */

export type Bug = {
  name: string
  /** Source file, from the project's folder. */
  module: string
  /** Each text stands there exactly once. */
  edits: readonly (readonly [text: string, instead: string])[]
  /** Whose kill brings it to light; the program's redelivers, the warehouse's makes inserts fail. */
  victim: 'program' | 'warehouse'
  /** One of the findings that must come. */
  finding: RegExp
}

export const bugs: readonly Bug[] = [
  {
    name: 'acknowledged before it is appended',
    module: 'ingest/main.ts',
    edits: [['return accept(message).then(', 'return Promise.resolve(void accept(message).catch(() => undefined)).then(']],
    victim: 'program',
    finding: /acknowledged messages are missing/,
  },
  {
    name: 'offset committed before the insert',
    module: 'processors/stage-protocol.ts',
    edits: [
      [
        '    await eachBounded(',
        '    await store.finish({ range, states: prepared.states, segments: prepared.segments, tables, outputs: [] })\n    await eachBounded(',
      ],
      ['    await store.finish({\n      range,\n', '    void ({\n      range,\n'],
    ],
    victim: 'warehouse',
    finding: /acknowledged messages are missing/,
  },
  {
    name: 'a token without the range',
    module: 'processors/stage-protocol.ts',
    edits: [['`${logId}:${topic}:${partition}:${from}-${to}:${table}`', '`${logId}:${topic}:${partition}:${table}`']],
    victim: 'warehouse',
    finding: /acknowledged messages are missing/,
  },
  {
    name: 'no de-duplication',
    module: 'processors/domain/identity.ts',
    edits: [["  if (outcome === 'present') return plain('duplicate')\n", "  if (outcome === 'present') return plain('new')\n"]],
    victim: 'program',
    finding: /messages are kept more than once/,
  },
]

/** Throws when a text does not stand there exactly once: then the source has changed, and the bug must be planted anew. */
export const plant = ({ name, module, edits }: Bug, source: string): string => {
  let planted = source
  for (const [text, instead] of edits) {
    const times = planted.split(text).length - 1
    if (times !== 1) throw new Error(`planting "${name}": expected ${JSON.stringify(text)} once in ${module}, got it ${times} times`)
    planted = planted.replace(text, () => instead)
  }
  return planted
}
