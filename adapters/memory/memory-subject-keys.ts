/** Subject keys in memory, for tests: nothing is durable. Same suite (`../subject-keys.contract.ts`). */
import { randomBytes } from 'node:crypto'
import type { SubjectKeys } from '../../model/ports.ts'
import { keyBytes, newSubjectKey, openBytes, pseudonymOf, type SubjectKey, sealBytes } from '../lmdb/sealing.ts'

export const createMemorySubjectKeys = (): SubjectKeys => {
  const keys = new Map<string, SubjectKey>()
  const pseudonymSecret = randomBytes(keyBytes)
  return {
    seal: async (subject, plain) => {
      const key = keys.get(subject) ?? newSubjectKey()
      keys.set(subject, key)
      return sealBytes(key, subject, plain)
    },
    open: async (subject, sealed) => {
      const key = keys.get(subject)
      return key ? openBytes(key, subject, sealed) : null
    },
    pseudonym: (text) => pseudonymOf(pseudonymSecret, text),
    erase: async (subject) => keys.delete(subject),
  }
}
