import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bounded, logLinesMax, openSyslogFile, parseJournal } from './log-sources.ts'

describe('log lines', () => {
  it('are bounded: the newest stay, the rest is counted, a long line is cut', () => {
    const lines = Array.from({ length: logLinesMax + 3 }, (_, n) => `line ${n}`)
    expect(bounded(lines, 'c')).toEqual({ lines: lines.slice(3), leftOut: 3, cursor: 'c' })
    expect(bounded(['x'.repeat(5000)], 'c').lines[0]).toHaveLength(2048)
    expect(bounded(lines.slice(0, logLinesMax), 'c').leftOut).toBe(0)
  })

  it('of journald come without its marks and without kernel lines; without news the place stays', () => {
    const output = [
      '-- Boot 0123 --',
      '2026-01-05T08:00:03+0000 router systemd[1]: Started x.',
      '2026-01-05T08:00:04+0000 router kernel: usb 1-1: new device',
      '-- cursor: s=abc;i=5',
    ].join('\n')
    expect(parseJournal(output, undefined)).toEqual({
      lines: ['2026-01-05T08:00:03+0000 router systemd[1]: Started x.'],
      leftOut: 0,
      cursor: 's=abc;i=5',
    })
    expect(parseJournal('', 's=abc;i=5')).toEqual({ lines: [], leftOut: 0, cursor: 's=abc;i=5' })
  })
})

describe('a log file', () => {
  let folder = ''
  let path = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'log-'))
    path = join(folder, 'messages')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  const open = () => {
    const source = openSyslogFile([join(folder, 'absent'), path])
    if (source === undefined) throw new Error('not opened')
    return source
  }

  it('is absent where no such file is', () => {
    expect(openSyslogFile([path])).toBeUndefined()
  })

  it('gives each whole line once, also over restarts', async () => {
    writeFileSync(path, 'one\ntwo\nthr')
    const first = await open().read(undefined)
    expect(first.lines).toEqual(['one', 'two'])
    appendFileSync(path, 'ee\nfour\n')
    const second = await open().read(first.cursor)
    expect(second.lines).toEqual(['three', 'four'])
    expect((await open().read(second.cursor)).lines).toEqual([])
  })

  it('starts anew after a rotation', async () => {
    writeFileSync(path, 'old\n')
    const source = open()
    const { cursor } = await source.read(undefined)
    renameSync(path, `${path}.1`)
    writeFileSync(path, 'new\n')
    expect((await source.read(cursor)).lines).toEqual(['new'])
  })

  it('a new agent tells only the end of a long past, from a whole line on', async () => {
    writeFileSync(path, Array.from({ length: 2000 }, (_, n) => `line number ${n}`).join('\n') + '\n')
    const { lines } = await open().read(undefined)
    expect(lines.length).toBeLessThan(600)
    expect(lines.every((line) => /^line number \d+$/.test(line))).toBe(true)
    expect(lines.at(-1)).toBe('line number 1999')
  })
})
