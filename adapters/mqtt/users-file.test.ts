import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPasswordVerifier, formatUser, hashPassword, parseUsersFile, type User, verifyPassword } from './users-file.ts'

const hash = await hashPassword('correct horse')
const user: User = { name: '00-11-22-33-44-55', hash, role: null, prefix: null }

describe('users file', () => {
  it('holds one login a line, with role and prefix', () => {
    const weather: User = { name: 'weather', hash, role: 'publisher', prefix: 'world/asia' }
    const noc: User = { name: 'noc', hash, role: 'reader', prefix: null }
    const parsed = parseUsersFile(`# logins\n\n${[user, weather, noc].map(formatUser).join('\r\n')}\n`)
    expect(parsed).toEqual({ ok: true, value: new Map([user, weather, noc].map((u) => [u.name, u])) })
  })

  it('takes several prefixes, and the name in the place of %i later', () => {
    const parsed = parseUsersFile(`r7 ${hash} role=publisher prefix=router/%i/,collectd/r7\n`)
    expect(parsed.ok && parsed.value.get('r7')).toEqual({ name: 'r7', hash, role: 'publisher', prefix: 'router/%i,collectd/r7' })
  })

  it.each([
    [`a/b ${hash}`, 'line 1: expected a name'],
    [`a:b ${hash}`, 'line 1: expected a name'],
    ['weather secret', 'line 1: expected scrypt$'],
    [`weather ${hash.replace('$13$', '$31$')}`, 'line 1: expected scrypt$'],
    [`weather ${hash} role=admin`, 'expected role=publisher, role=reader or prefix=<topic>, got role=admin'],
    [`weather ${hash} role=publisher`, 'the publisher weather needs prefix=<topic>'],
    [`weather ${hash} role=reader prefix=a/#`, 'got prefix=a/#'],
    [`r ${hash} role=publisher prefix=a,,b`, 'got prefix=a,,b'],
    [`r ${hash} role=publisher prefix=/`, 'got prefix=/'],
    [`noc ${hash}\nnoc ${hash}`, 'line 2: noc stands there twice'],
  ])('refuses %s', (text, reason) => {
    const parsed = parseUsersFile(text)
    expect(parsed.ok ? '' : parsed.reason).toContain(reason)
  })

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => typeof parseUsersFile(text).ok === 'boolean'))
  })

  it('tells a right password from a wrong one', async () => {
    expect(await verifyPassword(Buffer.from('correct horse'), hash)).toBe(true)
    expect(await verifyPassword(Buffer.from('correct horsf'), hash)).toBe(false)
    expect(await verifyPassword(Buffer.from('correct horse'), 'scrypt$nonsense')).toBe(false)
  })
})

describe('password verifier', () => {
  it('remembers a right password until the hash changes', async () => {
    const { verify } = createPasswordVerifier(10)
    expect(await verify(user, Buffer.from('correct horse'))).toBe('right')
    expect(await verify(user, Buffer.from('correct horse'))).toBe('right')
    expect(await verify(user, Buffer.from('wrong'))).toBe('wrong')
    const changed = { ...user, hash: await hashPassword('new one') }
    expect(await verify(changed, Buffer.from('correct horse'))).toBe('wrong')
    expect(await verify(undefined, Buffer.from('correct horse'))).toBe('wrong')
  })

  it('says busy when one more than the maximum waits, and goes on afterwards', async () => {
    const { verify, waiting } = createPasswordVerifier(2)
    const checks = [1, 2, 3].map(() => verify(user, Buffer.from('wrong')))
    expect(await Promise.all(checks)).toEqual(['wrong', 'wrong', 'busy'])
    expect(waiting()).toBe(0)
    expect(await verify(user, Buffer.from('correct horse'))).toBe('right')
  })
})
