/**
 * Every measurement and counter that has a name of its own: unit (UCUM), physical range, description, attributes. Names follow
 * the OpenTelemetry semantic conventions where one exists, `cellular.*` for radio, `environment.*` for places. Payload
 * profiles write by it; docs, API and dashboards read it. A metric that is not here is named by its path and has no range.
 */

export type MetricDefinition = {
  /** `counter`: cumulative, goes to `counters` as differences. */
  kind: 'gauge' | 'counter'
  /** UCUM. */
  unit: string
  /** Physical range, both ends included. Beyond it lies no reading: null with quality `out_of_range`. */
  min: number
  max: number
  description: string
  /** Names of the attributes that tell its series apart. */
  attributes: readonly string[]
}

const unlimited = Number.MAX_SAFE_INTEGER
const gauge = (unit: string, min: number, max: number, description: string, attributes: readonly string[] = []): MetricDefinition => ({
  kind: 'gauge',
  unit,
  min,
  max,
  description,
  attributes,
})
const counter = (unit: string, description: string, attributes: readonly string[]): MetricDefinition => ({
  kind: 'counter',
  unit,
  min: 0,
  max: unlimited,
  description,
  attributes,
})
const bytes = (description: string, attributes: readonly string[] = []): MetricDefinition =>
  gauge('By', 0, unlimited, description, attributes)

const filesystem = ['system.filesystem.mode', 'system.filesystem.mountpoint', 'system.filesystem.type']
const interfaceAndDirection = ['network.interface.name', 'network.io.direction']
const disk = ['system.device', 'disk.io.direction']
const probe = ['network.probe.target']
/** Which modem of several, which antenna, which radio access technology. */
const modem = ['hw.id', 'cellular.antenna', 'cellular.rat']
/** Part of a metering or switching device, and the phase. */
const meter = ['hw.name', 'hw.phase']

