import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allowedFunctions, isFunctionAllowed, refusedFunction } from './gate-lists.ts'
import { startForTest } from './start-for-test.ts'

describe('functions that the gate knows', { timeout: 60_000 }, () => {
  let started: Awaited<ReturnType<typeof startForTest>>
  beforeAll(async () => {
    started = await startForTest({ listen: null })
  }, 60_000)
  afterAll(() => started.stop())

  it('are all that this engine has: a new one must be judged before it can be used', async () => {
    const rows = await started.warehouse.query<{ name: string }>('SELECT DISTINCT lower(name) AS name FROM system.functions ORDER BY name')
    const unjudged = rows.map(({ name }) => name).filter((name) => !allowedFunctions.has(name) && !refusedFunction.test(name))
    expect(unjudged).toEqual([])
  })

  it('never hold an alias of a refused one', async () => {
    const rows = await started.warehouse.query<{ name: string; alias_to: string }>(
      "SELECT name, alias_to FROM system.functions WHERE alias_to != ''",
    )
    expect(rows.filter(({ name, alias_to }) => isFunctionAllowed(name) && refusedFunction.test(alias_to.toLowerCase()))).toEqual([])
  })

  it.each([
    'file',
    'FILE',
    'dictGetString',
    'joinGet',
    'sleep',
    'getSetting',
    'fileIf',
    'unknownFunction',
    'sumUnknown',
    'hostName',
    'formatRow',
  ])('refuse %s', (name) => {
    expect(isFunctionAllowed(name)).toBe(false)
  })

  it.each([
    'sum',
    'SUM',
    'sumIf',
    'uniqStateForEach',
    'quantilesTDigestArrayIf',
    'countDistinct',
    'argMaxOrNull',
    'lambda',
    'toStartOfHour',
  ])('allow %s', (name) => {
    expect(isFunctionAllowed(name)).toBe(true)
  })
})
