/**
 * Who may publish and see what at the embedded broker. Pure: `app` hands `rightsOf` to `adapters/mqtt/embedded-broker.ts`,
 * which asks `mayPublish` before a message is handed over and `mayReceive` before one is forwarded.
 *
 * - Without a login (loopback only): anything of any device, except task requests, which only the recorder writes.
 * - A login or certificate named like a MAC is that device: below its own MAC and below its prefixes, never a request; it sees
 *   the same.
 * - Any other login has a role: a `publisher` writes and sees below its prefixes (a place, a collector, a router by its
 *   serial number), a `reader` only sees. Without a prefix a reader sees everything and a publisher may do nothing.
 *
 * Prefixes stand in the users file with a comma between them; `%i` in one is the login's own name.
 */
import { parseMac } from './mac.ts'

export type Principal = { name: string; role: string | null; prefix: string | null }

export type Login =
  | { kind: 'anonymous' }
  | { kind: 'device'; mac: string; prefixes: string[] }
  | { kind: 'publisher'; prefixes: string[] }
  /** Null: everything. */
  | { kind: 'reader'; prefixes: string[] | null }
  | { kind: 'nobody' }

export type Rights = { mayPublish: (topic: string) => boolean; mayReceive: (topic: string) => boolean }

/** `null`: no login was asked for. */
export const loginOf = (principal: Principal | null): Login => {
  if (principal === null) return { kind: 'anonymous' }
  const mac = parseMac(principal.name)
  const prefixes = prefixesOf(principal)
  if (mac !== null) return { kind: 'device', mac, prefixes }
  if (principal.role === 'publisher' && prefixes.length > 0) return { kind: 'publisher', prefixes }
  if (principal.role === 'reader') return { kind: 'reader', prefixes: principal.prefix === null ? null : prefixes }
  return { kind: 'nobody' }
}

/** A certificate's name may hold anything: one that would be several levels, or a wildcard, takes the place of no `%i`. */
const prefixesOf = ({ name, prefix }: Principal): string[] => {
  const parts = (prefix ?? '').split(',').filter((part) => part !== '')
  const fits = name !== '' && !/[/+#,]/.test(name)
  return fits ? parts.map((part) => part.replaceAll('%i', () => name)) : parts.filter((part) => !part.includes('%i'))
}

/** True when this login may write to the topic. Task requests are written by the recorder alone; `$...` by the broker. */
export const mayPublish = (login: Login, topic: string): boolean => {
  if (topic.startsWith('$') || isTaskRequest(topic)) return false
  switch (login.kind) {
    case 'anonymous':
      return true
    case 'device':
      return isOfDevice(login.mac, topic) || isBelowOne(login.prefixes, topic)
    case 'publisher':
      return isBelowOne(login.prefixes, topic)
    case 'reader':
    case 'nobody':
      return false
  }
}

/** True when this login may see a message of the topic, whatever it subscribed to. */
export const mayReceive = (login: Login, topic: string): boolean => {
  if (topic.startsWith('$')) return false
  switch (login.kind) {
    case 'anonymous':
      return true
    case 'device':
      return isOfDevice(login.mac, topic) || isBelowOne(login.prefixes, topic)
    case 'publisher':
      return isBelowOne(login.prefixes, topic)
    case 'reader':
      return login.prefixes === null || isBelowOne(login.prefixes, topic)
    case 'nobody':
      return false
  }
}

export const rightsOf = (principal: Principal | null): Rights => {
  const login = loginOf(principal)
  return { mayPublish: (topic) => mayPublish(login, topic), mayReceive: (topic) => mayReceive(login, topic) }
}

/** `<product>/<model>/<mac>/tasks/<taskId>/request`, whoever asks and however the levels around it look. */
export const isTaskRequest = (topic: string): boolean => {
  if (!topic.includes('/request')) return false // Hot path: nearly every message.
  const levels = topic.split('/')
  while (levels.length > 0 && levels.at(-1) === '') levels.pop() // A trailing empty level is the same metric.
  return levels.length >= 3 && levels.at(-1) === 'request' && levels.at(-3) === 'tasks'
}

/** The third level is this device's MAC in any writing, and something follows. */
const isOfDevice = (mac: string, topic: string): boolean => {
  const [product, model, device, rest] = topic.split('/', 4)
  return product !== '' && model !== '' && rest !== undefined && device !== undefined && (device === mac || parseMac(device) === mac)
}

const isBelowOne = (prefixes: readonly string[], topic: string): boolean => prefixes.some((prefix) => isBelow(prefix, topic))

/** Whole levels: `world/asia` holds `world/asia/taiwan`, not `world/asia-pacific`. */
const isBelow = (prefix: string, topic: string): boolean =>
  topic === prefix || topic.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
