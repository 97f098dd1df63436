/** Asks the recorder's own API what listening in has shown so far; the page shows the same. */
import type { BridgeStats } from '../../adapters/mqtt-bridge/bridge.ts'
import type { Warehouse } from '../../model/ports.ts'
import type { TryFacts } from './report.ts'

type Ask = <T>(path: string) => Promise<T>

export type GatherOptions = {
  api: string
  token: string
  broker: string
  stats: BridgeStats
  problems: readonly string[]
  seconds: number
  warehouse: Warehouse
  /** A list of devices was given: who is not in it is worth a word. */
  hasList: boolean
}

type DeviceItem = { deviceId: string; model: string | null; name: string | null; messages: number }
type ClockItem = { deviceId: string; text: string }
type LetterGroup = { topicShape: string; reason: string; count: number; newest: { topic: string; detail: string }[] }

const pageMax = 500

export const gatherFacts = async (options: GatherOptions): Promise<TryFacts> => {
  const { api, token, stats } = options
  const ask: Ask = async <T>(path: string) => {
    const answer = await fetch(`${api}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }
  const [devices, places, letters, ledger, clocks] = await Promise.all([
    devicesOf(ask, options.hasList),
    countOf(ask, '/places'),
    ask<{ items: LetterGroup[] }>(`/dead-letters?limit=${pageMax}&newest=1`),
    ask<{ total: { provableShare: number | null } }>('/ledger?limit=1'),
    ask<{ items: ClockItem[]; total: { devices: number; wrong: number } }>('/clocks?problem=any&limit=10'),
  ])
  return {
    broker: options.broker,
    connected: stats.connected,
    seconds: options.seconds,
    granted: stats.granted,
    problems: options.problems,
    received: stats.received,
    devices,
    places,
    notUnderstood: letters.items
      .map(({ topicShape, reason, count, newest }) => ({
        shape: topicShape,
        reason,
        count,
        example: newest[0]?.topic ?? topicShape,
        detail: newest[0]?.detail ?? '',
      }))
      .sort((a, b) => b.count - a.count),
    provableShare: ledger.total.provableShare,
    clocks: {
      wrong: clocks.total.wrong,
      known: clocks.total.devices,
      first: clocks.items.map(({ deviceId, text }) => ({ id: deviceId, words: text })),
      behind: await behindOf(options.warehouse),
    },
  }
}

/** Those that were heard; a list brings in more. */
const devicesOf = async (ask: Ask, hasList: boolean): Promise<TryFacts['devices']> => {
  const heard: (DeviceItem & { registered: boolean })[] = []
  for await (const item of all<DeviceItem & { registered: boolean }>(ask, '/devices?sort=lastSeenAt&order=desc'))
    if (item.messages > 0) heard.push(item)
  return {
    count: heard.length,
    unregistered: hasList ? heard.filter(({ registered }) => !registered).length : null,
    first: heard.slice(0, 10).map(({ deviceId, model, name, messages }) => ({ id: deviceId, model, name, messages })),
  }
}

const countOf = async (ask: Ask, path: string): Promise<number> => {
  let count = 0
  for await (const _item of all(ask, path)) count++
  return count
}

async function* all<T>(ask: Ask, path: string): AsyncGenerator<T> {
  let cursor: string | null = ''
  while (cursor !== null) {
    const asked = `${path}${path.includes('?') ? '&' : '?'}limit=${pageMax}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
    const page: { items: T[]; nextCursor: string | null } = await ask(asked)
    yield* page.items
    cursor = page.nextCursor
  }
}

/** A skew is estimated after a quarter of an hour; until then the freshest claim of each device must do. */
const behindMsMin = 60_000

const behindOf = (warehouse: Warehouse): Promise<{ id: string; behindMs: number }[]> =>
  warehouse.query<{ id: string; behindMs: number }>(
    `SELECT subject AS id, toFloat64(min(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(assumeNotNull(claimed_at)))) AS behindMs
     FROM messages WHERE subject_kind = 'device' AND claimed_at IS NOT NULL AND clock_verdict = 'trusted' GROUP BY subject
     HAVING behindMs >= ${behindMsMin} ORDER BY behindMs DESC LIMIT 10`,
  )
