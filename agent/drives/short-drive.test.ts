import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseDrive } from '../drive-csv.ts'
import { makeShortDrive } from './make-short-drive.ts'

const text = readFileSync(join(import.meta.dirname, 'short-drive.csv'), 'utf8')

describe('the short drive', () => {
  it('is what its script writes', () => {
    expect(text).toBe(makeShortDrive())
  })

  it('has every trap that the guides and tests count on', () => {
    const drive = parseDrive(text)
    if ('problem' in drive) throw new Error(drive.problem)
    const { rows } = drive
    const count = (check: (values: Record<string, number | string>) => boolean): number => rows.filter(({ values }) => check(values)).length
    expect({
      rows: rows.length,
      lte: count(({ mode }) => mode === 'LTE'),
      nr: count(({ mode }) => mode === '5G'),
      third: count(({ mode }) => mode === 'HSPA+' || mode === 'UMTS'),
      cells: new Set(rows.map(({ values }) => values['cell'])).size,
      rsrpMissing: count(({ rsrp }) => rsrp === -200),
      sinrMissing: count(({ sinr }) => sinr === '-'),
      rssiMissing: count(({ rssi }) => rssi === '-'),
      rsrqMissing: count(({ rsrq }) => rsrq === '-'),
      neighborRsrqMissing: count(({ neighborRsrq }) => neighborRsrq === -204),
      pings: count((values) => 'pingAvgMs' in values),
      pingsLost: count((values) => values['pingLossPercent'] === 100),
      tacZero: count(({ tac }) => tac === 0),
      sameSecond: rows.filter(({ atMs }, row) => atMs === rows[row - 1]?.atMs).length,
      wholeRepeats: text.split('\n').filter((line, index, lines) => line !== '' && line === lines[index - 1]).length,
    }).toEqual(shortDriveCounts)
  })
})

const shortDriveCounts = {
  rows: 120,
  lte: 60,
  nr: 40,
  third: 20,
  cells: 5,
  rsrpMissing: 2,
  sinrMissing: 21,
  rssiMissing: 34,
  rsrqMissing: 4,
  neighborRsrqMissing: 5,
  pings: 5,
  pingsLost: 2,
  tacZero: 4,
  sameSecond: 13,
  wholeRepeats: 4,
}
