/**
 * `network/interfaces` and `network/ipv4`: addresses are facts, traffic counters are cumulative (differences are made downstream),
 * link and speed are measurements. JSON `interfaces{<name>{...}}`, names at the top, an array with `name`, a bare address, or
 * the text of /proc/net/dev.
 */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { attributesOf } from '../attributes.ts'
import { addCounter, addFact, addMeasurement, addUnknown, addUnknownKey, type CounterHints, type Draft, refuse } from '../draft.ts'
import { fieldTable, readUnknown } from '../fields.ts'
import { canonicalKey, snakeKey } from '../keys.ts'
import { keysInCacheMax } from '../limits.ts'
import type { Profile } from '../profile.ts'
import { isObject, toFlag, toNumber, toWord } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

type Direction = 'receive' | 'transmit'
type Counter = { metric: MetricName; direction: Direction }

const counters = new Map<string, Counter>(
  (
    [
      ['bytes octets', 'system.network.io'],
      ['packets pkts', 'system.network.packet.count'],
      ['errors errs', 'system.network.errors'],
      ['dropped drop drops', 'system.network.packet.dropped'],
    ] as const
  ).flatMap(([words, metric]) =>
    words.split(' ').flatMap((word): [string, Counter][] => [
      [`rx${word}`, { metric, direction: 'receive' }],
      [`in${word}`, { metric, direction: 'receive' }],
      [`tx${word}`, { metric, direction: 'transmit' }],
      [`out${word}`, { metric, direction: 'transmit' }],
    ]),
  ),
)

const known = new Map<string, string>()
/** `{"network.interface.name":"wwan0","network.io.direction":"receive"}`; remembered, since every message has the same few. */
const interfaceAttributes = (name: string, direction: Direction | ''): string => {
  const key = `${direction}\n${name}`
  const cached = known.get(key)
  if (cached !== undefined) return cached
  const made = attributesOf({ 'network.interface.name': name, ...(direction === '' ? {} : { 'network.io.direction': direction }) })
  if (known.size < keysInCacheMax) known.set(key, made)
  return made
}

const envelope = fieldTable({})
const containers = new Set(['interfaces', 'interface', 'devices', 'links'])

const readInterfaces = (draft: Draft, value: unknown): void => {
  if (Array.isArray(value)) {
    readList(draft, value)
    return
  }
  if (!isObject(value)) return
  for (const key in value) {
    const part = value[key]
    const reader = envelope.readerOf(key)
    if (typeof part === 'object' && part !== null && containers.has(canonicalKey(key))) {
      if (Array.isArray(part)) readList(draft, part)
      else for (const name in part) readInterface(draft, name, (part as Record<string, unknown>)[name])
    } else if (reader !== readUnknown) reader(draft, part, key)
    else if (canonicalKey(key) === 'value' || canonicalKey(key) === 'address' || canonicalKey(key) === 'ip')
      addFact(draft, 'network.address', part)
    else readInterface(draft, key, part)
  }
}

const readList = (draft: Draft, list: readonly unknown[]): void => {
  for (const [index, item] of list.entries()) {
    const name = isObject(item)
      ? (toWord(item['name'] ?? item['ifname'] ?? item['interface'] ?? item['device']) ?? String(index))
      : String(index)
    readInterface(draft, name, item)
  }
}

const nameKeys = new Set(['name', 'ifname', 'interface', 'device'])

export const readInterface = (draft: Draft, name: string, value: unknown): void => {
  if (typeof value === 'string' || value === null) {
    addFact(draft, `network.${name}.address`, value)
    return
  }
  if (!isObject(value)) {
    addUnknown(draft, `${draft.route.prefix}.${snakeKey(name)}`, value)
    return
  }
  const bytesPerSecond = speedOf(value)
  const hints: CounterHints = { widthBits: widthOf(value), linkBitsPerSecond: bytesPerSecond === null ? null : bytesPerSecond * 8 }
  if (bytesPerSecond !== null) addMeasurement(draft, 'hw.network.bandwidth.limit', interfaceAttributes(name, ''), bytesPerSecond)
  for (const key in value) readInterfaceField(draft, name, key, value[key], hints)
}

