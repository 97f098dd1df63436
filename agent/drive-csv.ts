/**
 * Rows of a UCC 5G drive CSV (recorded with G-NetTrack Pro) as the messages that a device would have sent. Missing markers
 * (`-`, RSRP -200, NRxRSRQ -204) are passed on as they stand: what they mean is the recorder's business. Pure.
 *
 * NRxRSRP and NRxRSRQ stand in LTE rows too: they are the neighbour's level, not the NR leg's, and are named so.
 */

export type DriveRow = { atMs: number; values: Record<string, number | string> }
export type Drive = { rows: DriveRow[] } | { problem: string }

/** CSV column to payload key, in the payload's order. CellID and CELLHEX are only the short number, RAWCELLID is unique. */
const columns: Readonly<Record<string, string>> = {
  RSRP: 'rsrp',
  RSRQ: 'rsrq',
  SNR: 'sinr',
  CQI: 'cqi',
  RSSI: 'rssi',
  RAWCELLID: 'cell',
  NetworkMode: 'mode',
  LACHEX: 'tac',
  NRxRSRP: 'neighborRsrp',
  NRxRSRQ: 'neighborRsrq',
  Latitude: 'latitude',
  Longitude: 'longitude',
  Speed: 'speedKmh',
  DL_bitrate: 'dlBitrateKbps',
  UL_bitrate: 'ulBitrateKbps',
  State: 'state',
}
/** Only in the rows of a ping test; everywhere else `-`, which says nothing about the radio and is left out. */
const pingColumns: Readonly<Record<string, string>> = {
  PINGAVG: 'pingAvgMs',
  PINGMIN: 'pingMinMs',
  PINGMAX: 'pingMaxMs',
  PINGSTDEV: 'pingStdevMs',
  PINGLOSS: 'pingLossPercent',
}
const wanted = ['Timestamp', 'RSRP', 'RSRQ', 'SNR', 'RAWCELLID', 'NetworkMode']

/** Never throws; the problem names the line. */
export const parseDrive = (text: string): Drive => {
  const [header = '', ...lines] = text.replace(/^\ufeff/, '').split(/\r?\n/)
  const names = header.split(',')
  const absent = wanted.filter((name) => !names.includes(name))
  if (absent.length > 0) return { problem: `expected the columns of a UCC 5G drive, got none named ${absent.join(', ')}` }
  const rows: DriveRow[] = []
  for (const [index, line] of lines.entries()) {
    if (line === '') continue
    const cells = line.split(',')
    if (cells.length !== names.length) return { problem: `line ${index + 2}: expected ${names.length} columns, got ${cells.length}` }
    const row = Object.fromEntries(names.map((name, column) => [name, cells[column] ?? '']))
    const atMs = stampMs(row['Timestamp'] ?? '')
    if (atMs === undefined)
      return { problem: `line ${index + 2}: expected a time like 2019.12.14_10.16.30, got "${row['Timestamp'] ?? ''}"` }
    rows.push({ atMs, values: valuesOf(row) })
  }
  return { rows }
}

const valuesOf = (row: Readonly<Record<string, string>>): Record<string, number | string> => {
  const values: Record<string, number | string> = {}
  for (const [column, key] of Object.entries(columns)) {
    const cell = row[column]
    if (cell !== undefined && cell !== '') values[key] = column === 'LACHEX' ? fromHex(cell) : numberOrText(cell)
  }
  for (const [column, key] of Object.entries(pingColumns)) {
    const cell = row[column]
    if (cell !== undefined && cell !== '' && cell !== '-') values[key] = numberOrText(cell)
  }
  return values
}

/** `2019.12.14_10.16.30`, taken as UTC: the file names no zone. Undefined for anything else, 31 February too. */
export const stampMs = (stamp: string): number | undefined => {
  const match = /^(\d{4})\.(\d\d)\.(\d\d)_(\d\d)\.(\d\d)\.(\d\d)$/.exec(stamp)
  if (match === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number)
  const atMs = Date.UTC(year, month - 1, day, hour, minute, second)
  return new Date(atMs).toISOString().replaceAll('-', '.').replace('T', '_').replaceAll(':', '.').startsWith(stamp) ? atMs : undefined
}

const numberOrText = (cell: string): number | string => (/^-?\d+(\.\d+)?$/.test(cell) ? Number(cell) : cell)
const fromHex = (cell: string): number | string => (/^[0-9A-Fa-f]{1,8}$/.test(cell) ? Number.parseInt(cell, 16) : cell)
