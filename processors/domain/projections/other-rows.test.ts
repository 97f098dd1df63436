/** Radio, log lines, boots and inventory: what a body becomes. */
import { describe, expect, it } from 'vitest'
import type { Body, DeviceEvent, RadioBody } from '../../../model/event.ts'
import type { Row } from '../../../model/ports.ts'
import { arrivalMs, createBench, deviceId, type EventWords, eventOf, only } from '../../../test/stage-fakes.ts'
import type { TableName } from '../../../schemas/tables.ts'
import { createPartitionRun } from '../../stage-run.ts'
import { logLinesPerMinuteMax } from './log-lines.ts'

const rowsOf = async (table: TableName, ...events: DeviceEvent[]): Promise<Row[]> => {
  const bench = createBench()
  bench.append(...events)
  await bench.run(2)
  return bench.rowsOf(table)
}

describe('radio', () => {
  const radio: RadioBody = {
    kind: 'Radio',
    rat: 'LTE',
    mode: 'LTE',
    plmn: '00101',
    tac: 1,
    cellId: 2 ** 36 - 1,
    enbId: 5,
    pci: 65_536,
    band: '3',
    earfcn: -1,
    rsrpDbm: -95.5,
    rsrqDb: null,
    sinrDb: 3,
    rssiDbm: null,
    cqi: 7,
    carriers: [
      { role: 'PCC', rat: 'LTE', band: '3', bandwidthMhz: 20, earfcn: 1, pci: 2, rsrpDbm: -95, rsrqDb: -9, sinrDb: 3, active: true },
    ],
  }
  it('is one row a snapshot; a number that its column cannot hold is NULL', async () => {
    expect(await rowsOf('radio', eventOf({ bodies: [radio] }))).toMatchObject([
      {
        plmn: '00101',
        cell_id: 2 ** 36 - 1,
        pci: null,
        earfcn: null,
        rsrp_dbm: -95.5,
        carriers: [
          { role: 'PCC', rat: 'LTE', band: '3', bandwidth_mhz: 20, earfcn: 1, pci: 2, rsrp_dbm: -95, rsrq_db: -9, sinr_db: 3, active: 1 },
        ],
      },
    ])
  })
})

describe('log lines', () => {
  const line = (message: string, observedAtMs: number | null = null) => ({
    observedAtMs,
    writtenAt: 'Jan  5 12:00:00',
    severity: 3,
    facility: 'kern',
    program: 'kernel',
    message,
    cut: false,
  })
  const lines = (...items: ReturnType<typeof line>[]): Body => ({ kind: 'LogLines', source: 'log/syslog', items })

  it('are one row each, in order, at their own time where it can be believed', async () => {
    const rows = await rowsOf(
      'log_lines',
      eventOf({ bodies: [lines(line('a', arrivalMs - 5), line('usb 1-1: USB disconnect, device number 4', arrivalMs * 2))] }),
    )
    expect(only(rows, 'line', 'observed_at', 'class', 'severity', 'program', 'written_at', 'cut')).toEqual([
      { line: 0, observed_at: arrivalMs - 5, class: '', severity: 3, program: 'kernel', written_at: 'Jan  5 12:00:00', cut: 0 },
      { line: 1, observed_at: arrivalMs, class: 'usb-gone', severity: 3, program: 'kernel', written_at: 'Jan  5 12:00:00', cut: 0 },
    ])
  })

  it('are bounded to 6,000 a minute; a notice stands for the rest', async () => {
    const burst = lines(...Array.from({ length: logLinesPerMinuteMax / 2 + 1 }, (_, n) => line(`line ${n}`)))
    const rows = await rowsOf(
      'log_lines',
      eventOf({ bodies: [burst] }),
      eventOf({ bodies: [burst] }),
      eventOf({ bodies: [lines(line('next minute'))], receivedAtMs: arrivalMs + 60_000 }),
    )
    expect(rows).toHaveLength(logLinesPerMinuteMax + 2)
    expect(only(rows.slice(-3), 'class', 'message')).toEqual([
      { class: '', message: 'line 2998' },
      { class: 'burst', message: 'more than 6000 lines within a minute: the others of this minute are kept in messages only' },
      { class: '', message: 'next minute' },
    ])
  })
})

describe('log lines after a clock that was ahead', () => {
  it('are not held to a minute that lies in the future: one line a minute is never cut', async () => {
    const body = (n: number): Body => ({
      kind: 'LogLines',
      source: 'log/syslog',
      items: [{ observedAtMs: null, writtenAt: '', severity: null, facility: null, program: null, message: `line ${n}`, cut: false }],
    })
    const bench = createBench()
    bench.append(eventOf({ bodies: [body(0)], receivedAtMs: arrivalMs + 365 * 86_400_000 }))
    for (let n = 1; n <= logLinesPerMinuteMax + 10; n++) bench.append(eventOf({ bodies: [body(n)], receivedAtMs: arrivalMs + n * 60_000 }))
    await bench.run()
    expect(bench.rowsOf('log_lines')).toHaveLength(logLinesPerMinuteMax + 11)
    expect(bench.counts['log-lines-per-minute']).toBe(undefined)
  })

  it('counts each line that was cut, the one in whose place the notice stands too', async () => {
    const bench = createBench()
    const item = { observedAtMs: null, writtenAt: '', severity: null, facility: null, program: null, message: 'x', cut: false }
    bench.append(
      eventOf({ bodies: [{ kind: 'LogLines', source: 's', items: Array.from({ length: logLinesPerMinuteMax + 3 }, () => item) }] }),
    )
    await bench.run()
    expect(bench.rowsOf('log_lines')).toHaveLength(logLinesPerMinuteMax + 1)
    expect(bench.counts['log-lines-per-minute']).toBe(3)
  })
})

