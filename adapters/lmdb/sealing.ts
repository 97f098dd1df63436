/**
 * Sealed bytes: AES-256-GCM under a subject's key, self-describing. The subject and the header are authenticated with them,
 * so that bytes moved to another subject do not open.
 *
 *   u8 version 1 | 8 bytes key id | 12 bytes nonce | ciphertext | 16 bytes tag
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

export type SubjectKey = { id: Buffer; key: Buffer }

const version = 1
const keyIdBytes = 8
export const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16
const headerBytes = 1 + keyIdBytes
export const sealedOverheadBytes = headerBytes + nonceBytes + tagBytes

export const newSubjectKey = (): SubjectKey => ({ id: randomBytes(keyIdBytes), key: randomBytes(keyBytes) })

export const sealBytes = ({ id, key }: SubjectKey, subject: string, plain: Uint8Array): Buffer => {
  const header = Buffer.concat([Buffer.of(version), id])
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.concat([header, Buffer.from(subject)]))
  return Buffer.concat([header, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Null: sealed under another key of this subject, which is gone. Throws when the bytes are not what `sealBytes` made. */
export const openBytes = ({ id, key }: SubjectKey, subject: string, sealed: Uint8Array): Buffer | null => {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  if (bytes.length < sealedOverheadBytes || bytes[0] !== version)
    throw new Error(`opening what was sealed for ${subject}: not sealed bytes`)
  if (!bytes.subarray(1, headerBytes).equals(id)) return null
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(headerBytes, headerBytes + nonceBytes))
  decipher.setAAD(Buffer.concat([bytes.subarray(0, headerBytes), Buffer.from(subject)]))
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes))
  const plain = decipher.update(bytes.subarray(headerBytes + nonceBytes, bytes.length - tagBytes))
  return Buffer.concat([plain, decipher.final()])
}

/** 128 bits of HMAC-SHA-256 as 32 hex digits. */
export const pseudonymOf = (secret: Uint8Array, text: string): string =>
  createHmac('sha256', secret).update(text).digest('hex').slice(0, 32)
