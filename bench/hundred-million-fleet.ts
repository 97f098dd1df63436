/**
 * The fleet of `hundred-million.ts`: statements that make its rows inside the engine, and what is asked of it. 1,000 devices
 * send 12 measurements, 2 counters and a radio snapshot every five minutes; one hour in fifty arrives two hours late. 19,000
 * more are in the inventory, with their facts and presence. Values are pseudo-random by hash, so that a run can be repeated.
 */
export type FleetShape = { devices: number; days: number; fleet: number; endMs: number }

const series = [
  ['system.cpu.load_average.1m', ''],
  ['system.cpu.load_average.5m', ''],
  ['system.cpu.load_average.15m', ''],
  ['system.cpu.utilization', ''],
  ['system.memory.usage', '{"system.memory.state":"used"}'],
  ['system.memory.usage', '{"system.memory.state":"free"}'],
  ['system.memory.linux.available', ''],
  ['system.uptime', ''],
  ['hw.temperature', ''],
  ['network.ping.rtt', ''],
  ['wifi.clients', ''],
  ['system.process.count', ''],
] as const
const perDay = 288
const everyMs = 300_000
const dayMs = 86_400_000
const tickEveryMs = 5000

/** Device n of the fleet. */
export const deviceOf = (n: number): string =>
  `00-1e-42-${[16, 8, 0].map((shift) => ((n >> shift) & 255).toString(16).padStart(2, '0')).join('-')}`
const deviceSql = (n: string): string =>
  `concat('00-1e-42-', lower(hex(toUInt8(bitShiftRight(${n}, 16)))), '-', lower(hex(toUInt8(bitShiftRight(${n}, 8)))), '-', lower(hex(toUInt8(${n}))))`

