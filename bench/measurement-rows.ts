/**
 * Measurements as a fleet sends them, for the warehouse's benchmarks: every device at its own phase of a fixed interval with
 * a few milliseconds of jitter, six metrics a message (three load averages as Linux computes them, three memory sizes in
 * whole kB), the device's own clock in the message, arrival 20 to 80 ms later. One seed gives one fleet.
 */

export type FleetShape = { devices: number; intervalMs: number; startMs: number; messagesPerDevice: number; seed: number }
export type MeasurementRow = {
  tenant: string
  subject: string
  metric: string
  attributes: string
  observed_at: number
  received_at: number
  value: number
  quality: string
  log_id: string
  partition: number
  offset: number
}

type Device = { subject: string; phaseMs: number; loads: [number, number, number]; usedKb: number; cachedKb: number; busy: number }

const metrics = [
  ['system.cpu.load_average.1m', ''],
  ['system.cpu.load_average.5m', ''],
  ['system.cpu.load_average.15m', ''],
  ['system.memory.usage', '{"system.memory.state":"used"}'],
  ['system.memory.usage', '{"system.memory.state":"free"}'],
  ['system.memory.usage', '{"system.memory.state":"cached"}'],
] as const
const totalKb = 505_856

/** Rows in order of arrival, one round of the whole fleet at a time. */
export function* measurementRounds(shape: FleetShape): Generator<MeasurementRow[]> {
  const random = mulberry32(shape.seed)
  const devices = Array.from({ length: shape.devices }, (_, index) => createDevice(index, shape, random))
  let offset = 0
  for (let round = 0; round < shape.messagesPerDevice; round++) {
    const messages = devices.map((device) => {
      const observedAtMs = Math.round(shape.startMs + round * shape.intervalMs + device.phaseMs + gaussian(random) * 3)
      return { device, observedAtMs, receivedAtMs: observedAtMs + 20 + Math.floor(random() * 61) }
    })
    messages.sort((a, b) => a.receivedAtMs - b.receivedAtMs)
    const rows: MeasurementRow[] = []
    for (const { device, observedAtMs, receivedAtMs } of messages) {
      const values = nextValues(device, random)
      for (const [index, [metric, attributes]] of metrics.entries()) {
        rows.push({
          tenant: 'default',
          subject: device.subject,
          metric,
          attributes,
          observed_at: observedAtMs,
          received_at: receivedAtMs,
          value: values[index] ?? 0,
          quality: 'ok',
          log_id: '3f1c9a52-0d1e-4c76-9a39-0a4f0f7f2b10',
          partition: 0,
          offset,
        })
      }
      offset++
    }
    yield rows
  }
}

const createDevice = (index: number, shape: FleetShape, random: () => number): Device => ({
  subject: `00-1e-42-${[16, 8, 0]
    .map((shift) => ((index * 7919 + 4242) >> shift) & 255)
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('-')}`,
  phaseMs: Math.floor(random() * shape.intervalMs),
  loads: [random(), random(), random()],
  usedKb: 150_000 + Math.floor(random() * 50_000),
  cachedKb: 60_000 + Math.floor(random() * 20_000),
  busy: 0.2 + random(),
})

/** Kernel's exponential averages over 10 s of a varying number of running tasks; memory walks in pages of 4 kB. */
const nextValues = (device: Device, random: () => number): number[] => {
  const running = random() < device.busy / 2 ? Math.floor(random() * 4) : 0
  const { loads } = device
  for (const [index, minutes] of [1, 5, 15].entries()) {
    const keep = Math.exp(-10 / (60 * minutes))
    loads[index] = (loads[index] ?? 0) * keep + running * (1 - keep)
  }
  device.usedKb += Math.round(gaussian(random) * 40) * 4
  if (random() < 0.1) device.cachedKb += Math.round(gaussian(random) * 30) * 4
  const freeKb = totalKb - device.usedKb - device.cachedKb
  return [...loads.map((load) => Math.round(load * 100) / 100), device.usedKb * 1024, freeKb * 1024, device.cachedKb * 1024]
}

const mulberry32 = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const gaussian = (random: () => number): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
