/**
 * Random lives of devices: what each said, when it believes to have said it, and when it arrived. Late, shuffled, repeated,
 * with wrong clocks and reboots. `lifeOf` makes the events in the order of their arrival.
 */
import fc from 'fast-check'
import type { Body, Carrier, DeviceEvent, RadioBody } from '../../model/event.ts'
import { eventOf } from '../stage-fakes.ts'

const secondMs = 1_000
const hourMs = 3_600 * secondMs

type Spoken = {
  gapMs: number
  lateMs: number
  /** It comes once more, so much later. */
  repeatedAfterMs: number | null
  readings: (number | null)[]
  /** Time of the second reading before that of its message. */
  itemAgeMs: number | null
  count: number | null
  facts: Record<string, string | null>
  radio: { cell: number | null; band: string; rsrpDbm: number; carriers: number } | null
  lines: number
}
type Boot = { clock: 'right' | 'unset' | 'ahead' | 'slow'; told: boolean; spoken: Spoken[] }
type Link = { gapMs: number; state: 'online' | 'offline'; session: string }
type Life = { kind: 'numbered' | 'timed' | 'clockless'; tellsUptime: boolean; boots: Boot[]; links: Link[]; storedCopy: boolean }

const seconds = (max: number) => fc.integer({ min: 0, max }).map((count) => count * secondMs)
const mostly = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: rare })
const gapMs = mostly(
  seconds(300),
  fc.constantFrom(0, hourMs, 3 * hourMs, 30 * hourMs).map((ms) => ms),
)
const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
/** Few values, so that they come back. */
const value = fc.constantFrom('A', 'B', null)

const spoken: fc.Arbitrary<Spoken> = fc.record({
  gapMs,
  lateMs: mostly(fc.constant(0), seconds(4 * 3_600)),
  repeatedAfterMs: mostly(fc.constant(null), seconds(3 * 3_600)),
  readings: fc.array(fc.option(fc.integer({ min: 0, max: 9 }), { nil: null, freq: 4 }), { maxLength: 3 }),
  itemAgeMs: sometimes(seconds(600)),
  count: sometimes(fc.integer({ min: 0, max: 5_000 })),
  facts: fc.dictionary(fc.constantFrom('firmware.version', 'network.apn', 'modem.imei'), value, { maxKeys: 2 }),
  radio: sometimes(
    fc.record({
      cell: fc.constantFrom(1001, 1002, null),
      band: fc.constantFrom('B3', 'B20'),
      rsrpDbm: fc.integer({ min: -240, max: -160 }).map((half) => half / 2),
      carriers: fc.integer({ min: 0, max: 2 }),
    }),
  ),
  lines: fc.integer({ min: 0, max: 2 }),
})

