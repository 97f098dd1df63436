import { describe, expect, it } from 'vitest'
import type { Warehouse } from '../../model/ports.ts'
import { presenceOf } from './presence.ts'
import { newestRadio, type RadioRow } from './radio.ts'
import { askTogether, msOfText, type Part } from './together.ts'

const answering = (rows: unknown[], asked: { sql: string; params: unknown }[] = []): Warehouse =>
  ({
    query: async (sql: string, params: Record<string, unknown>) => {
      asked.push({ sql, params })
      return rows
    },
  }) as unknown as Warehouse

const names: Part<{ name: string; at_ms: number }> = {
  cells: ['name', 'max(at)'],
  read: ([name, at]: [string, string]) => ({ name, at_ms: msOfText(at) }),
  from: 'facts WHERE subject = {subject:String} GROUP BY name',
  params: { subject: 's' },
}
const sizes: Part<number> = { cells: ['size'], read: ([size]: [number | string]) => Number(size), from: 'sizes', params: { least: 3 } }

describe('reads that are one statement', () => {
  it('are a UNION, and each part is given its rows as it reads them', async () => {
    const asked: { sql: string; params: unknown }[] = []
    const rows = [
      { part: 1, cells: '["18446744073709551615"]' },
      { part: 0, cells: '["model","2026-03-01 12:00:00.250"]' },
      { part: 1, cells: '[7]' },
    ]
    expect(await askTogether(answering(rows, asked), [names, sizes])).toEqual([
      [{ name: 'model', at_ms: Date.UTC(2026, 2, 1, 12, 0, 0, 250) }],
      [18_446_744_073_709_551_615, 7],
    ])
    expect(asked).toEqual([
      {
        sql: 'SELECT toUInt8(0) AS part, toJSONString(tuple(name, max(at))) AS cells FROM facts WHERE subject = {subject:String} GROUP BY name\nUNION ALL\nSELECT toUInt8(1) AS part, toJSONString(tuple(size)) AS cells FROM sizes',
        params: { subject: 's', least: 3 },
      },
    ])
  })

  it('are understood from a server that names the elements of a tuple', async () => {
    const rows = [{ part: 0, cells: '{"name":"model","max(at)":"1970-01-01 00:00:01"}' }]
    expect(await askTogether(answering(rows), [names])).toEqual([[{ name: 'model', at_ms: 1000 }]])
  })
})

describe('presence from its newest changes', () => {
  const change = (at: number, state: 'online' | 'offline') => ({
    observed_at_ms: at,
    received_at_ms: at,
    offset: at,
    state,
    reason: `because ${String(at)}`,
    session_id: null,
  })
  const moment = { subject: 's', atMs: 1000, knownMs: null }
  const scope = { warehouse: answering([{ state: 'offline', since_ms: 1, reason: null, session_id: null }]), tenant: 'default' }

  it('began with the first after another state, and has the reason of the newest', async () => {
    const changes = [change(2, 'offline'), change(4, 'offline'), change(1, 'online'), change(3, 'offline')]
    expect(await presenceOf(scope, changes, moment)).toEqual({ state: 'offline', since_ms: 2, reason: 'because 4', session_id: null })
  })

  it('is the oldest of a history shorter than what is read, and not known of none', async () => {
    const changes = Array.from({ length: 199 }, (_, index) => change(index + 5, 'offline'))
    expect((await presenceOf(scope, changes, moment))?.since_ms).toBe(5)
    expect(await presenceOf(scope, [], moment)).toBeUndefined()
  })

  it('is looked for in all of history when 200 rows say the same', async () => {
    const changes = Array.from({ length: 200 }, (_, index) => change(index + 5, 'offline'))
    expect((await presenceOf(scope, changes, moment))?.since_ms).toBe(1)
  })
})

describe('the newest radio snapshot', () => {
  const snapshot = (observed_at_ms: number, received_at_ms: number, offset: number) =>
    ({ observed_at_ms, received_at_ms, offset }) as RadioRow

  it('is that of the last time, of equal times the last that came', () => {
    const rows = [snapshot(1, 9, 9), snapshot(2, 3, 4), snapshot(2, 3, 5), snapshot(2, 2, 7)]
    expect(newestRadio(rows)).toEqual(snapshot(2, 3, 5))
    expect(newestRadio([])).toBeUndefined()
  })
})
