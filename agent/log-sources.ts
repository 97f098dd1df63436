/**
 * New lines of the kernel log and the system log since the last look, bounded. Where a source stands is kept by the caller
 * (`cursor`, plain text), so that a restarted agent neither repeats nor misses lines. A source that this machine does not
 * have, or that we must not read, is absent.
 */
import { execFile } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { type KernelLine, parseKernelRecord } from './proc-texts.ts'

export type LogRead = { lines: string[]; leftOut: number; cursor: string }
export type LogSource = { name: string; topic: 'log/dmesg' | 'log/syslog'; read: (cursor: string | undefined) => Promise<LogRead> }

/** What one look may bring; a log storm must not become a traffic storm. The rest is counted in `leftOut`. */
export const logLinesMax = 200
const lineBytesMax = 2048

const run = promisify(execFile)

/** The newest lines win: they say what is wrong now. */
export const bounded = (lines: string[], cursor: string): LogRead => {
  const kept = lines.slice(-logLinesMax).map((line) => line.slice(0, lineBytesMax))
  return { lines: kept, leftOut: lines.length - kept.length, cursor }
}

export const openLogSources = async (bootId: string): Promise<LogSource[]> => {
  const kernel = openKmsg(bootId) ?? (await openDmesg(bootId))
  const system = (await openJournal()) ?? openSyslogFile(['/var/log/syslog', '/var/log/messages'])
  return [kernel, system].filter((source) => source !== undefined)
}

/** /dev/kmsg, read without blocking; the cursor is `bootId/sequence`. */
const openKmsg = (bootId: string): LogSource | undefined => {
  let fd: number
  try {
    fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return undefined
  }
  return {
    name: '/dev/kmsg',
    topic: 'log/dmesg',
    read: async (cursor) => {
      const [cursorBoot, sequence] = cursor?.split('/') ?? []
      const after = cursorBoot === bootId ? Number(sequence) : -1
      const lines = readRecords(fd).filter((line) => line.sequence > after)
      return bounded(
        lines.map(({ text }) => text),
        `${bootId}/${lines.at(-1)?.sequence ?? after}`,
      )
    },
  }
}

const recordBytesMax = 16 * 1024 // A record is at most 8 KiB with its escapes; a smaller buffer gives EINVAL.

const readRecords = (fd: number): KernelLine[] => {
  const buffer = Buffer.allocUnsafe(recordBytesMax)
  const lines: KernelLine[] = []
  for (;;) {
    try {
      const length = readSync(fd, buffer)
      if (length === 0) return lines
      const line = parseKernelRecord(buffer.toString('utf8', 0, length))
      if (line !== undefined) lines.push(line)
    } catch (error) {
      // EPIPE: records were overwritten before we read them; the next read goes on behind the hole. EAGAIN: that was all.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return lines
    }
  }
}

/** For machines where /dev/kmsg is closed to us but dmesg is not. The cursor is `bootId/last line`. */
const openDmesg = async (bootId: string): Promise<LogSource | undefined> => {
  const all = async (): Promise<string[]> =>
    (await run('dmesg', ['-r'], { timeout: 5000, maxBuffer: 16 * 1024 * 1024 })).stdout.split('\n').filter(Boolean)
  try {
    await all()
  } catch {
    return undefined
  }
  return {
    name: 'dmesg',
    topic: 'log/dmesg',
    read: async (cursor) => {
      const lines = await all()
      const seen = cursor?.startsWith(`${bootId}/`) === true ? lines.lastIndexOf(cursor.slice(bootId.length + 1)) : -1
      return bounded(lines.slice(seen + 1), `${bootId}/${lines.at(-1) ?? ''}`)
    },
  }
}

/** journald; kernel lines are left out, they come from the kernel log. */
const openJournal = async (): Promise<LogSource | undefined> => {
  const ask = async (options: string[]): Promise<string> =>
    (
      await run('journalctl', ['--no-pager', '--quiet', '--output=short-iso', '--show-cursor', ...options], {
        timeout: 5000,
        maxBuffer: 16 * 1024 * 1024,
      })
    ).stdout
  try {
    if (parseJournal(await ask(['-n', '1']), undefined).cursor === '') return undefined
  } catch {
    return undefined
  }
  return {
    name: 'journald',
    topic: 'log/syslog',
    read: async (cursor) =>
      parseJournal(await ask(cursor === undefined ? ['-n', '50'] : ['-n', String(logLinesMax * 5), `--after-cursor=${cursor}`]), cursor),
  }
}

/** Lines, then `-- cursor: <text>` (none when nothing is new). */
export const parseJournal = (output: string, before: string | undefined): LogRead => {
  const lines = output.split('\n').filter(Boolean)
  const cursor = lines.findLast((line) => line.startsWith('-- cursor: '))?.slice('-- cursor: '.length) ?? before ?? ''
  return bounded(
    lines.filter((line) => !line.startsWith('-- ') && !/^\S+ \S+ kernel: /.test(line)),
    cursor,
  )
}

const fileBytesMax = 256 * 1024
const firstLookBytes = 8192 // What a new agent tells of the past.

/** A growing text file; the cursor is `inode/offset`, another inode or a shorter file means that it was rotated. */
export const openSyslogFile = (paths: readonly string[]): LogSource | undefined => {
  const path = paths.find((candidate) => readFrom(candidate, undefined) !== undefined)
  if (path === undefined) return undefined
  return {
    name: path,
    topic: 'log/syslog',
    read: async (cursor) => readFrom(path, cursor) ?? { lines: [], leftOut: 0, cursor: cursor ?? '' },
  }
}

const readFrom = (path: string, cursor: string | undefined): LogRead | undefined => {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const { ino, size } = fstatSync(fd)
    const [cursorInode, offset] = cursor?.split('/').map(Number) ?? []
    const resumed = cursorInode === ino && offset !== undefined && offset <= size ? offset : undefined
    const from = Math.max(resumed ?? (cursor === undefined ? size - firstLookBytes : 0), size - fileBytesMax, 0)
    const bytes = Buffer.alloc(size - from)
    readSync(fd, bytes, 0, bytes.length, from)
    const whole = bytes.lastIndexOf(0x0a) + 1 // A line that is still being written comes next time.
    const lines = bytes.toString('utf8', 0, whole).split('\n').filter(Boolean)
    const startsAmidLine = from > 0 && from !== resumed
    return bounded(startsAmidLine ? lines.slice(1) : lines, `${ino}/${from + whole}`)
  } finally {
    closeSync(fd)
  }
}
