import { describe, expect, it } from 'vitest'
import { Webhook } from 'standardwebhooks'
import { keyOfSecret, signatureOf } from './signature.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const keyOf = (text: string): Buffer => keyOfSecret(text) ?? Buffer.alloc(0)

describe('signatures', () => {
  it('are those of the specification', () => {
    const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1614265330, body: '{"test": 2432232314}' }
    expect(signatureOf([keyOf(secret)], signed)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('are taken by an independent library, with either secret while it is changed', () => {
    const other = `whsec_${Buffer.alloc(64, 3).toString('base64')}`
    const timestampSeconds = Math.floor(Date.now() / 1000)
    const body = '{"type":"ü"}'
    const signature = signatureOf([keyOf(secret), keyOf(other)], { id: 'a-1-raise', timestampSeconds, body })
    for (const own of [secret, other]) {
      const headers = { 'webhook-id': 'a-1-raise', 'webhook-timestamp': String(timestampSeconds), 'webhook-signature': signature }
      expect(new Webhook(own).verify(body, headers)).toEqual({ type: 'ü' })
      expect(() => new Webhook(own).verify(`${body} `, headers)).toThrow()
    }
  })

  it('a secret has 24 to 64 bytes behind its prefix', () => {
    const of = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`
    expect([23, 24, 64, 65].map((bytes) => keyOfSecret(of(bytes))?.length ?? null)).toEqual([null, 24, 64, null])
    expect([of(32).slice(6), `whsec_${'!'.repeat(40)}`, 'whsec_'].map(keyOfSecret)).toEqual([null, null, null])
  })
})
