/**
 * What the device stage costs a message before the insert: decoding, identity, rows, state. With a warehouse that takes
 * everything and a store in memory that encodes states as LMDB's does.
 *   node bench/device-stage.ts [messages] [devices]
 */
import { createFleetCodec } from '../adapters/avro/fleet-codec.ts'
import { availableParallelism, cpus } from 'node:os'
import { Packr } from 'msgpackr'
import { md5 } from '../adapters/system/clock-ids-digest.ts'
import type { Body, DeviceEvent } from '../model/event.ts'
import type { LogBatch, StageStore, StoredRecord, Warehouse } from '../model/ports.ts'
import { createDeviceStage } from '../processors/device-stage.ts'
import { createLedgerBook } from '../processors/domain/ledger.ts'
import { emptyRows } from '../processors/domain/projection.ts'
import { type IdentityWindow, judgeIdentity } from '../processors/domain/identity.ts'
import { createSeenIds, seenIdsMax } from '../processors/domain/seen-ids.ts'
import { createSessionWindow } from '../processors/domain/session-window.ts'
import { initialCore, type StageState } from '../processors/domain/state.ts'
import { alarmCodec, arrivalMs, deadLetterCodec, eventCodec, eventOf, readingsOf, rulesEvent } from '../test/stage-fakes.ts'

const messages = Number(process.argv[2] ?? 400_000)
const devices = Number(process.argv[3] ?? 1_000)
const batchRecords = 6_000 // 15,000 messages a second, cut every 400 ms.

const text = JSON.stringify({ load1: 0.25, load5: 0.5, load15: 0.75, running: 2, total: 140, pad: 'x'.repeat(120) })
const shapes: Record<string, (n: number) => Partial<DeviceEvent>> = {
  'boot id and seq': (n) => ({ bootId: 'b7d1c2c0-3c9a-4f7e-8f57-2a7b8a1c9f10', seq: Math.floor(n / devices), observedAtMs: arrivalMs + n }),
  'time only': (n) => ({ observedAtMs: arrivalMs + n }),
  'neither, persistent session': () => ({}),
}
const counters = (n: number): Body => ({
  kind: 'Counters',
  items: ['rx', 'tx', 'rx.packets', 'tx.packets', 'errors'].map((name) => ({
    metric: `network.${name}.io`,
    attributes: '{"network.interface.name":"wwan0"}',
    value: n * 1_000,
    widthBits: null,
    linkBitsPerSecond: null,
  })),
})
const facts = (): Body => ({
  kind: 'Facts',
  items: ['a', 'b', 'c', 'd', 'e'].map((name) => ({ name: `fact.${name}`, value: 'same', sealed: null })),
})
const lines = (n: number): Body => ({
  kind: 'LogLines',
  source: 'log/syslog',
  items: Array.from({ length: 5 }, (_, line) => ({
    observedAtMs: null,
    writtenAt: '',
    severity: 6,
    facility: 'daemon',
    program: 'hostapd',
    message: `wlan0: STA 00:11:22:33:44:5${line} IEEE 802.11: authenticated (aid ${n % 7})`,
    cut: false,
  })),
})

const recordsOf = (shape: (n: number) => Partial<DeviceEvent>, bodies: (n: number) => Body[]): StoredRecord[] =>
  Array.from({ length: messages }, (_, n) => {
    const device = `00-11-22-33-${String(Math.floor((n % devices) / 100)).padStart(2, '0')}-${String(n % 100).padStart(2, '0')}`
    const source = { sessionId: 's', connection: 1, packetId: n % 65_536 }
    const event = eventOf({ ...shape(n), device, receivedAtMs: arrivalMs + n, text: `${text}${n}`, bodies: bodies(n), source })
    return { offset: n, appendedAtMs: arrivalMs, key: device, value: Uint8Array.from(eventCodec.encode(event)) }
  })

/** Encodes like LMDB's store, keeps the bytes. */
const createByteStore = (): StageStore<StageState> => {
  const packr = new Packr({ useRecords: false })
  const states = new Map<string, Uint8Array>()
  return {
    resume: async () => ({ next: 0, repeatTo: null, lastRowOffsets: {} }),
    get: (_topic, _partition, key) => {
      const bytes = states.get(key)
      return bytes === undefined ? undefined : (packr.unpack(bytes) as StageState)
    },
    segments: () => [],
    begin: async () => undefined,
    finish: async (result) => {
      for (const [key, state] of result.states) states.set(key, packr.pack(state))
    },
    put: async () => undefined,
  }
}
const warehouse: Warehouse = {
  insert: async () => undefined,
  query: async () => [],
  command: async () => undefined,
  ping: async () => true,
  close: async () => undefined,
}

