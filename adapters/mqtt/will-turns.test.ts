import { expect, it } from 'vitest'
import { createWillTurns } from './will-turns.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it('sends sixteen wills in a turn of the event loop, in their order', async () => {
  const sent: number[] = []
  const wills = createWillTurns()
  for (let n = 0; n < 40; n++) wills.add(`client-${n}`, () => sent.push(n))
  expect(sent).toEqual([])
  await turn()
  expect(sent).toHaveLength(16)
  await turn()
  expect(sent).toHaveLength(32)
  await turn()
  expect(sent).toEqual(Array.from({ length: 40 }, (_, n) => n))
  expect(wills.waiting()).toBe(0)
})

it('sends the will of a client that is here again at once, and only once', async () => {
  const sent: string[] = []
  const wills = createWillTurns()
  for (const id of ['a', 'b']) wills.add(id, () => sent.push(id))
  wills.sendOf('b')
  wills.sendOf('nobody')
  expect(sent).toEqual(['b'])
  await turn()
  expect(sent).toEqual(['b', 'a'])
})

it('sends all at once when the broker stops, and one that is added in a turn of its own later', async () => {
  const sent: string[] = []
  const wills = createWillTurns()
  for (const id of ['a', 'b']) wills.add(id, () => sent.push(id))
  wills.sendAll()
  expect(sent).toEqual(['a', 'b'])
  await turn()
  wills.add('c', () => sent.push('c'))
  await turn()
  expect(sent).toEqual(['a', 'b', 'c'])
})
