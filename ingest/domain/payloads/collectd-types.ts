/**
 * What collectd's types mean (types.db): which are cumulative, how their values are named, and the metric of each. Types that
 * are not here are gauges named `collectd.<plugin>.<type>`.
 */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { attributesOf } from '../attributes.ts'
import { keysInCacheMax } from '../limits.ts'

export type ValueList = {
  plugin: string
  pluginInstance: string
  type: string
  typeInstance: string
  values: readonly (number | null)[]
}

/** `most`: the greatest value of the rate in the device's unit, where it has one. */
type Gauge = { metric: MetricName; factor: number; most: number | null }
export type Target = { gauge: Gauge | null; counter: { metric: MetricName; factor: number } | null; attributes: string }

const derives = new Set(
  (
    'cpu irq contextswitch fork_rate swap_io vmpage_io vmpage_action vmpage_faults derive counter absolute operations requests ' +
    'ps_cputime ps_disk_octets ps_disk_ops ps_pagefaults ps_code nfs_procedure protocol_counter invocations ipt_bytes ipt_packets ' +
    'dns_octets dns_opcode dns_qtype dns_rcode http_requests cache_operations cache_result io_octets io_packets node_octets ' +
    'if_octets if_packets if_errors if_dropped if_multicast if_collisions disk_octets disk_ops disk_merged disk_time disk_io_time'
  ).split(' '),
)

export const isDerive = (type: string): boolean => derives.has(type) || type.startsWith('total_') || /^if_[rt]x_/.test(type)

const named: Readonly<Record<string, readonly string[]>> = {
  load: ['shortterm', 'midterm', 'longterm'],
  if_octets: ['rx', 'tx'],
  if_packets: ['rx', 'tx'],
  if_errors: ['rx', 'tx'],
  if_dropped: ['rx', 'tx'],
  io_octets: ['rx', 'tx'],
  io_packets: ['rx', 'tx'],
  disk_octets: ['read', 'write'],
  disk_ops: ['read', 'write'],
  disk_merged: ['read', 'write'],
  disk_time: ['read', 'write'],
  disk_io_time: ['io_time', 'weighted_io_time'],
  vmpage_io: ['in', 'out'],
  vmpage_faults: ['minflt', 'majflt'],
  ps_count: ['processes', 'threads'],
  ps_cputime: ['user', 'syst'],
  ps_disk_octets: ['read', 'write'],
  ps_disk_ops: ['read', 'write'],
  ps_pagefaults: ['minflt', 'majflt'],
  node_octets: ['rx', 'tx'],
  dns_octets: ['queries', 'responses'],
  df: ['used', 'free'],
}

/** Names of a type's values; undefined where there are more or fewer than the type has. One value has no name. */
export const sourceNamesOf = (type: string, count: number): readonly string[] | undefined => {
  const names = Object.hasOwn(named, type) ? named[type] : undefined
  if (names !== undefined) return names.length === count ? names : undefined
  return count === 1 ? [''] : Array.from({ length: count }, (_, index) => `value${index}`)
}

const remembered = new Map<string, Target | undefined>()

/** Undefined: a type or plugin without metrics of its own. Remembered, since every device has the same few. */
export const targetOf = (list: ValueList, source: string): Target | undefined => {
  const key = `${list.plugin}\n${list.pluginInstance}\n${list.type}\n${list.typeInstance}\n${source}`
  if (remembered.has(key)) return remembered.get(key)
  const target = findTarget(list, source)
  if (remembered.size < keysInCacheMax && key.length <= 200) remembered.set(key, target)
  return target
}

const gauge = (metric: MetricName, attributes: Record<string, string> = {}, factor = 1, most: number | null = null): Target => ({
  gauge: { metric, factor, most },
  counter: null,
  attributes: attributesOf(attributes),
})

const derive = (rate: MetricName, total: MetricName, attributes: Record<string, string>): Target => ({
  gauge: { metric: rate, factor: 1, most: null },
  counter: { metric: total, factor: 1 },
  attributes: attributesOf(attributes),
})

