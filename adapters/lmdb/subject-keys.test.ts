import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyBytes } from './sealing.ts'
import { openSubjectKeys } from './subject-keys.ts'

const subject = '00-11-22-33-44-55'

describe('subject keys in LMDB', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'subject-keys-test-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  const file = (): Buffer => readFileSync(join(dataDir, 'keys', 'data.mdb'))
  const storedKey = async (): Promise<Buffer> => {
    const root = open({ path: join(dataDir, 'keys'), overlappingSync: false, encoding: 'binary' })
    const key = Buffer.from((root.openDB({ name: 'keys', encoding: 'binary' }).get(subject) as Buffer).subarray(-keyBytes))
    await root.close()
    return key
  }

  it('opens after a restart what was sealed before, and keeps its pseudonyms', async () => {
    const keys = openSubjectKeys(dataDir)
    const sealed = await keys.seal(subject, Buffer.from('490154203237518'))
    const pseudonym = keys.pseudonym('a')
    await keys.close()
    const again = openSubjectKeys(dataDir)
    expect(Buffer.from((await again.open(subject, sealed)) ?? []).toString()).toBe('490154203237518')
    expect(again.pseudonym('a')).toBe(pseudonym)
    await again.close()
  })

  it('leaves no copy of an erased key in the file, not even in pages that are free', async () => {
    const keys = openSubjectKeys(dataDir)
    await keys.seal(subject, Buffer.from('x'))
    // Changes beside it leave copies of its page behind.
    for (let n = 0; n < 30; n++) await keys.seal(`neighbour ${n}`, Buffer.from('x'))
    const key = await storedKey()
    expect(file().includes(key)).toBe(true)
    expect(await keys.erase(subject)).toBe(true)
    expect(file().includes(key)).toBe(false)
    for (let n = 0; n < 30; n++) {
      const text = Buffer.from(`still here ${n}`)
      expect(await keys.open(`neighbour ${n}`, await keys.seal(`neighbour ${n}`, text))).toEqual(text)
    }
    await keys.close()
  })

  it('sees at once what another opening erased', async () => {
    const keys = openSubjectKeys(dataDir)
    const other = openSubjectKeys(dataDir)
    const sealed = await keys.seal(subject, Buffer.from('x'))
    expect(await other.open(subject, sealed)).not.toBeNull()
    await keys.erase(subject)
    expect(await other.open(subject, sealed)).toBeNull()
    const again = await other.seal(subject, Buffer.from('y'))
    expect(Buffer.from((await keys.open(subject, again)) ?? []).toString()).toBe('y')
    await keys.close()
    await other.close()
  })
})
