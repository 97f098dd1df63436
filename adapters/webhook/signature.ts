/**
 * Signatures of Standard Webhooks (standard-webhooks/spec): `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`, one per
 * secret, with a space between them, so that a secret can be changed without a message lost.
 */
import { createHmac } from 'node:crypto'

const prefix = 'whsec_'
export const secretBytesMin = 24
export const secretBytesMax = 64

/** The key of `whsec_<base64>`; null when it is none, or not 24 to 64 bytes long. */
export const keyOfSecret = (secret: string): Buffer | null => {
  if (!secret.startsWith(prefix)) return null
  const text = secret.slice(prefix.length)
  const key = Buffer.from(text, 'base64')
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
  return isWhole && key.length >= secretBytesMin && key.length <= secretBytesMax ? key : null
}

export type Signed = { id: string; timestampSeconds: number; body: string }

export const signatureOf = (keys: readonly Buffer[], { id, timestampSeconds, body }: Signed): string =>
  keys
    .map(
      (key) =>
        `v1,${createHmac('sha256', key)
          .update(`${id}.${String(timestampSeconds)}.${body}`)
          .digest('base64')}`,
    )
    .join(' ')