const findTarget = (list: ValueList, source: string): Target | undefined => {
  const { plugin, pluginInstance, type, typeInstance } = list
  const part = [pluginInstance, typeInstance].filter((word) => word !== '').join('/')
  const hardware = part === '' ? {} : { 'hw.name': part }
  switch (type) {
    case 'load':
      return typeInstance === '' ? loads[source] : undefined // `load-relative` is per processor.
    case 'cpu':
      return cpu(list)
    case 'percent':
    case 'percent_bytes':
      return percent(list)
    case 'memory':
      return plugin === 'memory' && typeInstance !== '' ? gauge('system.memory.usage', memoryState(typeInstance)) : undefined
    case 'swap':
      return typeInstance === '' ? undefined : gauge('system.paging.usage', { 'system.paging.state': typeInstance })
    case 'df_complex':
      return gauge('system.filesystem.usage', { ...mountOf(pluginInstance), 'system.filesystem.state': typeInstance })
    case 'uptime':
      return gauge('system.uptime')
    case 'temperature':
      return gauge('hw.temperature', hardware)
    case 'humidity':
      return gauge('hw.humidity', hardware)
    case 'voltage':
      return gauge('hw.voltage', hardware)
    case 'current':
      return gauge('hw.current', hardware)
    case 'power':
      return gauge('hw.power', hardware)
    case 'ping':
      return gauge('network.probe.rtt.avg', targetName(typeInstance))
    case 'ping_stddev':
      return gauge('network.probe.jitter', targetName(typeInstance))
    case 'ping_droprate':
      return gauge('network.probe.loss', targetName(typeInstance))
    case 'ps_state':
      return gauge('system.process.count', { 'process.status': typeInstance })
    case 'disk_octets':
      return derive('system.disk.io.rate', 'system.disk.io', diskOf(pluginInstance, source))
    case 'disk_ops':
      return derive('system.disk.operation.rate', 'system.disk.operations', diskOf(pluginInstance, source))
    default:
      return network(list, source)
  }
}

const loads: Readonly<Record<string, Target>> = {
  shortterm: gauge('system.cpu.load_average.1m'),
  midterm: gauge('system.cpu.load_average.5m'),
  longterm: gauge('system.cpu.load_average.15m'),
}

const modes: Readonly<Record<string, string>> = { wait: 'iowait', interrupt: 'interrupt', irq: 'interrupt' }
const msPerTick = 10

const cpuAttributes = ({ pluginInstance, typeInstance }: ValueList): Record<string, string> => ({
  ...(pluginInstance === '' ? {} : { 'cpu.logical_number': pluginInstance }),
  ...(typeInstance === 'active' || typeInstance === '' ? {} : { 'cpu.mode': modes[typeInstance] ?? typeInstance }),
})

/** Ticks of 1/100 s: their rate is percent of the one processor. */
const cpu = (list: ValueList): Target => ({
  gauge: { metric: 'system.cpu.utilization', factor: 0.01, most: 100 },
  counter: { metric: 'system.cpu.time', factor: msPerTick },
  attributes: attributesOf(cpuAttributes(list)),
})

const percent = (list: ValueList): Target | undefined => {
  const { plugin, pluginInstance, typeInstance } = list
  if (plugin === 'cpu') return gauge('system.cpu.utilization', cpuAttributes(list), 0.01, 100)
  if (plugin === 'memory' && typeInstance === 'used') return gauge('system.memory.utilization', {}, 0.01, 100)
  if (plugin === 'df' && typeInstance === 'used') return gauge('system.filesystem.utilization', mountOf(pluginInstance), 0.01, 100)
  return undefined
}

const memoryState = (state: string): Record<string, string> => ({
  'system.memory.state': state === 'buffered' ? 'buffers' : state === 'slab_recl' ? 'slab_reclaimable' : state,
})

/** collectd writes / as `root` and other slashes as dashes, which cannot be told from dashes of the name: they stay. */
const mountOf = (instance: string): Record<string, string> =>
  instance === '' ? {} : { 'system.filesystem.mountpoint': instance === 'root' ? '/' : instance }

const targetName = (target: string): Record<string, string> => (target === '' ? {} : { 'network.probe.target': target.slice(0, 200) })

const diskOf = (device: string, source: string): Record<string, string> => ({
  'disk.io.direction': source,
  ...(device === '' ? {} : { 'system.device': device }),
})

const networkMetrics: Readonly<Record<string, readonly [rate: MetricName, total: MetricName]>> = {
  octets: ['system.network.io.rate', 'system.network.io'],
  packets: ['system.network.packet.rate', 'system.network.packet.count'],
  errors: ['system.network.error.rate', 'system.network.errors'],
  dropped: ['system.network.packet.dropped.rate', 'system.network.packet.dropped'],
}
/** Plugins that speak of the device's own interfaces. */
const interfacePlugins = new Set(['interface', 'netlink', 'ethstat'])

const network = ({ plugin, pluginInstance, type, typeInstance }: ValueList, source: string): Target | undefined => {
  const [, one, quantity] = /^if_(?:([rt]x)_)?(octets|packets|errors|dropped)$/.exec(type) ?? []
  const metrics = quantity === undefined ? undefined : networkMetrics[quantity]
  if (metrics === undefined || !interfacePlugins.has(plugin)) return undefined
  const name = pluginInstance === '' ? typeInstance : pluginInstance
  return derive(metrics[0], metrics[1], {
    ...(name === '' ? {} : { 'network.interface.name': name }),
    'network.io.direction': (one ?? source) === 'rx' ? 'receive' : 'transmit',
  })
}
