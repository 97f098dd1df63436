/** The recorded drives of the shared data come through whole: every row, every missing marker, every cell. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDrive } from './drive-csv.ts'

const folder = join(process.env['SAMPLE_DATA_DIR'] ?? join(import.meta.dirname, '../../shared/data'), 'ucc-5g')

/** The folder's README: `| file | rows | modes | cells | range | RSRP -200 | SNR / RSSI / RSRQ | NRxRSRQ -204 | same stamp | ... |` */
const documented = readFileSync(join(folder, 'README.md'), 'utf8')
  .split('\n')
  .filter((line) => line.includes('.csv |'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

describe('the recorded drives', () => {
  it('are all documented', () => {
    expect(documented.map(([file]) => file).sort()).toEqual(
      readdirSync(folder)
        .filter((name) => name.endsWith('.csv'))
        .sort(),
    )
    expect(documented.length).toBeGreaterThan(0)
  })

  it.each(documented)(
    '%s has the rows, modes, cells and markers that its README counts',
    (file = '', rowCount, modes = '', cells, range, noRsrp, dashes, noNeighbour, sameStamp) => {
      const drive = parseDrive(readFileSync(join(folder, file), 'utf8'))
      if ('problem' in drive) throw new Error(drive.problem)
      const values = drive.rows.map((row) => row.values)
      const count = (key: string, value: number | string): number => values.filter((row) => row[key] === value).length
      const levels = values.map(({ rsrp }) => Number(rsrp)).filter((rsrp) => rsrp !== -200)
      expect({
        rows: values.length,
        modes: modes.split(', ').map((mode) => `${mode.split(' ')[0] ?? ''} ${count('mode', mode.split(' ')[0] ?? '')}`),
        cells: new Set(values.map(({ cell }) => cell)).size,
        range: `${Math.min(...levels)}..${Math.max(...levels)}`,
        noRsrp: count('rsrp', -200),
        dashes: `${count('sinr', '-')} / ${count('rssi', '-')} / ${count('rsrq', '-')}`,
        noNeighbour: count('neighborRsrq', -204),
        sameStamp: drive.rows.filter(({ atMs }, row) => atMs === drive.rows[row - 1]?.atMs).length,
      }).toEqual({
        rows: Number(rowCount),
        modes: modes.split(', '),
        cells: Number(cells),
        range,
        noRsrp: Number(noRsrp),
        dashes,
        noNeighbour: Number(noNeighbour),
        sameStamp: Number(sameStamp),
      })
    },
  )
})
