/** What a what-if found, in words: the rules in force and, beside them, the edited ones. Pure. */
import type { WhatIf } from './what-if.ts'
import type { Counted, Tally } from './what-if-tally.ts'

const shownMax = 10
const dayMs = 86_400_000

export const daysOf = ({ fromMs, toMs }: Pick<WhatIf, 'fromMs' | 'toMs'>): number => Math.max((toMs - fromMs) / dayMs, 1 / 1_440)

export const whatIfText = (past: WhatIf): string => {
  const { rules, devices, records, seconds, workers } = past
  const days = daysOf(past)
  const tallies = rules.map(({ tally }) => tally)
  const row = (name: string, of: (tally: Tally) => string): string[] => [name, ...tallies.map(of)]
  const counted = (one: Counted | undefined): string => `${one?.raises ?? 0} / ${one?.pages ?? 0}`
  return [
    `${timeText(past.fromMs)} to ${timeText(past.toMs)}, ${days.toFixed(1)} days, ${devices} devices; ${records} events judged ${rules.length === 1 ? 'once' : 'twice'} by ${workers} workers in ${seconds.toFixed(1)} s`,
    '',
    ...table([
      ['', ...rules.map(({ name, version }) => `${name} (${version})`)],
      row('raises', ({ all }) => String(all.raises)),
      row('raises a device and day', ({ all }) => (all.raises / Math.max(devices * days, 1e-9)).toFixed(4)),
      row('pages', ({ all }) => String(all.pages)),
      row('pages a day', ({ all }) => (all.pages / days).toFixed(1)),
      row('pages on the worst day', ({ days: byDay }) => String(Math.max(0, ...Object.values(byDay)))),
      row('the noisiest ten devices', topShare),
    ]),
    '',
    ...section('By rule, noisiest first: raises / pages, devices, abandoned before the delay was over, found late, flapped', [
      ...namesOf(tallies, ({ rules: own }) => own).map((name) =>
        row(name, ({ rules: own }) => {
          const one = own[name]
          return one === undefined ? '-' : `${counted(one)}, ${one.devices}, ${one.clearedAlone}, ${one.foundLate}, ${one.flapped}`
        }),
      ),
    ]),
    ...section('By device class: raises / pages', [
      ...namesOf(tallies, ({ classes }) => classes).map((name) => row(name, ({ classes }) => counted(classes[name]))),
    ]),
    ...section('By hour of day (UTC): raises / pages', [
      ...Array.from({ length: 24 }, (_, hour) => row(String(hour).padStart(2, '0'), ({ hours }) => counted(hours[hour]))),
    ]),
    ...section('Noisiest devices: raises / pages, mostly', [
      ...namesOf(tallies, ({ devices: own }) => own)
        .slice(0, shownMax)
        .map((name) =>
          row(name, ({ devices: own }) => {
            const one = own[name]
            return one === undefined ? '-' : `${counted(one)}, ${one.rule}`
          }),
        ),
    ]),
    ...differenceLines(past),
  ].join('\n')
}

/** For programs: the same counts, and what they were counted over. */
export const whatIfJson = (past: WhatIf): string =>
  JSON.stringify({ ...past, from: timeText(past.fromMs), to: timeText(past.toMs), days: daysOf(past) }, null, 2)

const differenceLines = ({ rules }: WhatIf): string[] => {
  const [before, after] = rules
  if (before === undefined || after === undefined) return []
  const names = namesOf([before.tally, after.tally], ({ rules: own }) => own)
  const changed = names.flatMap((name) => {
    const [one, other] = [before.tally.rules[name], after.tally.rules[name]]
    const raises = (other?.raises ?? 0) - (one?.raises ?? 0)
    const pages = (other?.pages ?? 0) - (one?.pages ?? 0)
    return raises === 0 && pages === 0 ? [] : [[name, `${signed(raises)} raises`, `${signed(pages)} pages`]]
  })
  return section('What the edit changes', changed.length === 0 ? [['nothing']] : changed)
}

/** All names of all tallies, those with the most raises first. */
const namesOf = (tallies: readonly Tally[], of: (tally: Tally) => Readonly<Record<string, Counted>>): string[] => {
  const most = new Map<string, number>()
  for (const tally of tallies)
    for (const [name, { raises }] of Object.entries(of(tally))) most.set(name, Math.max(most.get(name) ?? 0, raises))
  return [...most].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1)).map(([name]) => name)
}

const topShare = ({ all, devices }: Tally): string => {
  const ten = Object.values(devices)
    .map(({ raises }) => raises)
    .sort((one, other) => other - one)
    .slice(0, shownMax)
    .reduce((sum, raises) => sum + raises, 0)
  return all.raises === 0 ? '-' : `${Math.round((ten / all.raises) * 100)} % of the raises`
}

const section = (title: string, rows: readonly string[][]): string[] => [
  title,
  ...table(rows.length === 0 ? [['none']] : rows).map((line) => `  ${line}`),
  '',
]

const table = (rows: readonly string[][]): string[] => {
  const widths = rows.reduce<number[]>((all, row) => row.map((cell, at) => Math.max(all[at] ?? 0, cell.length)), [])
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('   ')
      .trimEnd(),
  )
}

const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z')
const signed = (count: number): string => (count > 0 ? `+${count}` : String(count))