export const measurementCatalogue = {
  'system.uptime': gauge('s', 0, 1e10, 'Time since the device started.'),
  'system.cpu.load_average.1m': gauge('{thread}', 0, 1e6, 'Runnable and waiting tasks, averaged over 1 minute.'),
  'system.cpu.load_average.5m': gauge('{thread}', 0, 1e6, 'Runnable and waiting tasks, averaged over 5 minutes.'),
  'system.cpu.load_average.15m': gauge('{thread}', 0, 1e6, 'Runnable and waiting tasks, averaged over 15 minutes.'),
  'system.cpu.utilization': gauge('1', 0, 1, 'Share of processor time, 0..1. Without `cpu.mode`: all but idle and iowait.', [
    'cpu.mode',
    'cpu.logical_number',
  ]),
  'system.cpu.time': counter(
    'ms',
    'Processor time spent since boot, all processors together. Whole milliseconds, because counters are integers.',
    ['cpu.mode', 'cpu.logical_number'],
  ),
  'system.process.count': gauge('{process}', 0, 1e7, 'Scheduling entities; with `process.status` only those in that state.', [
    'process.status',
  ]),
  'system.memory.limit': bytes('Total memory.'),
  'system.memory.usage': bytes('Memory by state: used (total less available), free, buffers, cached.', ['system.memory.state']),
  'system.memory.linux.available': bytes('What new programs can take without swapping (MemAvailable).'),
  'system.memory.linux.shared': bytes('Shared memory, mostly tmpfs.'),
  'system.memory.utilization': gauge('1', 0, 1, 'Share of memory in use: (total - available) / total.'),
  'system.paging.limit': bytes('Total swap.'),
  'system.paging.usage': bytes('Swap by state: used, free.', ['system.paging.state']),
  'system.filesystem.limit': bytes('Size of the filesystem.', filesystem),
  'system.filesystem.usage': bytes('Bytes by state: used, free (free to unprivileged programs).', [
    ...filesystem,
    'system.filesystem.state',
  ]),
  'system.filesystem.utilization': gauge(
    '1',
    0,
    1,
    'used / (used + available). Mode `ro` ones, such as a squashfs root, are always full.',
    filesystem,
  ),
  'hw.temperature': gauge('Cel', -90, 200, 'Temperature of a part of the device.', ['hw.name', 'hw.id']),
  'hw.humidity': gauge('%', 0, 100, 'Relative humidity at the device.', ['hw.name']),
  'hw.voltage': gauge('V', -1e6, 1e6, 'Voltage at a part of the device.', meter),
  'hw.current': gauge('A', -1e5, 1e5, 'Current through a part of the device.', meter),
  'hw.power': gauge('W', -1e9, 1e9, 'Active power; below 0 it is fed back.', meter),
  'hw.apparent_power': gauge('V.A', 0, 1e9, 'Apparent power.', meter),
  'hw.power_factor': gauge('1', -1, 1, 'Active power / apparent power.', meter),
  'hw.frequency': gauge('Hz', 0, 1_000, 'Frequency of the mains.', meter),
  'hw.energy': counter('J', 'Energy drawn, cumulative. A Wh is 3,600 J; whole joules, because counters are integers.', meter),
  'hw.energy.returned': counter('J', 'Energy fed back, cumulative.', meter),
  'hw.battery.charge': gauge('1', 0, 1, 'Share of the battery that is left.', ['hw.name']),
  'hw.switch.on': gauge('1', 0, 1, '1 while a switched output is on.', ['hw.name']),
  'hw.input.on': gauge('1', 0, 1, '1 while a digital input is on.', ['hw.name']),
  'hw.network.up': gauge('1', 0, 1, '1 while the link is up.', ['network.interface.name']),
  'hw.network.bandwidth.limit': gauge('By/s', 0, 1e12, 'Speed of the link.', ['network.interface.name']),
  'system.network.io': counter('By', 'Bytes over an interface.', interfaceAndDirection),
  'system.network.packet.count': counter('{packet}', 'Packets over an interface.', interfaceAndDirection),
  'system.network.errors': counter('{error}', 'Errors of an interface.', interfaceAndDirection),
  'system.network.packet.dropped': counter('{packet}', 'Packets dropped though there was no error.', interfaceAndDirection),
  'system.network.io.rate': gauge(
    'By/s',
    0,
    1e12,
    'Bytes a second over an interface, where the device sends rates.',
    interfaceAndDirection,
  ),
  'system.network.packet.rate': gauge('{packet}/s', 0, 1e10, 'Packets a second, where the device sends rates.', interfaceAndDirection),
  'system.network.error.rate': gauge('{error}/s', 0, 1e10, 'Errors a second, where the device sends rates.', interfaceAndDirection),
  'system.network.packet.dropped.rate': gauge(
    '{packet}/s',
    0,
    1e10,
    'Packets dropped a second, where the device sends rates.',
    interfaceAndDirection,
  ),
  'system.disk.io': counter('By', 'Bytes read and written.', disk),
  'system.disk.operations': counter('{operation}', 'Reads and writes.', disk),
  'system.disk.io.rate': gauge('By/s', 0, 1e12, 'Bytes read and written a second, where the device sends rates.', disk),
  'system.disk.operation.rate': gauge('{operation}/s', 0, 1e9, 'Reads and writes a second, where the device sends rates.', disk),
  'network.probe.loss': gauge('1', 0, 1, 'Share of probes without answer.', probe),
  'network.probe.rtt.min': gauge('ms', 0, 3.6e6, 'Shortest round trip of the probes.', probe),
  'network.probe.rtt.avg': gauge('ms', 0, 3.6e6, 'Mean round trip of the probes.', probe),
  'network.probe.rtt.p95': gauge('ms', 0, 3.6e6, '95th percentile of the round trips.', probe),
  'network.probe.rtt.max': gauge('ms', 0, 3.6e6, 'Longest round trip of the probes.', probe),
  'network.probe.jitter': gauge('ms', 0, 3.6e6, 'Mean difference of one round trip to the next.', probe),
  'network.probe.sent': gauge('{packet}', 0, 1e9, 'Probes sent for this result.', probe),
  'network.probe.received': gauge('{packet}', 0, 1e9, 'Probes answered.', probe),
  'network.wan.up': gauge('1', 0, 1, '1 while the device reaches its uplink.'),
  'network.wan.quota': bytes('Volume of the data plan.'),
  'network.wan.used': bytes('Volume used of the data plan, as the device counts it.'),
  // Radio snapshots are columns of the table `radio`; these are for single readings, such as `.../router/rsrp`.
  'cellular.rsrp': gauge('dBm', -156, -31, 'Reference signal received power (3GPP TS 36.133 9.1.4, TS 38.133 10.1.6).', modem),
  'cellular.rsrq': gauge('dB', -43, 20, 'Reference signal received quality.', modem),
  'cellular.sinr': gauge('dB', -23, 40, 'Signal to interference and noise ratio.', modem),
  'cellular.rssi': gauge('dBm', -130, -10, 'Received signal strength.', modem),
  'cellular.cqi': gauge('1', 0, 15, 'Channel quality indicator (3GPP TS 36.213 7.2.3).'),
  'cellular.rscp': gauge('dBm', -125, -15, 'Received signal code power of 3G (3GPP TS 25.133 9.1.1); not an RSRP.', modem),
  'cellular.ecio': gauge('dB', -40, 5, 'Energy per chip over interference of 3G; not an RSRQ.', modem),
  'cellular.signal_quality': gauge('1', 0, 1, 'Signal quality 0..1 as the modem estimates it.', modem),
  'cellular.error_rate': gauge('1', 0, 1, 'Share of bits or blocks in error, as the modem reports it.', modem),
  'cellular.io': counter('By', 'Bytes over a modem, as the modem counts them.', ['hw.id', 'network.io.direction']),
  'cellular.neighbor.rsrp': gauge('dBm', -156, -31, 'Reference signal received power of the strongest neighbour cell.'),
  'cellular.neighbor.rsrq': gauge('dB', -43, 20, 'Reference signal received quality of the strongest neighbour cell.'),
  'environment.temperature': gauge('Cel', -100, 100, 'Air temperature of a place.', ['place.area']),
  'environment.humidity': gauge('%', 0, 100, 'Relative humidity.', ['place.area']),
  'environment.pressure': gauge('hPa', 300, 1200, 'Air pressure.', ['place.area']),
  'environment.pm1': gauge('ug/m3', 0, 10_000, 'Particles up to 1 micrometre.', ['place.area']),
  'environment.pm2_5': gauge('ug/m3', 0, 10_000, 'Particles up to 2.5 micrometres (topic level `pm2dot5`).', ['place.area']),
  'environment.pm10': gauge('ug/m3', 0, 10_000, 'Particles up to 10 micrometres.', ['place.area']),
  'environment.co2': gauge('[ppm]', 0, 100_000, 'Carbon dioxide.', ['place.area']),
  'environment.wind.speed': gauge('m/s', 0, 150, 'Wind speed.', ['place.area']),
  'environment.wind.gust': gauge('m/s', 0, 150, 'Gust speed.', ['place.area']),
  'environment.wind.direction': gauge('deg', 0, 360, 'Direction that the wind comes from.', ['place.area']),
  'environment.rain': gauge('mm', 0, 2_000, 'Rain.', ['place.area']),
  'environment.illuminance': gauge('lx', 0, 300_000, 'Light.', ['place.area']),
  'environment.noise': gauge('dB', 0, 200, 'Sound level.', ['place.area']),
  'environment.power': gauge('W', -1e9, 1e9, 'Electrical power.', ['place.area']),
  'environment.energy': gauge('kW.h', 0, 1e9, 'Reading of an energy meter.', ['place.area']),
  'environment.voltage': gauge('V', -1e6, 1e6, 'Voltage.', ['place.area']),
  'environment.current': gauge('A', -1e5, 1e5, 'Current.', ['place.area']),
} as const satisfies Record<string, MetricDefinition>

export type MetricName = keyof typeof measurementCatalogue

/** Undefined for a metric named by its path. */
export const metricDefinition = (name: string): MetricDefinition | undefined =>
  Object.hasOwn(measurementCatalogue, name) ? measurementCatalogue[name as MetricName] : undefined
