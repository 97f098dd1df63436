/**
 * Writes `short-drive.csv`: 120 rows of an invented drive in the column format of the UCC 5G dataset (no value is from it),
 * with every trap of the real files: `-`, RSRP -200, NRxRSRQ -204, 3G rows whose RSRP is a 3G level and whose SNR is `-`,
 * neighbour levels in LTE rows, two rows in one second, rows that repeat whole, LACHEX 0, ping rows, uneven decimals.
 * Run `node agent/drives/make-short-drive.ts > agent/drives/short-drive.csv`; `short-drive.test.ts` compares both.
 */

const header =
  'Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,DL_bitrate,UL_bitrate,State,' +
  'PINGAVG,PINGMIN,PINGMAX,PINGSTDEV,PINGLOSS,CELLHEX,NODEHEX,LACHEX,RAWCELLID,NRxRSRP,NRxRSRQ'

const rowCount = 120
const startMs = Date.UTC(2024, 2, 5, 7, 58, 30)

/** Which part of the drive a row lies in: mode and serving cell (eNB or RNC, cell). */
const legs: readonly { untilRow: number; mode: string; node: number; cell: number; lac: number }[] = [
  { untilRow: 30, mode: 'LTE', node: 0x12a40, cell: 1, lac: 0x2c11 },
  { untilRow: 55, mode: '5G', node: 0x12a40, cell: 2, lac: 0x2c11 },
  { untilRow: 70, mode: '5G', node: 0x12a57, cell: 3, lac: 0x2c11 },
  { untilRow: 74, mode: 'UMTS', node: 0x1f, cell: 0x5b2e, lac: 0x0 },
  { untilRow: 90, mode: 'HSPA+', node: 0x1f, cell: 0x5b2e, lac: 0x3a07 },
  { untilRow: rowCount, mode: 'LTE', node: 0x12a61, cell: 1, lac: 0x2c11 },
]

export const makeShortDrive = (): string => {
  const rows: string[] = []
  for (let row = 0; row < rowCount; row++) {
    // Every ninth row shares the second of the row before; every twenty-seventh repeats it whole.
    const previous = rows.at(-1)
    rows.push(row % 27 === 26 && previous !== undefined ? previous : makeRow(row))
  }
  return `${header}\n${rows.join('\n')}\n`
}

const makeRow = (row: number): string => {
  const { mode, node, cell, lac } = legs.find(({ untilRow }) => row < untilRow) ?? { mode: 'LTE', node: 1, cell: 1, lac: 1 }
  const third = mode === 'UMTS' || mode === 'HSPA+'
  const stamp = new Date(startMs + (row - Math.floor(row / 9)) * 1000)
    .toISOString()
    .slice(0, 19)
    .replaceAll('-', '.')
    .replace('T', '_')
    .replaceAll(':', '.')
  const swing = Math.sin(row / 7) * 14 + Math.sin(row / 2.3) * 4
  const rsrp = row === 41 || row === 42 ? -200 : Math.round((third ? -86 : -93) + swing)
  const ping = row % 20 === 19
  const pingLost = row === 79
  const cells = [
    stamp,
    String(11.0775 + Math.floor(row / 3) * 0.000_37), // Uneven decimals, and a position that lags behind the rows, as recorded ones do.
    String(49.4539 - Math.floor(row / 3) * 0.000_21),
    String(Math.round(24 + 20 * Math.sin(row / 11))),
    'X',
    String(cell),
    mode,
    String(rsrp),
    row % 40 === 39 ? '-' : String(Math.round(-11 + swing / 4)),
    third || row === 41 ? '-' : Math.round(7 + swing / 2).toFixed(1),
    third || row === 41 ? '-' : String(Math.max(1, Math.round(8 + swing / 3))),
    third || row % 6 === 5 ? '-' : String(rsrp === -200 ? -90 : rsrp + 24),
    row % 13 === 0 ? '0' : String(Math.round(1800 + 900 * Math.sin(row / 5))),
    String(Math.round(60 + 40 * Math.sin(row / 4))),
    row % 31 === 30 ? 'I' : 'D',
    ping && !pingLost ? (44 + (row % 7)).toFixed(1) : '-',
    ping && !pingLost ? '39.0' : '-',
    ping && !pingLost ? (61 + (row % 5)).toFixed(1) : '-',
    ping && !pingLost ? '4.0' : '-',
    ping ? (pingLost ? '100.0' : '0.0') : '-',
    cell.toString(16).toUpperCase(),
    node.toString(16).toUpperCase(),
    lac.toString(16).toUpperCase(),
    String(third ? (node << 16) + cell : node * 256 + cell),
    third || row < 4 ? '-' : (rsrp === -200 ? -104 : rsrp - 6).toFixed(1),
    third || row < 4 ? '-' : row % 23 === 22 ? '-204.0' : Math.round(-14 + swing / 5).toFixed(1),
  ]
  return cells.join(',')
}

if (process.argv[1] === import.meta.filename) process.stdout.write(makeShortDrive())
