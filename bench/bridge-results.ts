/** The figures of `bridge.ts`: medians over the rounds, side by side, and what they are to ours. */

export type Results = { add: (what: string, peer: string, value: number) => void; print: () => void }

/** Medians would hide one loss among three rounds. */
const worstCounts = /lost|at most/

export const createResults = (): Results => {
  const rows = new Map<string, Map<string, number[]>>()
  return {
    add: (what, peer, value) => {
      const row = rows.get(what) ?? new Map<string, number[]>()
      rows.set(what, row)
      row.set(peer, [...(row.get(peer) ?? []), value])
    },
    print: () => {
      const peers = [...new Set([...rows.values()].flatMap((row) => [...row.keys()]))]
      const [first = '', ...others] = peers
      const compared = others.map((other) => `${other} / ours`)
      say(['| |', ...[...peers, ...compared].map((name) => ` ${name} |`)].join(''))
      say(['| --- |', ...[...peers, ...compared].map(() => ' --- |')].join(''))
      for (const [what, row] of rows) {
        const chosen = peers.map((peer) => (worstCounts.test(what) ? Math.max : median)(...(row.get(peer) ?? [])))
        const own = row.has(first) ? (chosen[0] ?? 0) : 0
        const ratios = chosen.slice(1).map((value) => (own === 0 || worstCounts.test(what) ? '' : (value / own).toFixed(2)))
        say(`| ${what} | ${[...chosen.map(shown), ...ratios].join(' | ')} |`)
      }
    },
  }
}

export const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Of an ascending list. */
export const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

const median = (...values: number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  )

const shown = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en', { maximumFractionDigits: value < 1000 ? 1 : 0 }) : '-'
