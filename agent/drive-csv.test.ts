import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDrive, stampMs } from './drive-csv.ts'

const header =
  'Timestamp,Longitude,Latitude,Speed,Operatorname,CellID,NetworkMode,RSRP,RSRQ,SNR,CQI,RSSI,DL_bitrate,UL_bitrate,State,PINGAVG,PINGMIN,PINGMAX,PINGSTDEV,PINGLOSS,CELLHEX,NODEHEX,LACHEX,RAWCELLID,NRxRSRP,NRxRSRQ'

describe('a drive CSV', () => {
  it('becomes LTE readings with the missing markers as they stand', () => {
    const row = '2024.03.05_07.58.30,11.08,49.45,12,X,1,LTE,-200,-,-,-,-,1800,60,D,-,-,-,-,100.0,1,12A40,2C11,19546113,-99.0,-204.0'
    expect(parseDrive(`${header}\n${row}\n`)).toEqual({
      rows: [
        {
          atMs: Date.UTC(2024, 2, 5, 7, 58, 30),
          values: {
            rsrp: -200,
            rsrq: '-',
            sinr: '-',
            cqi: '-',
            rssi: '-',
            cell: 19546113,
            mode: 'LTE',
            tac: 0x2c11,
            neighborRsrp: -99,
            neighborRsrq: -204,
            latitude: 49.45,
            longitude: 11.08,
            speedKmh: 12,
            dlBitrateKbps: 1800,
            ulBitrateKbps: 60,
            state: 'D',
            pingLossPercent: 100,
          },
        },
      ],
    })
  })

  it('takes its stamps as UTC, and only real ones', () => {
    expect(stampMs('2019.12.14_10.16.30')).toBe(Date.UTC(2019, 11, 14, 10, 16, 30))
    for (const wrong of ['2019.02.30_10.00.00', '2019.12.14_24.00.00', '2019-12-14 10:16:30', '', '2019.12.14_10.16.30.5'])
      expect(stampMs(wrong)).toBeUndefined()
  })

  it('says which line is wrong, and how', () => {
    expect(parseDrive('a,b\n1,2\n')).toEqual({
      problem: 'expected the columns of a UCC 5G drive, got none named Timestamp, RSRP, RSRQ, SNR, RAWCELLID, NetworkMode',
    })
    expect(parseDrive(`${header}\n1,2\n`)).toEqual({ problem: 'line 2: expected 26 columns, got 2' })
    expect(parseDrive(`${header}\nnow${','.repeat(25)}\n`)).toEqual({
      problem: 'line 2: expected a time like 2019.12.14_10.16.30, got "now"',
    })
  })

  it('no text makes it throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseDrive(`${header}\n${text}`)))
  })
})
