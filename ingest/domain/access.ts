/**
 * Who may publish and see what at the embedded broker. Pure: `app` hands `rightsOf` to `adapters/mqtt/embedded-broker.ts`,
 * which asks `mayPublish` before a message is handed over and `mayReceive` before one is forwarded.
 *
 * - Without a login (loopback only): anything of any device, except task requests, which only the recorder writes.
 * - A login or certificate named like a MAC is that device: below its own MAC only, never a request; it sees its own subtree.
 * - Any other login has a role: a `publisher` writes and sees below its prefix (a place, a collector), a `reader` only sees.
 *   Without a prefix a reader sees everything and a publisher may do nothing.
 */
import { parseMac } from './mac.ts'

export type Principal = { name: string; role: string | null; prefix: string | null }

export type Login =
  | { kind: 'anonymous' }
  | { kind: 'device'; mac: string }
  | { kind: 'publisher'; prefix: string }
  | { kind: 'reader'; prefix: string }
  | { kind: 'nobody' }

export type Rights = { mayPublish: (topic: string) => boolean; mayReceive: (topic: string) => boolean }

/** `null`: no login was asked for. */
export const loginOf = (principal: Principal | null): Login => {
  if (principal === null) return { kind: 'anonymous' }
  const mac = parseMac(principal.name)
  if (mac !== null) return { kind: 'device', mac }
  const prefix = principal.prefix ?? ''
  if (principal.role === 'publisher' && prefix !== '') return { kind: 'publisher', prefix }
  if (principal.role === 'reader') return { kind: 'reader', prefix }
  return { kind: 'nobody' }
}

/** True when this login may write to the topic. Task requests are written by the recorder alone; `$...` by the broker. */
export const mayPublish = (login: Login, topic: string): boolean => {
  if (topic.startsWith('$') || isTaskRequest(topic)) return false
  switch (login.kind) {
    case 'anonymous':
      return true
    case 'device':
      return isOfDevice(login.mac, topic)
    case 'publisher':
      return isBelow(login.prefix, topic)
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
      return isOfDevice(login.mac, topic)
    case 'publisher':
    case 'reader':
      return isBelow(login.prefix, topic)
    case 'nobody':
      return false
  }
}

export const rightsOf = (principal: Principal | null): Rights => {
  const login = loginOf(principal)
  return { mayPublish: (topic) => mayPublish(login, topic), mayReceive: (topic) => mayReceive(login, topic) }
}

/** `<product>/<model>/<mac>/tasks/<taskId>/request`, whoever asks and however the levels around it look. */
const isTaskRequest = (topic: string): boolean => {
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

/** Whole levels: `world/asia` holds `world/asia/taiwan`, not `world/asia-pacific`. */
const isBelow = (prefix: string, topic: string): boolean =>
  prefix === '' || topic === prefix || topic.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
