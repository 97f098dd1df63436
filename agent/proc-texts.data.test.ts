/** The shared captures of /proc give the values that stand in them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cpuUtilization, parseCpuTimes, parseInterfaceCounters, parseLoadAverage, parseMemory } from './proc-texts.ts'

const folder = join(process.env['SAMPLE_DATA_DIR'] ?? join(import.meta.dirname, '../../shared/data'), 'payloads')
const text = (name: string): string => readFileSync(join(folder, name), 'utf8')

describe('captured /proc texts', () => {
  it('load and memory', () => {
    expect(parseLoadAverage(text('proc-loadavg.txt'))).toEqual({ load1: 2.64, load5: 2.95, load15: 1.62 })
    expect(parseMemory(text('proc-meminfo.txt'))).toEqual({
      total: 24684084,
      free: 20788536,
      available: 22646968,
      buffers: 13444,
      cached: 1873780,
      swapTotal: 0,
      swapFree: 0,
    })
  })

  it('five seconds of CPU add up to all of the time', () => {
    const before = parseCpuTimes(text('proc-stat.txt'))
    const after = parseCpuTimes(text('proc-stat-5s-later.txt'))
    if (before === undefined || after === undefined) throw new Error('not parsed')
    const { utilization = 0, ...modes } = cpuUtilization(before, after) ?? {}
    expect(Object.values(modes).reduce((sum, percent) => sum + percent, 0)).toBeCloseTo(100, 0)
    expect(utilization).toBeGreaterThanOrEqual(0)
    expect(utilization).toBeLessThanOrEqual(100)
  })

  it('the wrap at 2^32 is passed on as the kernel shows it', () => {
    const before = parseInterfaceCounters(text('proc-net-dev-wrap-1.txt'))['wwan0']
    const after = parseInterfaceCounters(text('proc-net-dev-wrap-2.txt'))['wwan0']
    expect(((after?.rxBytes ?? 0) - (before?.rxBytes ?? 0) + 2 ** 32) % 2 ** 32).toBe(20000)
    expect(((after?.txBytes ?? 0) - (before?.txBytes ?? 0) + 2 ** 32) % 2 ** 32).toBe(1000000)
  })
})