export const life: fc.Arbitrary<Life> = fc.record({
  kind: mostly(fc.constant<Life['kind']>('numbered'), fc.constantFrom<Life['kind']>('timed', 'clockless')),
  tellsUptime: fc.boolean(),
  boots: fc.array(
    fc.record({
      clock: mostly(fc.constant<Boot['clock']>('right'), fc.constantFrom<Boot['clock']>('unset', 'ahead', 'slow')),
      told: fc.boolean(),
      spoken: fc.array(spoken, { minLength: 1, maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  links: fc.array(fc.record({ gapMs, state: fc.constantFrom('online', 'offline'), session: fc.constantFrom('s1', 's2') }), {
    maxLength: 5,
  }),
  storedCopy: fc.boolean(),
})

/** In the order of arrival, which is that of the log. */
export const lifeOf = (device: string, { kind, tellsUptime, boots, links, storedCopy }: Life, fromMs: number): DeviceEvent[] => {
  const events: DeviceEvent[] = []
  let trueMs = fromMs
  let count = 0
  let unequal = 0
  for (const [bootIndex, boot] of boots.entries()) {
    trueMs += 10 * secondMs
    const bootedMs = trueMs
    for (const [index, words] of boot.spoken.entries()) {
      // Equal times are ordered by arrival, of counters by the device: theirs shall differ.
      trueMs += words.count === null ? words.gapMs : Math.max(words.gapMs, secondMs)
      count += words.count ?? 0
      const claimedMs = { right: trueMs, unset: trueMs - bootedMs, ahead: trueMs + 2 * hourMs, slow: trueMs - 420 * secondMs }[boot.clock]
      const observedAtMs = kind === 'clockless' ? null : claimedMs
      const bootId = kind === 'numbered' ? `boot-${String(bootIndex)}` : null
      const event = eventOf({
        device,
        receivedAtMs: trueMs + secondMs + words.lateMs + (words.count === null ? 0 : ++unequal),
        observedAtMs,
        bootId,
        seq: kind === 'numbered' ? index + 1 : null,
        uptimeSeconds: kind === 'numbered' && tellsUptime ? (trueMs - bootedMs) / 1_000 : null,
        text: `${String(bootIndex)} ${String(index)}`,
        bodies: bodiesOf(words, observedAtMs, count, boot.told && index === 0 ? bootId : null),
      })
      events.push(event)
      if (words.repeatedAfterMs !== null && kind !== 'clockless') {
        events.push({ ...event, receivedAtMs: event.receivedAtMs + words.repeatedAfterMs, source: { ...event.source, dup: true } })
      }
    }
  }
  let linkMs = fromMs
  for (const { gapMs: after, state, session } of links) {
    linkMs += after
    const reason = state === 'offline' ? 'will' : null
    events.push(eventOf({ device, receivedAtMs: linkMs, bodies: [{ kind: 'Presence', state, sessionId: session, reason }] }))
  }
  if (storedCopy) {
    const receivedAtMs = fromMs + 5 * secondMs
    const facts: Body = { kind: 'Facts', items: [factOf('device.model', '311-a1')] }
    const source = { storedCopy: true, retain: true }
    events.push(eventOf({ device, receivedAtMs, observedAtMs: fromMs - hourMs, text: 'copy', source, bodies: [facts] }))
  }
  return events.sort((a, b) => a.receivedAtMs - b.receivedAtMs)
}

const bodiesOf = (words: Spoken, observedAtMs: number | null, count: number, toldBoot: string | null): Body[] => {
  const bodies: Body[] = []
  if (toldBoot !== null) bodies.push({ kind: 'Boot', bootId: toldBoot, reason: 'watchdog', uptimeBeforeSeconds: 60, taskId: null })
  if (words.readings.length > 0) {
    const items = words.readings.map((reading, index) => ({
      metric: 'm',
      attributes: index === 0 ? '' : `{"n":"${String(index)}"}`,
      value: reading,
      quality: reading === null ? ('missing' as const) : ('ok' as const),
      observedAtMs: index === 1 && words.itemAgeMs !== null && observedAtMs !== null ? observedAtMs - words.itemAgeMs : null,
    }))
    bodies.push({ kind: 'Measurements', items })
  }
  if (words.count !== null) {
    const item = { metric: 'c.io', attributes: '', value: count, widthBits: null, linkBitsPerSecond: null }
    bodies.push({ kind: 'Counters', items: [item] })
  }
  const facts = Object.entries(words.facts).map(([name, told]) => factOf(name, told))
  if (facts.length > 0) bodies.push({ kind: 'Facts', items: facts })
  if (words.radio !== null) bodies.push(radioOf(words.radio))
  if (words.lines > 0) {
    const items = Array.from({ length: words.lines }, (_, n) => ({
      observedAtMs: null,
      writtenAt: '',
      severity: 6,
      facility: null,
      program: 'init',
      message: `line ${'x'.repeat(n)}`,
      cut: false,
    }))
    bodies.push({ kind: 'LogLines', source: 'syslog', items })
  }
  return bodies
}

const factOf = (name: string, value: string | null) => ({
  name,
  value,
  sealed: name === 'modem.imei' && value !== null ? new Uint8Array([1, 2, 3]) : null,
})

const radioOf = ({ cell, band, rsrpDbm, carriers }: NonNullable<Spoken['radio']>): RadioBody => ({
  kind: 'Radio',
  rat: 'LTE',
  mode: 'LTE',
  plmn: '00101',
  tac: null,
  cellId: cell,
  enbId: cell === null ? null : cell >> 8,
  pci: null,
  band,
  earfcn: null,
  rsrpDbm,
  rsrqDb: null,
  sinrDb: null,
  rssiDbm: null,
  cqi: null,
  carriers: Array.from({ length: carriers }, (_, n) => carrierOf(n, rsrpDbm)),
})

const carrierOf = (n: number, rsrpDbm: number): Carrier => ({
  role: n === 0 ? 'PCC' : 'SCC',
  rat: 'LTE',
  band: `B${String(n + 1)}`,
  bandwidthMhz: 20,
  earfcn: null,
  pci: null,
  rsrpDbm,
  rsrqDb: null,
  sinrDb: null,
  active: n === 0,
})
