/**
 * Spellings of keys. `canonicalKey` is for comparing (`RX_Bytes`, `rxBytes`, `rx-bytes` -> `rxbytes`), `snakeKey` for naming
 * (`rxBytes` -> `rx_bytes`). Both remember what they have seen, bounded.
 */
import { keysInCacheMax } from './limits.ts'

const remembered = (transform: (key: string) => string): ((key: string) => string) => {
  const cache = new Map<string, string>()
  return (key) => {
    const known = cache.get(key)
    if (known !== undefined) return known
    const made = transform(key)
    if (cache.size < keysInCacheMax && key.length <= 64) cache.set(key, made)
    return made
  }
}

export const canonicalKey = remembered((key) => key.toLowerCase().replace(/[\s._-]+/g, ''))

/** Letters and digits of any script stay; everything else becomes `_`. Never empty. */
export const snakeKey = remembered((key) => {
  const snake = key
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
  return snake === '' ? '_' : snake
})