/** CPU time of the process, its garbage collector included: another program on the machine does not count. */
const microseconds = async (work: () => void | Promise<void>): Promise<number> => {
  const start = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / messages
}

const rules = Uint8Array.from(eventCodec.encode(rulesEvent()))

/** `judged`: by the shipped rules too. */
const stageCost = (records: readonly StoredRecord[], judged: boolean): Promise<number> =>
  microseconds(async () => {
    const stage = createDeviceStage({
      logId: 'log',
      tenant: 'main',
      codec: eventCodec,
      digest: md5,
      encodeDeadLetter: deadLetterCodec.encode,
      encodeAlarm: alarmCodec.encode,
      encodeSignal: createFleetCodec().encode,
      seenIdsMax,
      counters: { outcome: () => undefined, limitReached: () => undefined },
      store: createByteStore(),
      warehouse,
    })
    if (judged)
      await stage.processBatch({
        topic: 'device-events',
        partition: 0,
        firstOffset: 0,
        lastOffset: 0,
        records: [{ offset: 0, appendedAtMs: arrivalMs, key: 'all', value: rules }],
      })
    const shift = judged ? 1 : 0
    for (let at = 0; at < records.length; at += batchRecords) {
      const own = records.slice(at, at + batchRecords).map((record) => ({ ...record, offset: record.offset + shift }))
      const batch: LogBatch = {
        topic: 'device-events',
        partition: 0,
        firstOffset: at + shift,
        lastOffset: at + shift + own.length - 1,
        records: own,
      }
      await stage.processBatch(batch)
    }
  })

const identityCost = (events: readonly DeviceEvent[]): Promise<number> => {
  const window: IdentityWindow = { seenIds: createSeenIds(), sessions: createSessionWindow(), digest: md5 }
  const cores = new Map(events.map(({ subject }) => [subject.id, initialCore()]))
  const ledger = createLedgerBook()
  return microseconds(() => {
    for (const [offset, event] of events.entries()) {
      const core = cores.get(event.subject.id) ?? initialCore()
      ledger.count(event, judgeIdentity(event, core, window, event.receivedAtMs), offset)
    }
  })
}

console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}; ${messages} messages, ${devices} devices, batches of ${batchRecords}`,
)
console.log(`tables: ${Object.keys(emptyRows()).join(', ')}; CPU microseconds a message, second of two runs\n`)
const decodeCost = async (records: readonly StoredRecord[]): Promise<{ decode: number; events: DeviceEvent[] }> => {
  const events: DeviceEvent[] = []
  // Measured without keeping them: a batch is garbage soon, and so the stage pays.
  let bodies = 0
  const decode = await microseconds(() => {
    for (const { value } of records) {
      const decoded = eventCodec.decode(value)
      if (decoded.ok) bodies += decoded.event.bodies.length
    }
  })
  if (bodies !== records.length) throw new Error(`expected ${records.length} bodies, got ${bodies}`)
  for (const { value } of records) {
    const decoded = eventCodec.decode(value)
    if (decoded.ok) events.push(decoded.event)
  }
  return { decode, events }
}
const readings = (n: number): Body[] => [readingsOf(n, n + 1, n + 2, n + 3, null)]
const contents: [string, (n: number) => Body[]][] = [
  ['5 measurements', readings],
  ['5 counters', (n) => [counters(n)]],
  ['5 facts', () => [facts()]],
  ['5 log lines', (n) => [lines(n)]],
]
for (const [identity, shape] of Object.entries(shapes)) {
  for (const [content, bodies] of identity === 'boot id and seq' ? contents : contents.slice(0, 1)) {
    const records = recordsOf(shape, bodies)
    await decodeCost(records)
    const { decode, events } = await decodeCost(records)
    await identityCost(events)
    const judged = await identityCost(events)
    events.length = 0
    await stageCost(records, false)
    const whole = await stageCost(records, false)
    await stageCost(records, true)
    const judgedToo = await stageCost(records, true)
    const rest = whole - decode - judged
    console.log(
      `${identity.padEnd(28)} ${content.padEnd(15)} whole ${whole.toFixed(1).padStart(5)}   decode ${decode.toFixed(1)}   identity and ledger ${judged.toFixed(1)}   rows and state ${rest.toFixed(1)}   with rules ${judgedToo.toFixed(1)}`,
    )
  }
}
