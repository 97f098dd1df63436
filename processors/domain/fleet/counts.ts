/**
 * Numbers by periods of 30 s, some minutes back: how many were online, how many went. Small and of one size, whatever a group
 * has of members. Partitions run apart by minutes at most, so a count is put where its time is, not at the end.
 */
export type Counts = { first: number; of: number[] }

export const periodMs = 30_000
/** 32 minutes: what is asked for lies at most 15 back, and partitions may be apart. */
export const periodsKept = 64

export const periodOf = (atMs: number): number => Math.floor(atMs / periodMs)

export const noCounts = (): Counts => ({ first: 0, of: [] })

/** A level holds until it changes: from that period on. */
export const addLevel = (counts: Counts, atMs: number, by: number): void => {
  for (let index = placeOf(counts, atMs, true); index < counts.of.length; index++) counts.of[index] = (counts.of[index] ?? 0) + by
}

/** Something that happened in one period; what is older than all that is kept is forgotten. */
export const addEvent = (counts: Counts, atMs: number, by: number): void => {
  if (counts.of.length > 0 && periodOf(atMs) < counts.first) return
  const index = placeOf(counts, atMs, false)
  counts.of[index] = Math.max(0, (counts.of[index] ?? 0) + by)
}

/** Sum of the periods that `withinMs` before `atMs` touch. */
export const sumWithin = ({ first, of }: Counts, atMs: number, withinMs: number): number => {
  let sum = 0
  const from = Math.max(0, periodOf(atMs - withinMs) - first)
  for (let index = from; index <= periodOf(atMs) - first && index < of.length; index++) sum += of[index] ?? 0
  return sum
}

/** The greatest level that held in those periods; before the first that is known nothing is known. */
export const mostWithin = ({ first, of }: Counts, atMs: number, withinMs: number): number => {
  if (of.length === 0) return 0
  const last = of.length - 1
  let most = of[Math.max(0, Math.min(periodOf(atMs - withinMs) - first, last))] ?? 0
  for (let index = Math.max(0, periodOf(atMs - withinMs) - first); index <= Math.min(periodOf(atMs) - first, last); index++)
    most = Math.max(most, of[index] ?? 0)
  return most
}

export const newestLevel = ({ of }: Counts): number => of.at(-1) ?? 0

const placeOf = (counts: Counts, atMs: number, isLevel: boolean): number => {
  const period = periodOf(atMs)
  const { of } = counts
  if (of.length === 0) {
    counts.first = period
    of.push(0)
    return 0
  }
  const missing = period - counts.first - of.length + 1
  if (missing > periodsKept) {
    const level = isLevel ? (of.at(-1) ?? 0) : 0
    counts.of = new Array<number>(periodsKept).fill(level)
    counts.first = period - periodsKept + 1
    return periodsKept - 1
  }
  for (let more = 0; more < missing; more++) of.push(isLevel ? (of.at(-1) ?? 0) : 0)
  while (of.length > periodsKept) {
    of.shift()
    counts.first++
  }
  return Math.max(0, period - counts.first)
}
