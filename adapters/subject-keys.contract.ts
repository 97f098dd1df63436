/** What every SubjectKeys does. Run by each adapter's test with its own way to open one. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SubjectKeys } from '../model/ports.ts'

export type OpenKeys = () => Promise<{ keys: SubjectKeys; close: () => Promise<void> }>

const subject = '00-11-22-33-44-55'
const plain = Buffer.from('490154203237518')

export const describeSubjectKeys = (engine: string, open: OpenKeys): void => {
  describe(`subject keys, ${engine}`, () => {
    let opened: Awaited<ReturnType<OpenKeys>>
    let keys: SubjectKeys
    beforeEach(async () => {
      opened = await open()
      keys = opened.keys
    })
    afterEach(() => opened.close())

    it('opens what it sealed, and the sealed bytes do not show it', async () => {
      const sealed = await keys.seal(subject, plain)
      expect(Buffer.from(sealed).includes(plain)).toBe(false)
      expect(Buffer.from((await keys.open(subject, sealed)) ?? [])).toEqual(plain)
    })

    it('seals nothing as nothing, and the same text differently each time', async () => {
      expect(await keys.open(subject, await keys.seal(subject, new Uint8Array(0)))).toHaveLength(0)
      expect(Buffer.compare(await keys.seal(subject, plain), await keys.seal(subject, plain))).not.toBe(0)
    })

    it('makes one key for callers at once', async () => {
      const sealed = await Promise.all(Array.from({ length: 20 }, () => keys.seal(subject, plain)))
      for (const one of sealed) expect(Buffer.from((await keys.open(subject, one)) ?? [])).toEqual(plain)
    })

    it('opens nothing of a subject that never had a key', async () => {
      expect(await keys.open('unknown', await keys.seal(subject, plain))).toBeNull()
    })

    it('opens nothing once the key is erased, not even with the subject sealing again', async () => {
      const sealed = await keys.seal(subject, plain)
      expect([await keys.erase(subject), await keys.erase(subject)]).toEqual([true, false])
      expect(await keys.open(subject, sealed)).toBeNull()
      const again = await keys.seal(subject, plain)
      expect(await keys.open(subject, sealed)).toBeNull()
      expect(Buffer.from((await keys.open(subject, again)) ?? [])).toEqual(plain)
    })

    it('rejects bytes that were tampered with, cut, or moved to another subject', async () => {
      const sealed = Buffer.from(await keys.seal(subject, plain))
      await keys.seal('other', plain)
      for (const at of [0, 9, 21, sealed.length - 1]) {
        const changed = Buffer.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ 1
        await expect(keys.open(subject, changed)).rejects.toThrow()
      }
      await expect(keys.open(subject, sealed.subarray(0, 36))).rejects.toThrow()
      await expect(keys.open(subject, new Uint8Array(0))).rejects.toThrow()
      expect(await keys.open('other', sealed)).toBeNull()
    })

    it('gives a text one pseudonym of 32 hex digits', () => {
      expect(keys.pseudonym('taiwan/taipei/neihu/114/7')).toMatch(/^[0-9a-f]{32}$/)
      expect(keys.pseudonym('a')).toBe(keys.pseudonym('a'))
      expect(keys.pseudonym('a')).not.toBe(keys.pseudonym('b'))
    })
  })
}
