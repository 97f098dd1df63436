import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blankRecords } from './blank-records.ts'
import { chunkBytesMax } from './chunk.ts'
import { boundsOf } from './log-storage.ts'
import { openTemporaryLog, readAll, type TemporaryLog } from './temporary-log.fixture.ts'

const ours = '00-11-22-33-44-55'
const other = '00-11-22-33-44-66'

describe('blanking records', () => {
  let opened: TemporaryLog
  beforeEach(() => {
    opened = openTemporaryLog({ partitions: 1, clock: { nowMs: () => 1_767_600_000_000 } })
  })
  afterEach(() => opened.close())

  const append = async (...records: [key: string, text: string][]): Promise<void> => {
    await opened.log.append(
      'device-events',
      records.map(([key, text]) => ({ partition: 0, key, value: Buffer.from(text) })),
    )
  }
  const held = async () =>
    (await readAll(opened.log.read('device-events', 0, 0, 1_000))).map(({ offset, key, value }) => [offset, key, value.toString()])
  const blank = (before: number) =>
    blankRecords(opened.environment, [{ topic: 'device-events', partition: 0, before, isOurs: ({ key }) => key === ours }])
  const file = (): Buffer => readFileSync(join(opened.environment.path, 'data.mdb'))

  it('leaves the offsets, the others, and what lies behind the bound', async () => {
    await append([ours, 'secret one'], [other, 'kept'], [ours, 'secret two'])
    await append([ours, 'said later'])
    expect(await blank(3)).toBe(2)
    expect(await held()).toEqual([
      [0, '', ''],
      [1, other, 'kept'],
      [2, '', ''],
      [3, ours, 'said later'],
    ])
    await append([other, 'goes on'])
    expect(await opened.log.bounds('device-events', 0)).toEqual({ first: 0, next: 5 })
    expect(await blank(3)).toBe(0)
  })

  it('leaves neither value nor key in the file, also of pages that were copied meanwhile', async () => {
    for (let round = 0; round < 50; round++) await append([ours, `secret ${round}`], [other, `kept ${round}`])
    await append([ours, `secret ${'x'.repeat(chunkBytesMax + 10)}`])
    expect(file().includes('secret 7')).toBe(true)
    expect(await blank(101)).toBe(51)
    expect(file().includes('secret')).toBe(false)
    expect(file().includes(ours)).toBe(false)
    expect(file().includes('kept 7')).toBe(true)
    expect((await held()).filter(([, key]) => key === other)).toHaveLength(50)
  })

  it('touches no bytes that only look like a record of the subject', async () => {
    const forged = Buffer.concat([Buffer.from([0, ours.length, 0, 0, 0, 6]), Buffer.from(`${ours}victim`)])
    await opened.log.append('device-events', [
      { partition: 0, key: ours, value: Buffer.from('secret') },
      { partition: 0, key: other, value: forged },
    ])
    expect(await blank(2)).toBe(1)
    const [, second] = await readAll(opened.log.read('device-events', 0, 0, 2))
    expect(second?.value).toEqual(forged)
  })

  it('counts the bytes that went', async () => {
    await append([ours, 'secret one'], [other, 'kept'])
    const before = boundsOf(opened.environment, 'device-events', 0).bytes
    await blank(2)
    expect(boundsOf(opened.environment, 'device-events', 0).bytes).toBe(before - ours.length - 'secret one'.length)
  })
})
