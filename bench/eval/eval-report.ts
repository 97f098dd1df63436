/** The report of `npm run eval`: what was run, on what, the score beside its aims, and by name all that was not right. */
import { cpus } from 'node:os'
import type { DeliveryReport } from './eval-delivery.ts'
import type { FleetResult } from './eval-fleet.ts'
import type { LogsResult } from './eval-logs.ts'
import type { SeriesReport } from './eval-series.ts'

/** Null: that part was not run. */
export type EvalReport = {
  command: string
  scenario: string | null
  fleet: FleetResult | null
  logs: LogsResult | null
  series: SeriesReport[] | null
  delivery: DeliveryReport[] | null
}

type Line = { what: string; aim: string; got: string; ok: boolean }

const listMax = 40

export const isAsAimed = (report: EvalReport): boolean => linesOf(report).every(({ ok }) => ok)

export const reportText = (report: EvalReport): string => {
  const lines = linesOf(report).map(({ what, aim, got, ok }) => `| ${what} | ${aim} | ${got} | ${ok ? 'yes' : '**no**'} |`)
  return [
    '# Are the alarms right',
    '',
    'Written by `npm run eval -- --write`. All is run through the device stage and the fleet stage as the recorder runs them, in one process, without a broker or a warehouse, and held against what is known to be true.',
    '',
    `Command: \`${report.command}\`. Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}.`,
    '',
    ...(report.fleet === null ? [] : fleetHead(report.fleet, report.scenario)),
    '| what | aim | got | as aimed |',
    '| --- | --- | --- | --- |',
    ...lines,
    ...(report.fleet === null ? [] : fleetParts(report.fleet)),
    ...(report.logs === null ? [] : logParts(report.logs)),
    ...(report.series === null ? [] : seriesParts(report.series)),
    ...(report.delivery === null ? [] : deliveryParts(report.delivery)),
    '',
  ].join('\n')
}

const linesOf = ({ fleet, logs, series, delivery }: EvalReport): Line[] => [
  ...(fleet === null ? [] : fleetLines(fleet)),
  ...(logs === null ? [] : logLines(logs)),
  ...(series === null ? [] : seriesLines(series)),
  ...(delivery ?? []).map(({ way, episodes, same, added }) => ({
    what: `same episodes, delivered ${way}`,
    aim: `${episodes} and no other`,
    got: `${same}, ${added.length} others`,
    ok: same === episodes && added.length === 0,
  })),
]

const fleetLines = (fleet: FleetResult): Line[] => [
  atMost('notifications a day', fleet.notificationsPerDay, 150, number),
  atLeast('precision of pages', fleet.precision, 0.9),
  atLeast('recall: planted faults that were told', fleet.recall, 0.95),
  atMost('pages per fault that was told', fleet.pagesPerFault, 1.1, number),
  atMost('known after, p90 of the faults that show at once', fleet.detectAtOnceP90Ms ?? 0, 180_000, seconds),
  atMost('pages on first connect', fleet.pagesWhileComingUp, 0, number),
  atMost('pages of devices around restarts', fleet.pagesAroundRestarts, 0, number),
]

const logLines = ({ reports, right }: LogsResult): Line[] => {
  const storms = reports.filter(({ raises, got }) => raises > got.length).length
  return [
    { what: 'kernel logs: class and severity', aim: String(reports.length), got: String(right), ok: right === reports.length },
    { what: 'kernel logs: storms', aim: '0', got: String(storms), ok: storms === 0 },
  ]
}

const seriesLines = (series: readonly SeriesReport[]): Line[] => {
  const sum = (of: (one: SeriesReport) => number): number => series.reduce((total, one) => total + of(one), 0)
  const [windows, found, outside] = [sum((one) => one.windows), sum((one) => one.found), sum((one) => one.outside.length)]
  return [
    { what: 'labelled windows with evidence inside', aim: String(windows), got: String(found), ok: found === windows },
    { what: 'evidence outside of a window', aim: '0', got: String(outside), ok: outside === 0 },
  ]
}

const atMost = (what: string, got: number, aim: number, said: (value: number) => string): Line => ({
  what,
  aim: `at most ${said(aim)}`,
  got: said(got),
  ok: got <= aim,
})
const atLeast = (what: string, got: number, aim: number): Line => ({ what, aim: `at least ${share(aim)}`, got: share(got), ok: got >= aim })

