/** LMDB keys end at 1,978 bytes; a longer name (a place of a very long topic) stands under its digest. */
import { createHash } from 'node:crypto'

export const shortKeyBytesMax = 900

export const shortKey = (name: string): string =>
  name.length * 3 > shortKeyBytesMax && Buffer.byteLength(name) > shortKeyBytesMax
    ? `sha256:${createHash('sha256').update(name).digest('hex')}`
    : name
