/** A client that has stopped to answer is replaced; one that only fails is kept. */
import { describe, expect, it } from 'vitest'
import { TookTooLong } from '../../runtime/within.ts'
import { renewedClient } from './renewed-client.ts'

const never = new Promise<never>(() => undefined)

const clients = () => {
  const opened: number[] = []
  const ended: number[] = []
  const renewed = renewedClient(
    () => {
      opened.push(opened.length)
      return opened.length - 1
    },
    async (client) => {
      ended.push(client)
      if (client === 0) throw new Error('does not even end')
    },
    5,
  )
  return { opened, ended, renewed }
}

describe('a renewed client', () => {
  it('is the same as long as it answers, whatever it answers', async () => {
    const { opened, ended, renewed } = clients()
    expect(await renewed.ask('the broker told no metadata', async (client) => client)).toBe(0)
    await expect(renewed.ask('the broker told no metadata', () => Promise.reject(new Error('not the leader')))).rejects.toThrow(
      'not the leader',
    )
    expect(await renewed.ask('the broker told no metadata', async (client) => client)).toBe(0)
    expect({ opened, ended }).toEqual({ opened: [0], ended: [] })
  })

  it('is another one after a call that was never answered, once for all calls that waited for it', async () => {
    const { opened, ended, renewed } = clients()
    const asked = ['one', 'two'].map((what) => renewed.ask(what, () => never))
    const outcomes = await Promise.allSettled(asked)
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as unknown)).toEqual([
      new TookTooLong('one for 5 ms'),
      new TookTooLong('two for 5 ms'),
    ])
    expect(await renewed.ask('three', async (client) => client)).toBe(1)
    expect({ opened, ended }).toEqual({ opened: [0, 1], ended: [0] })
  })

  it('is not opened again once it was closed', async () => {
    const { opened, ended, renewed } = clients()
    const asked = renewed.ask('one', () => never)
    await renewed.close()
    await expect(asked).rejects.toThrow(TookTooLong)
    expect({ opened, ended }).toEqual({ opened: [0], ended: [0] })
  })
})
