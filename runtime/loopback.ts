/**
 * Whether a host is this machine alone: what listens there needs no login, and a page of another site has no business there.
 * Strict, since both would fall to a name that only begins like an address (`127.evil.com`): an address is one only in full.
 * Pure, so that settings, broker and query API ask the same function.
 */

/** 127.0.0.0/8, ::1 in any writing, either as IPv4 mapped into IPv6, and `localhost`. IPv6 with or without brackets. */
export const isLoopbackHost = (host: string): boolean => {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
  if (bare.includes(':')) return isLoopbackV6(bare)
  return bare === host && (host.toLowerCase() === 'localhost' || loopbackV4.test(host))
}

const loopbackV4 = /^127(\.(0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])){3}$/

/** The URL parser writes an IPv6 address in its one short form; it knows no zones, which loopback does not need. */
const isLoopbackV6 = (address: string): boolean => {
  const url = `http://[${address}]/`
  if (!/^[0-9a-f:.]+$/i.test(address) || !URL.canParse(url)) return false
  const { hostname } = new URL(url)
  return hostname === '[::1]' || /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname)
}