const number = (value: number): string => String(Math.round(value * 100) / 100)
const share = (value: number): string => `${number(value * 100)} %`
const seconds = (ms: number): string => `${number(ms / 1_000)} s`
const delay = (ms: number | null, fromMs: number): string => (ms === null ? '-' : seconds(ms - fromMs))

const fleetHead = ({ devices, days, events, seconds: took }: FleetResult, scenario: string | null): string[] => [
  `${scenario === null ? 'The fleet of bench/eval/eval-scenario.ts' : `The fleet of ${scenario}`}: ${devices} devices, ${number(days)} days, ${events} records (ticks among them) in ${took} s. Keep-alive is 60 s; two restarts, of an outside broker and of the recorder, are part of it.`,
  '',
]

const fleetParts = ({ faults, wrong, missed, pages, rightByPlanted, rightByBackground, platformPages, worse, detectP50Ms, detectP90Ms, raises, raisesByType }: FleetResult): string[] => [
  '',
  '## The fleet',
  '',
  `${raises} alarms were raised (${Object.entries(raisesByType).map(([type, count]) => `${type} ${count}`).join(', ')}). ${pages} pages of devices and groups: ${rightByPlanted} for planted faults, ${rightByBackground} for events of the background, ${wrong.length} wrong. ${platformPages} pages of the platform itself, ${worse} that something became worse. Known after, over all faults: p50 ${detectP50Ms === null ? '-' : seconds(detectP50Ms)}, p90 ${detectP90Ms === null ? '-' : seconds(detectP90Ms)}; a count over time, an uplink change or a cell whose devices do not return cannot show at once, nor can a hang (the modem answers keep-alives: only missing messages show it) or a tunnel (told with the interfaces, every 45 minutes here): these count in the p90 over all, not in the score's.`,
  '',
  '| planted fault | devices | known after | told after | pages | as |',
  '| --- | --- | --- | --- | --- | --- |',
  ...faults.map(
    ({ id, devices, fromMs, firstDetectedMs, firstToldMs, pages: own, types }) =>
      `| ${id} | ${devices} | ${delay(firstDetectedMs, fromMs)} | ${delay(firstToldMs, fromMs)} | ${own} | ${types.join(', ')} |`,
  ),
  ...named('Missed', missed),
  ...named(
    'Wrong pages',
    wrong.map(({ type, subject, atMs, kind }) => `${type} ${subject} ${kind} ${new Date(atMs).toISOString()}`),
  ),
] // biome-ignore format: one record

const logParts = ({ reports }: LogsResult): string[] => [
  '',
  '## Kernel logs',
  '',
  '| file | expected | got | raises | lines |',
  '| --- | --- | --- | --- | --- |',
  ...reports.map(
    ({ file, expected, got, raises, lines }) => `| ${file} | ${expected.join(', ')} | ${got.join(', ')} | ${raises} | ${lines} |`,
  ),
]

const seriesParts = (series: readonly SeriesReport[]): string[] => [
  '',
  '## Labelled series',
  '',
  'Evidence of processors/domain/anomaly, which pages nobody and is not part of the stages yet.',
  '',
  '| series | readings | windows | with evidence | evidence inside | outside | by |',
  '| --- | --- | --- | --- | --- | --- | --- |',
  ...series.map(
    ({ name, readings, windows, found, inside, outside, baselines }) =>
      `| ${name} | ${readings} | ${windows} | ${found} | ${inside} | ${outside.length} | ${baselines.join(', ')} |`,
  ),
  ...named(
    'Outside',
    series.flatMap(({ name, outside }) => outside.map((one) => `${name} ${one}`)),
  ),
]

const deliveryParts = (ways: readonly DeliveryReport[]): string[] => [
  '',
  '## Ways of delivery',
  '',
  'Devices with planted faults, their messages delivered in order and worse; episodes as amended, by device, type, severity and the minute in which they became true. What depends on arrival by nature (presence, groups, the platform) is not compared.',
  ...ways.flatMap(({ way, missing, added }) => [
    ...named(`Missing, delivered ${way}`, missing),
    ...named(`Only there, delivered ${way}`, added),
  ]),
]

const named = (title: string, items: readonly string[]): string[] =>
  items.length === 0
    ? []
    : [
        '',
        `${title}:`,
        '',
        ...items.slice(0, listMax).map((one) => `- ${one}`),
        ...(items.length > listMax ? [`- and ${items.length - listMax} more`] : []),
      ]
