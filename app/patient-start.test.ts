import { describe, expect, it } from 'vitest'
import { AppError, type ErrorCode } from '../runtime/errors.ts'
import { type Part, startInOrder } from '../runtime/lifecycle.ts'
import { startPatiently } from './patient-start.ts'

const away = (code: ErrorCode): AppError => new AppError(code, 'nobody answers')
const outside = { KAFKA_BROKERS: '127.0.0.1:9092', CLICKHOUSE_URL: '' }

/** A part whose start fails so often. */
const failing = (name: string, times: number, error: Error, log: string[] = []): Part => ({
  name,
  start: async () => {
    if (times-- > 0) throw error
    log.push(`${name} starts`)
    return async () => {
      log.push(`${name} stops`)
    }
  },
})

const start = (parts: readonly Part[], config = outside, ending = new AbortController()) => {
  const told: string[] = []
  const patient = startPatiently({
    parts,
    config,
    ending: ending.signal,
    onAway: (part, error) => told.push(`${part}: ${error.code}, waiting for ${patient.waitingFor().join()}`),
  })
  return { told, ending, waitingFor: patient.waitingFor, stop: startInOrder(patient.parts, () => undefined) }
}

describe('a start with patience', () => {
  it('asks again while a server that is set up does not answer, names it, and starts the rest after it', async () => {
    const log: string[] = []
    const running = start([
      failing('folder', 0, new Error(), log),
      failing('log', 2, away('LOG_UNAVAILABLE'), log),
      failing('door', 0, new Error(), log),
    ])
    const stop = await running.stop
    expect(running.told).toEqual(['log: LOG_UNAVAILABLE, waiting for start of log', 'log: LOG_UNAVAILABLE, waiting for start of log'])
    expect(running.waitingFor()).toEqual([])
    await stop()
    expect(log).toEqual(['folder starts', 'log starts', 'door starts', 'door stops', 'log stops', 'folder stops'])
  })

  it('ends at once when waiting cannot help: another code, or an embedded part', async () => {
    await expect(start([failing('log', 1, away('LOG_TOPICS_INVALID'))]).stop).rejects.toThrow('nobody answers')
    await expect(start([failing('log', 1, new Error('a bug'))]).stop).rejects.toThrow('a bug')
    const embedded = { KAFKA_BROKERS: '', CLICKHOUSE_URL: '' }
    const running = start([failing('warehouse', 1, away('WAREHOUSE_UNAVAILABLE'))], embedded)
    await expect(running.stop).rejects.toThrow('nobody answers')
    expect(running.told).toEqual([])
  })

  it('gives up when the program is to end, and what had started is stopped', async () => {
    const log: string[] = []
    const ending = new AbortController()
    const running = start([failing('folder', 0, new Error(), log), failing('log', Infinity, away('LOG_UNAVAILABLE'))], outside, ending)
    await expect.poll(() => running.told.length).toBeGreaterThan(0)
    ending.abort()
    await expect(running.stop).rejects.toThrow()
    expect(log).toEqual(['folder starts', 'folder stops'])
  })
})
