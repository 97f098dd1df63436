/**
 * Is it the group's fault: enough of it went bad together, and far more of it than of all others (k, share, lift). And of groups
 * that pass, which one: of those that explain most of what the widest one shows, the one whose members are those that went bad,
 * no fewer and no more; the most specific of several that are. Two or three sites that are dark are not their region, where the rest
 * of it is well.
 */
export type TestLevels = { membersMin: number; shareMin: number; liftMin: number }
export type Shares = { bad: number; base: number; othersBad: number; othersBase: number }

const othersLeast = 0.02

export const shareOf = ({ bad, base }: Shares): number => (base === 0 ? 0 : Math.min(1, bad / base))
export const othersShare = ({ othersBad, othersBase }: Shares): number => (othersBase === 0 ? 0 : Math.min(1, othersBad / othersBase))

/**
 * `base`: members that were online. The lift is against all others, not against a whole that holds the group: a group of half
 * the fleet could never be three times the whole. A group that is the whole fleet, but for a device that has not yet said that it
 * is of it, is told from nothing, so it never passes.
 */
export const passes = ({ membersMin, shareMin, liftMin }: TestLevels, shares: Shares): boolean =>
  shares.othersBase > othersLeast * shares.base &&
  shares.bad >= Math.max(membersMin, shareMin * shares.base) &&
  shareOf(shares) >= liftMin * othersShare(shares)

export type Candidate = {
  key: string
  /** 0 is the most specific kind. */
  rank: number
  /** Its members that went bad. */
  bad: ReadonlySet<string>
  /** Members that could have gone bad. */
  base: number
  /** Does it still pass with so many. */
  passes: (bad: number) => boolean
}

/** Faults apart: each explains its own devices, which are then taken out before the next is looked for. */
export const explain = (candidates: readonly Candidate[], explainsMin: number): { candidate: Candidate; bad: string[] }[] => {
  const found: { candidate: Candidate; bad: string[] }[] = []
  const explained = new Set<string>()
  const left = ({ bad }: Candidate): string[] => [...bad].filter((id) => !explained.has(id))
  for (;;) {
    const open = candidates
      .map((candidate) => ({ candidate, bad: left(candidate) }))
      .filter(({ candidate, bad }) => bad.length > 0 && candidate.passes(bad.length))
      .sort(
        (one, other) =>
          other.bad.length - one.bad.length ||
          one.candidate.rank - other.candidate.rank ||
          (one.candidate.key < other.candidate.key ? -1 : 1),
      )
    const [widest] = open
    if (widest === undefined) return found
    const own = new Set(widest.bad)
    const chosen = open
      .filter(({ bad }) => common(bad, own) >= explainsMin * own.size)
      .sort(
        (one, other) =>
          fitOf(other.candidate, other.bad, own) - fitOf(one.candidate, one.bad, own) ||
          one.candidate.rank - other.candidate.rank ||
          other.bad.length - one.bad.length ||
          (one.candidate.key < other.candidate.key ? -1 : 1),
      )[0]
    if (chosen === undefined) return found
    for (const one of fitOf(chosen.candidate, chosen.bad, own) >= wholeFit ? [chosen] : (fewOf(open, own, explainsMin) ?? [chosen])) {
      found.push(one)
      for (const id of one.bad) explained.add(id)
    }
  }
}

type Open = { candidate: Candidate; bad: string[] }

/** A group that is dark, but for a device or two. */
const wholeFit = 0.8
const fewMax = 3

/** The few dark groups that make up what a wider one, mostly well, shows; null where it takes more, or they leave much unexplained. */
const fewOf = (open: readonly Open[], own: ReadonlySet<string>, explainsMin: number): Open[] | null => {
  const few: Open[] = []
  const covered = new Set<string>()
  const dark = open
    .filter(({ candidate, bad }) => bad.length < own.size && bad.length >= wholeFit * candidate.base)
    .sort((one, other) => other.bad.length - one.bad.length || one.candidate.rank - other.candidate.rank || (one.candidate.key < other.candidate.key ? -1 : 1)) // biome-ignore format: one order
  for (const one of dark) {
    if (few.length === fewMax) break
    if (one.bad.some((id) => !own.has(id) || covered.has(id))) continue
    few.push(one)
    for (const id of one.bad) covered.add(id)
  }
  return covered.size >= explainsMin * own.size ? few : null
}

const common = (bad: readonly string[], own: ReadonlySet<string>): number => bad.filter((id) => own.has(id)).length

/** How much of the fault is in the group, times how much of the group is in the fault. A cell may hold 47 of a site's 50 devices, all dark: it is the site. */
const fitOf = ({ base }: Candidate, bad: readonly string[], own: ReadonlySet<string>): number =>
  (common(bad, own) / own.size) * Math.min(1, bad.length / Math.max(base, 1))
