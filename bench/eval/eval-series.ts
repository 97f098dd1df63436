/** Part 3: labelled series through the detector of anomalies: evidence inside the windows, none outside, none on the quiet one. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { detect, initialDetector } from '../../processors/domain/anomaly/detector.ts'

export type SeriesReport = {
  name: string
  readings: number
  windows: number
  found: number
  inside: number
  outside: string[]
  baselines: string[]
}

/** `folder` holds series as CSV and `windows.json`. */
export const judgeSeries = (folder: string): SeriesReport[] => {
  const labels = JSON.parse(readFileSync(join(folder, 'windows.json'), 'utf8')) as Record<string, [string, string][]>
  return readdirSync(folder)
    .filter((name) => name.endsWith('.csv'))
    .map((name) => {
      const windows = Object.entries(labels).find(([key]) => key === name || key.endsWith(`/${name}`))?.[1] ?? []
      return reportOf(
        name,
        readFileSync(join(folder, name), 'utf8'),
        windows.map(([from, to]) => [msOf(from), msOf(to)] as const),
      )
    })
}

const msOf = (text: string): number => Date.parse(`${text.replace(' ', 'T').slice(0, 19)}Z`)

const reportOf = (name: string, csv: string, windows: readonly (readonly [number, number])[]): SeriesReport => {
  const state = initialDetector()
  const report: SeriesReport = { name, readings: 0, windows: windows.length, found: 0, inside: 0, outside: [], baselines: [] }
  const hit = new Set<number>()
  for (const line of csv.trimEnd().split('\n').slice(1)) {
    const [time = '', value = ''] = line.split(',')
    report.readings++
    for (const anomaly of detect(state, msOf(time), Number(value))) {
      const atMs = anomaly.kind === 'window' ? anomaly.startMs : anomaly.atMs
      const at = windows.findIndex(([from, to]) => atMs >= from && atMs <= to)
      if (at >= 0) {
        hit.add(at)
        report.inside++
      } else report.outside.push(`${new Date(atMs).toISOString()} ${JSON.stringify(anomaly)}`)
      const by = anomaly.kind === 'window' ? anomaly.by : anomaly.kind
      if (!report.baselines.includes(by)) report.baselines.push(by)
    }
  }
  report.found = hit.size
  return report
}
