/** Wordings as a partition tells them: the first few devices of each, no information, no more than the bounds. */
import { describe, expect, it } from 'vitest'
import type { Row } from '../../../model/ports.ts'
import { deviceOf } from '../../../test/fleet-fakes.ts'
import { createOverlay } from '../state.ts'
import type { SignalSink } from './group-signals.ts'
import {
  devicesToldMax,
  initialWordings,
  tellWordings,
  wordedFirmwaresMax,
  wordingCharsMax,
  wordingsPerFirmwareMax,
  wordingsPerRopMax,
} from './wordings.ts'

const ropMs = 15 * 60_000
const firmware = 'dwr/311-a1/1.2'
const line = (fingerprint: number, changed: Row = {}): Row => ({
  fingerprint: BigInt(fingerprint),
  message: `usb 1-${fingerprint}: gone`,
  severity: 3,
  class: '',
  ...changed,
})

const createPartition = () => {
  const counts = initialWordings()
  const overlay = createOverlay(() => undefined)
  const limits: string[] = []
  const write = (device: number, rows: Row[], { atMs = 1_000 * ropMs, of = firmware, from = 0 } = {}) => {
    const sink: SignalSink = { tenant: 'main', place: { logId: 'log', partition: 0, offset: 1 }, atMs, signals: [] }
    const source = { device: deviceOf(device), firmware: of, overlay, onLimit: (limit: string) => void limits.push(limit) }
    tellWordings(sink, counts, source, rows, from)
    return sink.signals.map(({ body }) => body)
  }
  return { write, limits, overlay }
}

describe('a wording', () => {
  it('is told once for each of the first devices, without what changes from line to line', () => {
    const { write } = createPartition()
    expect(write(1, [line(7), line(7)])).toEqual([
      { kind: 'wording', device: deviceOf(1), firmware, fingerprint: '0000000000000007', line: 'usb #-#: gone' },
    ])
    expect(write(1, [line(7)])).toEqual([])
    const others = Array.from({ length: devicesToldMax + 1 }, (_, n) => write(n + 2, [line(7)]).length)
    expect(others).toEqual([...Array<number>(devicesToldMax - 1).fill(1), 0, 0])
  })

  it('is told of the lines of this record alone, cut', () => {
    const { write } = createPartition()
    const long = line(2, { message: 'x'.repeat(wordingCharsMax + 1) })
    expect(write(1, [line(1), long], { from: 1 }).map((body) => 'line' in body && body.line)).toEqual(['x'.repeat(wordingCharsMax)])
  })

  it('that only informs is none, nor failed logins and our own notice', () => {
    const { write } = createPartition()
    const told = (changed: Row): number => createPartition().write(1, [line(1, changed)]).length
    expect([told({ severity: 4 }), told({ severity: 5 }), told({ severity: null }), told({ severity: 6, class: 'oops' })]).toEqual([
      1, 0, 1, 1,
    ])
    expect(write(1, [line(1, { class: 'auth' }), line(2, { class: 'burst' })])).toEqual([])
  })
})

describe('bounds', () => {
  const lines = (from: number, length: number): Row[] => Array.from({ length }, (_, n) => line(from + n))

  it('of a quarter of an hour: the rest is told when it comes again', () => {
    const { write, limits } = createPartition()
    expect(write(1, lines(0, wordingsPerRopMax))).toHaveLength(wordingsPerRopMax)
    expect(limits).toEqual([])
    expect(write(1, lines(wordingsPerRopMax, 1))).toEqual([])
    expect(limits).toEqual(['wordings-per-rop'])
    expect(write(1, lines(wordingsPerRopMax, 1), { atMs: 1_001 * ropMs })).toHaveLength(1)
  })

  it('of a firmware: the oldest wording is forgotten', () => {
    const { write, limits, overlay } = createPartition()
    for (let n = 0; n < wordingsPerFirmwareMax; n += wordingsPerRopMax) write(1, lines(n, wordingsPerRopMax), { atMs: (1_000 + n) * ropMs })
    expect(limits).toEqual([])
    write(1, lines(wordingsPerFirmwareMax, 1), { atMs: 5_000 * ropMs })
    expect(limits).toEqual(['wordings-per-firmware'])
    const prints = Object.keys(overlay.look('wordings', firmware)?.devicesOf ?? {})
    expect([prints.length, prints[0]]).toEqual([wordingsPerFirmwareMax, '0000000000000001'])
  })

  it('of firmwares: the oldest is forgotten', () => {
    const { write, limits, overlay } = createPartition()
    for (let n = 0; n <= wordedFirmwaresMax; n++) {
      expect(limits).toEqual([])
      write(1, [line(1)], { of: `dwr/311-a1/${n}` })
    }
    expect(limits).toEqual(['firmwares-per-partition'])
    expect([overlay.look('wordings', 'dwr/311-a1/0'), overlay.look('wordings', 'dwr/311-a1/1') === undefined]).toEqual([undefined, false])
  })
})
