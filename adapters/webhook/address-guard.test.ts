import { describe, expect, it } from 'vitest'
import { type AllowedNetworks, checkedAddresses, refusalOfAddress } from './address-guard.ts'

const isAllowed = (address: string, networks: AllowedNetworks): boolean => refusalOfAddress(address, networks) === null

describe('addresses of webhooks', () => {
  it.each(['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '2606:4700::1111', '::ffff:8.8.8.8'])(
    '%s lies on the internet',
    (address) => expect(isAllowed(address, 'public')).toBe(true),
  )

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
  ])('%s lies in an own network: only by WEBHOOK_NETWORKS=private', (address) => {
    expect([isAllowed(address, 'public'), isAllowed(address, 'private')]).toEqual([false, true])
  })

  it.each(['127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:0001'])(
    '%s is this machine: only by WEBHOOK_NETWORKS=loopback',
    (address) => {
      expect([isAllowed(address, 'private'), isAllowed(address, 'loopback')]).toEqual([false, true])
    },
  )

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    'fe80::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    '255.255.255.255',
    'ff02::1',
    '100.100.100.200',
    '192.0.2.1',
  ])('%s is never connected to', (address) => expect(isAllowed(address, 'loopback')).toBe(false))

  it('a name with one address inside is refused, whatever the others are', async () => {
    const resolve = async () => [
      { address: '8.8.8.8', family: 4 },
      { address: '10.0.0.1', family: 4 },
    ]
    expect(await checkedAddresses('trap.example', 'public', resolve)).toEqual({
      ok: false,
      reason: '10.0.0.1 is a private network: WEBHOOK_NETWORKS=private allows it',
    })
    expect(await checkedAddresses('trap.example', 'private', resolve)).toEqual({ ok: true, addresses: await resolve() })
  })

  it('of many addresses two of each family are tried, by turns', async () => {
    const of = (family: number, ...addresses: string[]) => addresses.map((address) => ({ address, family }))
    const resolve = async () => [...of(6, '2606:4700::1', '2606:4700::2', '2606:4700::3'), ...of(4, '8.8.8.1', '8.8.8.2', '8.8.8.3')]
    expect(await checkedAddresses('many.example', 'public', resolve)).toEqual({
      ok: true,
      addresses: [...of(6, '2606:4700::1'), ...of(4, '8.8.8.1'), ...of(6, '2606:4700::2'), ...of(4, '8.8.8.2')],
    })
    const inside = async () => [...(await resolve()), ...of(4, '10.0.0.1')]
    expect(await checkedAddresses('many.example', 'public', inside)).toMatchObject({ ok: false })
    expect(await checkedAddresses('none.example', 'public', async () => [])).toEqual({ ok: false, reason: 'none.example has no address' })
  })

  it('a written address is not resolved, in any writing that the URL parser takes', async () => {
    const resolve = async () => Promise.reject(new Error('asked'))
    for (const url of ['http://2130706433/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://[::ffff:127.0.0.1]/'])
      expect(await checkedAddresses(new URL(url).hostname, 'public', resolve), url).toMatchObject({ ok: false })
  })
})
