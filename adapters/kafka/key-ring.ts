/**
 * Keys as they lie in the topic `subject-keys` (`subject-keys.ts`): each wrapped by the master key, by subject's name, in the
 * order of the topic; beside them the secret of the pseudonyms.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { AppError } from '../../runtime/errors.ts'
import { keyBytes, type SubjectKey } from '../lmdb/sealing.ts'
import type { FetchedRecord } from './fetcher.ts'

/** Name of the secret's record. */
export const secretName = 'secret:pseudonym'

type Wrap = ReturnType<typeof createWrap>

/** By subject's name, in the order of the topic. */
export const createKeyRing = (wrap: Wrap) => {
  const bySubject = new Map<string, SubjectKey[]>()
  let secret: Buffer | undefined
  return {
    take: ({ key, value }: FetchedRecord): void => {
      const at = key.lastIndexOf(' ')
      const name = key.slice(0, at)
      const id = key.slice(at + 1)
      if (value === null) {
        const left = (bySubject.get(name) ?? []).filter((own) => own.id.toString('hex') !== id)
        if (left.length > 0) bySubject.set(name, left)
        else bySubject.delete(name)
        return
      }
      const bytes = wrap.open(value, name)
      if (name === secretName) {
        secret ??= bytes
        return
      }
      const own = bySubject.get(name) ?? []
      if (!own.some((known) => known.id.toString('hex') === id))
        own.push({ id: bytes.subarray(0, -keyBytes), key: bytes.subarray(-keyBytes) })
      bySubject.set(name, own)
    },
    first: (name: string): SubjectKey | undefined => bySubject.get(name)?.[0],
    all: (name: string): readonly SubjectKey[] => bySubject.get(name) ?? [],
    secret: (): Buffer | undefined => secret,
  }
}

const nonceBytes = 12
const tagBytes = 16

/** AES-256-GCM under the master key; the record's name is authenticated with it. */
export const createWrap = (masterKey: Uint8Array) => ({
  close: (plain: Uint8Array, name: string): Buffer => {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(name))
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  },
  open: (wrapped: Uint8Array, name: string): Buffer => {
    const bytes = Buffer.from(wrapped)
    try {
      const decipher = createDecipheriv('aes-256-gcm', masterKey, bytes.subarray(0, nonceBytes)).setAAD(Buffer.from(name))
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
    } catch (cause) {
      throw new AppError(
        'CONFIG_INVALID',
        'Expected the master key that wrapped the keys in topic subject-keys (KAFKA_MASTER_KEY_FILE), got another one',
        { cause },
      )
    }
  },
})