describe('boots', () => {
  const boots = async (...words: EventWords[]): Promise<Row[]> =>
    only(
      await rowsOf('boots', ...words.map((own, index) => eventOf({ text: `${index}`, ...own }))),
      'evidence',
      'boot_id',
      'observed_at',
      'reason',
    )

  it('are told by the device', async () => {
    const body: Body = { kind: 'Boot', bootId: 'b1', reason: 'watchdog', uptimeBeforeSeconds: 5, taskId: null }
    expect(await boots({ bodies: [body], bootId: 'b1' }, { bootId: 'b1' })).toEqual([
      { evidence: 'told', boot_id: 'b1', observed_at: arrivalMs, reason: 'watchdog' },
    ])
  })

  it('are seen by a new boot id, but for the first that was heard without uptime', async () => {
    expect(await boots({ bootId: 'b1' }, { bootId: 'b2', uptimeSeconds: 30 }, { bootId: 'b1' }, { bootId: 'b2' })).toEqual([
      { evidence: 'new-boot-id', boot_id: 'b2', observed_at: arrivalMs - 30_000, reason: null },
    ])
  })

  it('the first that was heard is one when its uptime tells when it began', async () => {
    expect(await boots({ bootId: 'b1', uptimeSeconds: 90 }, { bootId: 'b1', uptimeSeconds: 95 })).toEqual([
      { evidence: 'new-boot-id', boot_id: 'b1', observed_at: arrivalMs - 90_000, reason: null },
    ])
  })

  it('are seen by an uptime that fell, without boot ids; late messages and clock jumps are none', async () => {
    const at = (seconds: number, uptimeSeconds: number, late = 0) => ({
      observedAtMs: arrivalMs + seconds * 1_000,
      receivedAtMs: arrivalMs + (seconds + late) * 1_000,
      uptimeSeconds,
    })
    expect(await boots(at(0, 1_000), at(100, 1_100), at(50, 1_050, 100), at(200, 40))).toEqual([
      { evidence: 'uptime-fell', boot_id: '', observed_at: arrivalMs + 160_000, reason: null },
    ])
    expect(await boots(at(0, 10), at(86_400, 20))).toEqual([])
  })
})

describe('inventory', () => {
  const changed = (entity: 'device' | 'site' | 'cell', id: string, fields: Record<string, string>): DeviceEvent => ({
    ...eventOf({ bodies: [{ kind: 'InventoryChanged', entity, id, retired: false, fields }], source: { origin: 'api', topic: '' } }),
    subject: { kind: entity, id },
  })

  it('is one row a change, and its version grows within one millisecond', async () => {
    const rows = await rowsOf(
      'devices',
      changed('device', deviceId, { name: 'one', latitude: '52.5', longitude: '13.4', aliases: 'a1; a2' }),
      changed('device', deviceId, { name: 'two' }),
    )
    expect(only(rows, 'device_id', 'name', 'latitude', 'aliases', 'retired', 'received_at', 'expected_interval_seconds')).toEqual([
      {
        device_id: deviceId,
        name: 'one',
        latitude: 52.5,
        aliases: ['a1', 'a2'],
        retired: 0,
        received_at: arrivalMs,
        expected_interval_seconds: null,
      },
      {
        device_id: deviceId,
        name: 'two',
        latitude: null,
        aliases: [],
        retired: 0,
        received_at: arrivalMs + 1,
        expected_interval_seconds: null,
      },
    ])
  })

  it('writes sites and cells, and no account', async () => {
    const bench = createBench()
    bench.append(changed('site', 's1', { name: 'Site' }), changed('cell', '1234', { plmn: '00101', vendor: 'v' }))
    await bench.run()
    expect(bench.rowsOf('sites')).toMatchObject([{ site_id: 's1', name: 'Site', partition: 0 }])
    expect(bench.rowsOf('cells')).toMatchObject([{ cell_id: 1234, plmn: '00101', vendor: 'v' }])
    expect(only(bench.rowsOf('messages'), 'outcome')).toEqual([{ outcome: 'inventory' }, { outcome: 'inventory' }])
    expect(bench.rowsOf('ledger')).toEqual([])
  })

  it('writes a broadcast site or cell in the first partition only, a device in its own', async () => {
    const bench = createBench()
    bench.append(changed('site', 's1', {}), changed('cell', '1', {}), changed('device', deviceId, {}))
    const run = createPartitionRun(bench.deps, 1, { read: () => undefined, segments: () => [] })
    const { rows } = run.prepare((await bench.batchFrom(0, 2)).records, 0, () => false, 100)
    expect([rows.sites.length, rows.cells.length, rows.devices.length, rows.messages.length]).toEqual([0, 0, 1, 3])
  })
})
