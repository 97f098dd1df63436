/**
 * The proof that the tables are what the log says: everything run anew into a scratch engine in a temporary folder, outputs
 * off, then compared. The recorder may run meanwhile. Called by `rebuild-main.ts`.
 */
import { type ScratchWarehouse, startScratchWarehouse } from '../adapters/chdb/scratch.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import type { Warehouse } from '../model/ports.ts'
import { judgedPerTickMax } from '../processors/domain/projections/presence.ts'
import { type CompareResult, compareTables, type TableOutcome } from '../processors/rebuild-compare.ts'
import type { Config } from '../runtime/config.ts'
import { type LiveWarehouse, openLive } from './rebuild-live.ts'
import { type Finished, openFinished, type Past, runPast } from './rebuild-past.ts'

export type VerifyOptions = {
  config: Config
  /** Of the running recorder's warehouse, when WAREHOUSE_LISTEN does not tell it. */
  publicUrl?: string
  /** That many subjects, drawn by the seed; null: all. */
  sample: { count: number; seed: number } | null
  /** Threads; by default as many as processors. */
  workers?: number
  /** Of the scratch engine; by default as the live one may take. */
  memoryBytesMax?: number
  /** Progress, one line a call. */
  say: (line: string) => void
  /** Only tests set it: the rebuilt tables before they are added up and compared. */
  beforeCompare?: (scratch: Warehouse) => Promise<void>
}

export type VerifyReport = CompareResult &
  Past & { figures: { fillSeconds: number; compareSeconds: number }; sample: readonly string[] | null }

export const verifyRebuild = async (options: VerifyOptions): Promise<VerifyReport> => {
  const { config, say } = options
  const closing: (() => Promise<void>)[] = []
  try {
    const live = await openLive(config, options.publicUrl)
    closing.push(live.close)
    say(live.how)
    const scratch = await startScratchWarehouse(options.memoryBytesMax ?? config.WAREHOUSE_MEMORY_BYTES_MAX)
    closing.push(scratch.stop)
    const finished = await openFinished(config)
    closing.push(finished.close)
    return await verify(options, { live, scratch, finished })
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

type Parts = { live: LiveWarehouse; scratch: ScratchWarehouse; finished: Finished }

const verify = async (options: VerifyOptions, { live: { warehouse: live, access }, scratch, finished }: Parts): Promise<VerifyReport> => {
  const { config, say } = options
  const sample = options.sample === null ? null : await drawSample(live, options.sample)
  if (sample !== null) say(`sample of ${sample.length}, seed ${options.sample?.seed ?? 0}: ${sample.join(' ')}`)
  const { figures, sources, skipped, erased, whole } = await runPast(
    {
      config,
      live,
      liveAccess: access,
      into: { ...scratch.access, database: 'fleet' },
      clear: scratch.clear,
      sample,
      only: null,
      workers: options.workers ?? null,
      say,
    },
    finished,
  )
  await options.beforeCompare?.(scratch.warehouse)
  const fillStartedMs = performance.now()
  await scratch.fill()
  const fillSeconds = (performance.now() - fillStartedMs) / 1000
  const compareStartedMs = performance.now()
  const oneLog = (await live.query('SELECT log_id FROM messages GROUP BY log_id LIMIT 2')).length < 2
  if (!oneLog) say('the tables hold rows of more than one log: what is added up over all of them is not compared')
  const result = await compareTables({
    live,
    scratch: scratch.warehouse,
    logId: finished.log.logId,
    deviceEvents: finished.stage,
    deadLetters: finished.sink,
    fleetSignals: finished.fleet,
    sample,
    skipped: new Set(skipped),
    whole: whole && oneLog,
    keptDays: (table) => scratch.keptDays.get(table) ?? null,
    nowMs: systemClock.nowMs(),
    keptFrom: await readKeptFrom(live),
    notComparable: sample === null ? () => null : await unfitForSample(live),
    spillBytes: Math.floor((options.memoryBytesMax ?? config.WAREHOUSE_MEMORY_BYTES_MAX) / 3),
    onTable: (outcome) => say(tableLine(outcome)),
  })
  const compareSeconds = (performance.now() - compareStartedMs) / 1000
  return { ...result, figures: { ...figures, fillSeconds, compareSeconds }, sources, sample, skipped, erased, whole }
}

const readKeptFrom = async (live: Warehouse): Promise<{ table: string; subject: string; sinceMs: number }[]> => {
  const rows = await live.query<{ table: string; subject: string; ms: number | string }>(
    'SELECT table_name AS table, subject, toUnixTimestamp64Milli(max(since)) AS ms FROM kept_from GROUP BY table_name, subject',
  )
  return rows.map(({ table, subject, ms }) => ({ table, subject, sinceMs: Number(ms) }))
}

/**
 * After a restart of the front door, silent devices are judged a thousand a tick: which tick, depends on all that were online,
 * and a sample does not know them.
 */
const unfitForSample = async (live: Warehouse): Promise<(table: string) => string | null> => {
  const [row] = await live.query<{ held: number | string }>('SELECT uniqExact(subject) AS held FROM presence')
  const isMany = Number(row?.held ?? 0) > judgedPerTickMax
  return (table) => (isMany && table === 'presence' ? `a sample cannot tell: more than ${judgedPerTickMax} devices have a presence` : null)
}

const tableLine = ({ table, rows, groups, moving, differences, notCompared }: TableOutcome): string => {
  if (notCompared !== null) return `${table}: not compared, ${notCompared}`
  const aside = moving === 0 ? '' : `, ${moving} days aside that later messages have changed`
  return `${table}: ${rows} rows, ${groups} days of devices, ${differences} differences${aside}`
}

const drawSample = async (live: Warehouse, { count, seed }: { count: number; seed: number }): Promise<string[]> => {
  const rows = await live.query<{ subject: string }>(
    "SELECT subject FROM subjects_seen WHERE subject_kind IN ('device', 'place') GROUP BY subject ORDER BY subject",
  )
  const left = rows.map(({ subject }) => subject)
  const random = seededRandom(seed)
  const drawn: string[] = []
  while (drawn.length < count && left.length > 0) drawn.push(...left.splice(Math.floor(random() * left.length), 1))
  return drawn.sort()
}

/** Mulberry32: the same seed draws the same devices. */
const seededRandom = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