const texts = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(', ')}]`
/** Uniform from 0 to 1. */
const uniform = (seed: string): string => `(cityHash64(${seed}) / 18446744073709551616.)`
const normal = (seed: string): string => `(${uniform(`${seed}, 1`)} + ${uniform(`${seed}, 2`)} + ${uniform(`${seed}, 3`)} - 1.5)`

type Group = { first: number; devices: number }
/** Of one statement, so that it ends within its minute on a busy machine too. */
const devicesAtOnce = 250

const times = (dayStartMs: number): string => `
  fromUnixTimestamp64Milli(toInt64(${dayStartMs} + k * ${everyMs} + cityHash64(d) % ${everyMs} + cityHash64(d, k) % 7), 'UTC') AS observed_at,
  observed_at + toIntervalMillisecond(20 + cityHash64(k, d) % 61) + toIntervalHour(if(cityHash64(d, intDiv(k, 12), ${dayStartMs}) % 50 = 0, 2, 0)) AS received_at, k + ${dayStartMs / everyMs} AS g`
const origin = (dayStartMs: number): string =>
  `'3f1c9a52' AS log_id, 0 AS partition, toUInt64(${dayStartMs / 1000} * 4000 + k * 1000 + d) AS offset`

const measurements = ({ first, devices }: Group, start: number): string => `
INSERT INTO measurements (tenant, subject, metric, attributes, observed_at, received_at, value, quality, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, ${texts(series.map(([name]) => name))}[s + 1], ${texts(series.map(([, attributes]) => attributes))}[s + 1],
  observed_at, received_at, if(cityHash64(d, s, g) % 200 = 0, NULL, multiIf(
    s < 3, round(exp(${normal('d, s, g')} * 2 - 1), 2), s = 3, round(${uniform('d, g')}, 3), s < 7, 1.6e8 + intDiv(cityHash64(d, g, s), 900000000000) * 4096,
    s = 7, g * 300 + cityHash64(d) % 1000000, s = 8, round(48 + 6 * ${normal('d, g')}, 1), s = 9, round(exp(3.4 + ${normal('d, s, g')}), 1),
    toFloat64(cityHash64(d, intDiv(g, 6), s) % 30))) AS reading, if(isNull(reading), 'missing', 'ok'), log_id, partition, offset
FROM (SELECT ${first} + intDiv(number, ${series.length * perDay}) AS d, intDiv(number, ${perDay}) % ${series.length} AS s, number % ${perDay} AS k, ${times(start)}, ${origin(start)}
  FROM numbers(${devices * series.length * perDay})) AS made`

const counters = ({ first, devices }: Group, start: number): string => `
INSERT INTO counters (tenant, subject, metric, attributes, observed_at, received_at, value, delta, seconds, flag, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, 'system.network.io', concat('{"network.interface.name":"wwan0","network.io.direction":"', if(s = 0, 'receive', 'transmit'), '"}'),
  observed_at, received_at, toFloat64(g * 40000000 + cityHash64(d, s) % 1000000000), 4e7, 300, 'ok', log_id, partition, offset
FROM (SELECT ${first} + intDiv(number, ${2 * perDay}) AS d, intDiv(number, ${perDay}) % 2 AS s, number % ${perDay} AS k, ${times(start)}, ${origin(start)} FROM numbers(${devices * 2 * perDay})) AS made`

const radio = ({ first, devices }: Group, start: number): string => `
INSERT INTO radio (tenant, subject, observed_at, received_at, rat, mode, plmn, tac, cell_id, enb_id, pci, band, earfcn, rsrp_dbm, rsrq_db, sinr_db, rssi_dbm, cqi, carriers, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, observed_at, received_at, 'LTE', 'LTE', '00101', 100, 1000 + cityHash64(d, intDiv(g, 20)) % 40, 3, 17, 'B3', 1300,
  round(-95 + 14 * ${normal('d, g, 9')}), round(-11 + 3 * ${normal('d, g, 8')}, 1), round(12 + 8 * ${normal('d, g, 7')}, 1), NULL, NULL,
  [('PCC', 'LTE', 'B3', 20, 1300, 17, -95, -11, 12, 1)], log_id, partition, offset
FROM (SELECT ${first} + intDiv(number, ${perDay}) AS d, number % ${perDay} AS k, ${times(start)}, ${origin(start)} FROM numbers(${devices * perDay})) AS made`

const messages = ({ first, devices }: Group, start: number): string => `
INSERT INTO messages (tenant, subject_kind, subject, observed_at, claimed_at, received_at, clock_verdict, outcome, topic, boot_id, seq, log_id, partition, offset, frame)
SELECT 'default', 'device', ${deviceSql('d')}, observed_at, observed_at, received_at, 'trusted', 'stored', 'dwr/311-a1/x/hardware/loadavg', 'b1', k, log_id, partition, offset,
  concat('{"ts":', toString(k), ',"v":', toString(cityHash64(d, g)), '}')
FROM (SELECT ${first} + intDiv(number, ${perDay}) AS d, number % ${perDay} AS k, ${times(start)}, ${origin(start)} FROM numbers(${devices * perDay})) AS made`

/** Few rows of many devices: the same for all of the fleet, over all of the time. */
const fleetRows = ({ fleet, days, endMs }: FleetShape): { label: string; sql: string }[] => {
  const start = endMs - days * dayMs
  const at = (perDevice: number): string => `intDiv(number, ${perDevice}) AS d, number % ${perDevice} AS k,
    fromUnixTimestamp64Milli(toInt64(${start} + intDiv(k * ${days * dayMs}, ${perDevice}) + cityHash64(d, k) % 3600000), 'UTC') AS observed_at, observed_at AS received_at, number AS offset`
  const names = [
    'device.model',
    'firmware.version',
    'device.serial',
    'device.hostname',
    'modem.model',
    'modem.firmware',
    'sim.iccid',
    'os.version',
  ]
  return [
    {
      label: 'inventory',
      sql: `INSERT INTO devices (tenant, device_id, name, site, region, latitude, longitude, time_zone, customer, class, expected_interval_seconds, plan, serial, aliases, retired, received_at, log_id, partition, offset)
SELECT 'default', ${deviceSql('number')}, concat('Gateway ', leftPad(toString(cityHash64(number) % 90000), 5, '0')), concat('site-', toString(number % 500)), '', NULL, NULL, '', '', 'bus', 300, '', concat('SN', toString(number)), [], number % 100 = 99,
  fromUnixTimestamp64Milli(toInt64(${start}), 'UTC'), 'l', 0, number FROM numbers(${fleet})`,
    },
    {
      label: 'sites',
      sql: `INSERT INTO sites (tenant, site_id, name, region, latitude, longitude, time_zone, customer, retired, received_at, log_id, partition, offset)
SELECT 'default', concat('site-', toString(number)), concat('Depot ', toString(number)), 'north', 25.0, 121.5, 'Asia/Taipei', concat('Customer ', toString(number % 20)), 0, fromUnixTimestamp64Milli(toInt64(${start}), 'UTC'), 'l', 0, number FROM numbers(500)`,
    },
    {
      label: 'presence, four changes a day',
      sql: `INSERT INTO presence (tenant, subject, observed_at, received_at, state, session_id, reason, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, observed_at, received_at, if(k % 2 = cityHash64(d) % 5 > 0, 'online', 'offline'), toString(k), NULL, '3f1c9a52', 0, offset FROM (SELECT ${at(4 * days)} FROM numbers(${fleet * 4 * days})) AS made`,
    },
    {
      label: 'facts, each changed three times',
      sql: `INSERT INTO facts (tenant, subject, name, observed_at, received_at, value, sealed, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, ${texts(names)}[1 + k % ${names.length}], observed_at, received_at, concat(toString(intDiv(k, ${names.length})), '.', toString(cityHash64(d, k % ${names.length}) % 7)), '', '3f1c9a52', 0, offset FROM (SELECT ${at(3 * names.length)} FROM numbers(${fleet * 3 * names.length})) AS made`,
    },
    {
      label: 'boots, one in five days',
      sql: `INSERT INTO boots (tenant, subject, observed_at, received_at, boot_id, reason, uptime_before_seconds, task_id, evidence, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, observed_at, received_at, toString(k), 'power', NULL, NULL, 'new-boot-id', '3f1c9a52', 0, offset FROM (SELECT ${at(Math.max(1, days / 5))} FROM numbers(${fleet * Math.max(1, Math.floor(days / 5))})) AS made`,
    },
    {
      label: 'ledger, a row a day',
      sql: `INSERT INTO ledger (tenant, subject, hour, received_at, received, stored, duplicate, quarantined, ambiguous, with_seq, seq_expected, seq_missing, log_id, partition, offset)
SELECT 'default', ${deviceSql('d')}, observed_at, received_at, 12, 12, 0, 0, 0, 12, 12, 0, '3f1c9a52', 0, offset FROM (SELECT ${at(days)} FROM numbers(${fleet * days})) AS made`,
    },
    {
      label: 'messages of the rest of the fleet',
      sql: `INSERT INTO messages (tenant, subject_kind, subject, observed_at, claimed_at, received_at, clock_verdict, outcome, topic, boot_id, seq, log_id, partition, offset, frame)
SELECT 'default', 'device', ${deviceSql('d')}, observed_at, observed_at, received_at, 'trusted', 'stored', 't', '', NULL, '3f1c9a52', 0, offset, 'x' FROM (SELECT ${at(20)} FROM numbers(${fleet * 20})) AS made`,
    },
    {
      label: 'ticks of the recorder, one in five seconds',
      sql: `INSERT INTO messages (tenant, subject_kind, subject, observed_at, claimed_at, received_at, clock_verdict, outcome, topic, boot_id, seq, log_id, partition, offset, frame)
SELECT 'default', 'fleet', 'all', at, NULL, at, 'trusted', 'tick', '', '', NULL, '3f1c9a52', 0, number, ''
FROM (SELECT number, fromUnixTimestamp64Milli(toInt64(${start} + number * ${tickEveryMs}), 'UTC') AS at FROM numbers(${(days * dayMs) / tickEveryMs})) AS made`,
    },
  ]
}

export const fillStatements = (shape: FleetShape): { label: string; sql: string }[] => {
  const groups = Array.from({ length: Math.ceil(shape.devices / devicesAtOnce) }, (_, group) => group * devicesAtOnce)
  const days = Array.from({ length: shape.days }, (_, day) => shape.endMs - (shape.days - day) * dayMs)
  const settings =
    ' SETTINGS max_insert_threads = 1, max_threads = 2, min_insert_block_size_rows = 1048576, throw_on_max_partitions_per_insert_block = 0'
  return [
    ...fleetRows(shape),
    ...days.flatMap((start, index) =>
      Object.entries({ measurements, counters, radio, messages }).flatMap(([label, sql]) =>
        groups.map((first) => ({
          label: `day ${index + 1}, ${label} from device ${first}`,
          sql: sql({ first, devices: Math.min(devicesAtOnce, shape.devices - first) }, start),
        })),
      ),
    ),
  ].map(({ label, sql }) => ({ label, sql: sql + settings }))
}

/** A batch of a second: 1,000 devices every five minutes are three or four, so this is a hundred times that. */
export const liveRows = (fromMs: number, batch: number): { table: string; rows: Record<string, unknown>[] } => ({
  table: 'measurements',
  rows: Array.from({ length: 400 }, (_, i) => i).flatMap((i) =>
    series.map(([metric, attributes]) => ({
      tenant: 'default',
      subject: deviceOf((batch * 400 + i) % 1000),
      metric,
      attributes,
      observed_at: fromMs + batch * 1000 + i,
      received_at: fromMs + batch * 1000 + i + 40,
      value: (i % 50) / 10,
      quality: 'ok',
      log_id: '3f1c9a52',
      partition: 0,
      offset: 2 ** 42 + batch * 400 + i,
    })),
  ),
})

export type Asked = { label: string; rounds: string[][] }

/** Each round is what is asked at once; its time is that of the slowest. */
export const askedOf = async (shape: FleetShape, ask: (path: string) => Promise<string>): Promise<Asked[]> => {
  const random = lcg(7)
  const device = (): string => deviceOf(Math.floor(random() * shape.devices))
  const iso = (ms: number): string => new Date(ms).toISOString()
  const moment = (): number => shape.endMs - Math.floor(random() * (shape.days - 1) * dayMs)
  const rounds = (n: number, make: (i: number) => string[]): string[][] => Array.from({ length: n }, (_, i) => make(i))
  const day = (): string => {
    const from = shape.endMs - (1 + Math.floor(random() * (shape.days - 1))) * dayMs
    return `from=${iso(from)}&to=${iso(from + dayMs)}`
  }
  const page = (id: string, range: string): string[] => [
    `devices/${id}/radio/series?${range}&step=5m`,
    ...[
      'system.cpu.load_average.1m',
      'system.cpu.load_average.15m',
      'system.cpu.utilization',
      'system.memory.linux.available',
      'hw.temperature',
    ].map((metric) => `devices/${id}/metrics?metric=${metric}&${range}&step=5m`),
    `devices/${id}/metrics?metric=system.memory.usage&attributes=${encodeURIComponent('{"system.memory.state":"used"}')}&${range}&step=5m`,
    `devices/${id}/counters?metric=system.network.io&${range}&step=5m`,
  ]
  const sorts = ['name', 'id', 'site', 'model', 'firmware', 'presence', 'lastSeenAt']
  const next = async (sort: string): Promise<string> => {
    const { nextCursor } = JSON.parse(await ask(`devices?sort=${sort}&limit=100`)) as { nextCursor: string }
    return `devices?sort=${sort}&limit=100&cursor=${nextCursor}`
  }
  const seconds = await Promise.all(sorts.map(next))
  const listed = (make: (i: number) => string): string[][] => rounds(23, (i) => [make(i)])
  return [
    { label: 'state?at=, any device and time', rounds: rounds(202, () => [`devices/${device()}/state?at=${iso(moment())}`]) },
    { label: 'state now', rounds: rounds(52, () => [`devices/${device()}/state`]) },
    {
      label: 'state?at=&knownAt=',
      rounds: rounds(52, () => {
        const at = moment()
        return [`devices/${device()}/state?at=${iso(at)}&knownAt=${iso(at + 900_000)}`]
      }),
    },
    {
      label: 'one chart of a day, 5 min',
      rounds: rounds(52, () => [`devices/${device()}/metrics?metric=hw.temperature&${day()}&step=5m`]),
    },
    { label: 'all charts of a day at once (8 requests)', rounds: rounds(52, () => page(device(), day())) },
    { label: 'metric names of a device', rounds: rounds(32, () => [`devices/${device()}/metrics/names`]) },
    {
      label: 'p95 of 30 days by 6 h',
      rounds: rounds(32, () => [
        `devices/${device()}/metrics?metric=network.ping.rtt&aggregate=p95&step=6h&from=${iso(shape.endMs - shape.days * dayMs)}&to=${iso(shape.endMs)}`,
      ]),
    },
    ...sorts.map((sort) => ({
      label: `fleet by ${sort}`,
      rounds: listed((i) => `devices?sort=${sort}&limit=100&order=${i % 2 === 0 ? 'asc' : 'desc'}`),
    })),
    { label: 'fleet, page 2 by any order', rounds: listed((i) => seconds[i % seconds.length] ?? '') },
    { label: 'fleet, searched', rounds: listed((i) => `devices?q=${['gateway 123', 'SN19', 'depot 7', '001e42'][i % 4] ?? ''}&limit=100`) },
  ]
}

const lcg = (seed: number) => {
  let state = seed
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