const readInterfaceField = (draft: Draft, name: string, key: string, part: unknown, hints: CounterHints): void => {
  const canonical = canonicalKey(key)
  const counter = counters.get(canonical)
  if (counter !== undefined) {
    addCounter(draft, counter.metric, interfaceAttributes(name, counter.direction), part, hints)
    return
  }
  switch (canonical) {
    case 'statistics':
    case 'stats':
    case 'counters':
      if (isObject(part)) for (const inner in part) readInterfaceField(draft, name, inner, part[inner], hints)
      return
    case 'address':
    case 'addr':
    case 'ip':
    case 'ipv4':
    case 'ipaddress': {
      addFact(draft, `network.${name}.address`, part)
      return
    }
    case 'ipv6':
    case 'address6': {
      // netifd: `true`, IPv6 is enabled.
      addFact(draft, `network.${name}.${typeof part === 'boolean' ? 'ipv6' : 'address6'}`, part)
      return
    }
    case 'mac':
    case 'macaddr':
    case 'macaddress':
    case 'type':
    case 'mtu':
    case 'gateway':
    case 'netmask': {
      addFact(draft, `network.${name}.${canonical.startsWith('mac') ? 'mac' : canonical}`, part)
      return
    }
    case 'up':
    case 'carrier':
    case 'state':
    case 'operstate': {
      const up = toFlag(part)
      if (up !== null && canonical !== 'carrier') addMeasurement(draft, 'hw.network.up', interfaceAttributes(name, ''), up ? 1 : 0)
      addFact(draft, `network.${name}.${canonical === 'operstate' ? 'state' : canonical}`, part)
      return
    }
    case 'ipv4address':
    case 'ipv6address': {
      // netifd: `[{"address":"198.51.100.23","mask":24}]`.
      const first: unknown = Array.isArray(part) ? part[0] : part
      const address = isObject(first) ? first['address'] : Array.isArray(part) ? (first ?? null) : part
      addFact(draft, `network.${name}.${canonical === 'ipv4address' ? 'address' : 'address6'}`, address)
      return
    }
    case 'speed': {
      const [, duplex] = /^\d+([FH])$/.exec(typeof part === 'string' ? part : '') ?? []
      if (duplex !== undefined) addFact(draft, `network.${name}.duplex`, duplex === 'F' ? 'full' : 'half')
      return
    }
    case 'speedmbps':
    case 'speedbps':
    case 'counterbits':
      return
    default:
      if (Array.isArray(part) && part.every((word) => typeof word === 'string')) {
        if (part.length > 0) addFact(draft, `network.${name}.${snakeKey(key)}`, part.join(','))
      } else if (!nameKeys.has(canonical)) addUnknownKey(draft, `${draft.route.prefix}.${snakeKey(name)}`, key, part)
  }
}

/** Bytes per second from Mbit/s (`speedMbps`, `speed` 1000 or netifd's "1000F"), bit/s (`speedBps`); -1 is no link. */
const speedOf = (value: Record<string, unknown>): number | null => {
  for (const key in value) {
    const canonical = canonicalKey(key)
    if (canonical !== 'speed' && canonical !== 'speedmbps' && canonical !== 'speedbps') continue
    const part = value[key]
    const number = toNumber(typeof part === 'string' ? part.replace(/[FH]$/, '') : part)
    if (typeof number === 'number' && number > 0 && number < 1e12) return canonical === 'speedbps' ? number / 8 : number * 125_000
  }
  return null
}

const widthOf = (value: Record<string, unknown>): number | null => {
  const width = value['counterBits'] ?? value['counter_bits']
  return width === 32 || width === 64 ? width : null
}

/** proc_net_dev: columns run together with the colon on long values. Receive has 8 columns, transmit follows. */
const readProcNetDev = (draft: Draft, text: string): boolean => {
  let found = false
  for (const [, name, columns] of text.matchAll(/^\s*([^\s:]+):\s*(\d+(?:[ \t]+\d+){11,})[ \t\r]*$/gm)) {
    if (name === undefined || columns === undefined) continue
    found = true
    const values = columns.split(/[ \t]+/)
    for (const [direction, offset] of [
      ['receive', 0],
      ['transmit', 8],
    ] as const) {
      const attributes = interfaceAttributes(name, direction)
      addCounter(draft, 'system.network.io', attributes, values[offset])
      addCounter(draft, 'system.network.packet.count', attributes, values[offset + 1])
      addCounter(draft, 'system.network.errors', attributes, values[offset + 2])
      addCounter(draft, 'system.network.packet.dropped', attributes, values[offset + 3])
    }
  }
  return found
}

const addressText = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)(?:\/\d{1,3})?$/i

export const interfaces: Profile = {
  mayBeForeign: true,
  json: readInterfaces,
  text: (draft, text) => {
    if (readProcNetDev(draft, text)) return
    const word = toWord(scalarOf(text))
    if (word !== null && word !== undefined && !addressText.test(word)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected an address, /proc/net/dev or JSON, got "${shown(text)}"`)
      return
    }
    addFact(draft, 'network.address', word)
  },
}
