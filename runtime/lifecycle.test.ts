import { describe, expect, it } from 'vitest'
import { startInOrder } from './lifecycle.ts'

const noted = (journal: string[], name: string, failing?: 'start' | 'stop') => ({
  name,
  start: async () => {
    journal.push(`start ${name}`)
    if (failing === 'start') throw new Error(`${name} cannot start`)
    return async () => {
      journal.push(`stop ${name}`)
      if (failing === 'stop') throw new Error(`${name} cannot stop`)
    }
  },
})
const noError = () => {
  throw new Error('no stop error was expected')
}

describe('startInOrder', () => {
  it('starts in order and stops newest first', async () => {
    const journal: string[] = []
    const stop = await startInOrder([noted(journal, 'a'), noted(journal, 'b')], noError)
    await stop()
    expect(journal).toEqual(['start a', 'start b', 'stop b', 'stop a'])
  })

  it('stops once, however often it is asked', async () => {
    const journal: string[] = []
    const stop = await startInOrder([noted(journal, 'a')], noError)
    await Promise.all([stop(), stop()])
    await stop()
    expect(journal).toEqual(['start a', 'stop a'])
  })

  it('rolls back newest first when a part cannot start', async () => {
    const journal: string[] = []
    const starting = startInOrder([noted(journal, 'a'), noted(journal, 'b'), noted(journal, 'c', 'start')], noError)
    await expect(starting).rejects.toThrow('c cannot start')
    expect(journal).toEqual(['start a', 'start b', 'start c', 'stop b', 'stop a'])
  })

  it('stops the others when one cannot stop, and tells which', async () => {
    const journal: string[] = []
    const failed: string[] = []
    const stop = await startInOrder([noted(journal, 'a'), noted(journal, 'b', 'stop')], (part) => failed.push(part))
    await stop()
    expect(journal).toEqual(['start a', 'start b', 'stop b', 'stop a'])
    expect(failed).toEqual(['b'])
  })
})
