/**
 * Which addresses a webhook may go to. The name is resolved once, every address is checked, and the checked ones are connected to
 * (a second resolution could say otherwise: DNS rebinding). Refused are all that lie inside: private, loopback, link-local with
 * the clouds' metadata, carrier NAT, multicast, reserved, and IPv6 forms that hold an IPv4 address of those.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'

/** `public`: the internet. `private`: the own networks too. `loopback`: this machine too. Metadata and link-local: never. */
export type AllowedNetworks = 'public' | 'private' | 'loopback'

export type Address = { address: string; family: number }
export type Resolve = (host: string) => Promise<readonly Address[]>

export const resolveAll: Resolve = (host) => lookup(host, { all: true, order: 'verbatim' })

const listOf = (...ranges: readonly (readonly [network: string, prefix: number])[]): BlockList => {
  const list = new BlockList()
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, network.includes(':') ? 'ipv6' : 'ipv4')
  return list
}

const loopback = listOf(['127.0.0.0', 8], ['::1', 128])
const privates = listOf(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['100.64.0.0', 10], ['fc00::', 7])
/** 169.254.169.254 and fd00:ec2::254 answer with the credentials of a cloud's machine. */
const never = listOf(
  ['0.0.0.0', 8],
  ['169.254.0.0', 16],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['100.100.100.200', 32],
  ['::', 128],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128],
  ['2001:db8::', 32],
  ['100::', 64],
)

/** Null: it may be connected to. */
export const refusalOfAddress = (address: string, networks: AllowedNetworks): string | null => {
  const own = embeddedIpv4(address) ?? address
  const family = isIP(own)
  if (family === 0) return `${address} is no IP address`
  const kind = family === 6 ? 'ipv6' : 'ipv4'
  if (never.check(own, kind)) return `${address} is link-local, reserved or a cloud's metadata service: never allowed`
  if (loopback.check(own, kind)) return networks === 'loopback' ? null : `${address} is this machine: WEBHOOK_NETWORKS=loopback allows it`
  if (privates.check(own, kind)) return networks === 'public' ? `${address} is a private network: WEBHOOK_NETWORKS=private allows it` : null
  return null
}

/** IPv4-mapped (`::ffff:a.b.c.d`), IPv4-compatible, NAT64 (64:ff9b::/96) and 6to4 (2002::/16) name an IPv4 address. */
const embeddedIpv4 = (address: string): string | null => {
  if (isIP(address) !== 6) return null
  const groups = groupsOf(address)
  const [first = 0, second = 0, third = 0] = groups
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0)
  const last = ipv4Of(groups[6] ?? 0, groups[7] ?? 0)
  if (isZero(0, 5) && (groups[5] === 0xffff || (groups[5] === 0 && (groups[6] ?? 0) !== 0))) return last
  if (first === 0x64 && second === 0xff9b) return last
  return first === 0x2002 ? ipv4Of(second, third) : null
}

const ipv4Of = (high: number, low: number): string => `${String(high >> 8)}.${String(high & 255)}.${String(low >> 8)}.${String(low & 255)}`

/** Eight numbers; the URL parser writes the address in its shortest form, so a dotted tail becomes hex. */
const groupsOf = (address: string): number[] => {
  const plain = new URL(`http://[${address.split('%')[0] ?? ''}]`).hostname.slice(1, -1)
  const [head = '', tail] = plain.split('::')
  const numbers = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  if (tail === undefined) return numbers(head)
  const [before, after] = [numbers(head), numbers(tail)]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

export type Checked = { ok: true; addresses: Address[] } | { ok: false; reason: string }

/** Of a name with many, so many of each family are tried: a machine without IPv6 still comes to an IPv4 address. */
export const addressesOfFamilyMax = 2

/** Addresses of the host that may be connected to, in the order of trying. All must be allowed: a name with one inside is a trap. */
export const checkedAddresses = async (host: string, networks: AllowedNetworks, resolve: Resolve): Promise<Checked> => {
  const plain = host.replace(/^\[|\]$/g, '')
  const family = isIP(plain)
  const found = family > 0 ? [{ address: plain, family }] : await resolve(plain)
  for (const { address } of found) {
    const refusal = refusalOfAddress(address, networks)
    if (refusal !== null) return { ok: false, reason: refusal }
  }
  if (found.length === 0) return { ok: false, reason: `${plain} has no address` }
  const families = [...Map.groupBy(found, (one) => one.family).values()]
  return { ok: true, addresses: Array.from({ length: addressesOfFamilyMax }, (_, at) => families.flatMap((own) => own[at] ?? [])).flat() }
}
