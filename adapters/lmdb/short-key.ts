/**
 * LMDB keys end at 1,978 bytes, and NUL separates their parts: a longer name (a place of a very long topic), or one with NUL,
 * stands under its digest.
 */
import { createHash } from 'node:crypto'

export const shortKeyBytesMax = 900

export const shortKey = (name: string): string =>
  name.includes('\0') || (name.length * 3 > shortKeyBytesMax && Buffer.byteLength(name) > shortKeyBytesMax)
    ? `sha256:${createHash('sha256').update(name).digest('hex')}`
    : name
