/**
 * How fast the embedded log appends, synced, and what it costs the thread that appends. Run: `node bench/log-append.ts`.
 * Appends come from `callers` that each wait for theirs, as the front door's connections do.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEnvironment } from '../adapters/lmdb/environment.ts'
import { openEventLog } from '../adapters/lmdb/event-log.ts'

const valueBytes = 300
const seconds = 3

const measure = async (callers: number, recordsPerAppend: number): Promise<void> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'log-append-'))
  const environment = openEnvironment(dataDir)
  const log = openEventLog({ environment, clock: { nowMs: Date.now }, partitions: 1, diskFreeBytesMin: 0 })
  const value = Buffer.alloc(valueBytes, 7)
  const latenciesMs: number[] = []
  let records = 0
  const cpuBefore = process.threadCpuUsage()
  const startedAt = performance.now()
  const caller = async (): Promise<void> => {
    while (performance.now() - startedAt < seconds * 1000) {
      const sentAt = performance.now()
      await log.append(
        'device-events',
        Array.from({ length: recordsPerAppend }, () => ({ partition: 0, key: '00-11-22-33-44-55', value })),
      )
      latenciesMs.push(performance.now() - sentAt)
      records += recordsPerAppend
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const tookMs = performance.now() - startedAt
  const { user, system } = process.threadCpuUsage(cpuBefore)
  latenciesMs.sort((a, b) => a - b)
  const at = (share: number): string => (latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(1)
  process.stdout.write(
    `${callers} callers x ${recordsPerAppend}: ${Math.round((records / tookMs) * 1000)} records/s, ${((user + system) / records).toFixed(2)} us of this thread a record, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms\n`,
  )
  await log.close()
  await environment.close()
  rmSync(dataDir, { recursive: true })
}

process.stdout.write(`${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, values of ${valueBytes} bytes\n`)
for (const [callers, recordsPerAppend] of [
  [1, 1],
  [1, 100],
  [100, 1],
  [1000, 1],
  [10, 100],
] as const) {
  await measure(callers, recordsPerAppend)
}
