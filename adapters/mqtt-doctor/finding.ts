/** What the doctor says of one property of a broker. The judges make findings, `report.ts` writes them. */
export type Verdict = 'ok' | 'warning' | 'bad' | 'untested'

export type Finding = {
  /** Stable, for scripts that read `--json`. */
  id: string
  title: string
  verdict: Verdict
  /** What was seen, with numbers. */
  measured: string
  /** What it means for "nothing lost, nothing twice, nobody as another", and what to set. */
  meaning: string
}

export type Report = { broker: string; protocol: '3.1.1' | '5' | null; product: string | null; findings: Finding[] }

/** Warnings weaken the guarantee under circumstances that the finding names; only `bad` fails. */
export const exitCodeOf = ({ findings }: Report): 0 | 1 => (findings.some(({ verdict }) => verdict === 'bad') ? 1 : 0)
