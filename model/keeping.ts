/**
 * How long which rows are kept: rules by class, model and customer of a device, over the days that hold for all others. Pure:
 * read from `keeping.yaml` by `app/keeping-file.ts`, applied by `app/keeping.ts`, shown with its cost by
 * `query-api/routes/keeping.ts`.
 *
 * Rules stand in order. For each table the first rule that fits the device and names the table decides; else the default.
 */

/** A word of the file for each table, the time its age is counted from, and the days when the file says nothing. */
export const keptTables = {
  measurements: { table: 'measurements', time: 'received_at', days: 90 },
  counters: { table: 'counters', time: 'received_at', days: 90 },
  radio: { table: 'radio', time: 'received_at', days: 90 },
  logs: { table: 'log_lines', time: 'received_at', days: 90 },
  messages: { table: 'messages', time: 'received_at', days: 400 },
  facts: { table: 'facts', time: 'received_at', days: 400 },
  presence: { table: 'presence', time: 'received_at', days: 400 },
  boots: { table: 'boots', time: 'received_at', days: 400 },
  clocks: { table: 'clock_observations', time: 'received_at', days: 400 },
  alarmEvents: { table: 'alarm_events', time: 'received_at', days: 400 },
  ledger: { table: 'ledger', time: 'received_at', days: 400 },
  deadLetters: { table: 'dead_letters', time: 'received_at', days: 30 },
  rollups15m: { table: 'measurements_15m', time: 'bucket', days: null },
  rollups1h: { table: 'measurements_1h', time: 'bucket', days: null },
  rollups1d: { table: 'measurements_1d', time: 'bucket', days: null },
} as const satisfies Record<string, { table: string; time: 'received_at' | 'bucket'; days: number | null }>

export type KeptGroup = keyof typeof keptTables
export const keptGroups = Object.keys(keptTables) as KeptGroup[]
export const rollupGroups: ReadonlySet<KeptGroup> = new Set(['rollups15m', 'rollups1h', 'rollups1d'])

/** Histories that are written on change only: of what is older the newest stays, since it still holds. By these columns. */
export const heldBy: Partial<Record<KeptGroup, readonly string[]>> = {
  facts: ['subject', 'name'],
  presence: ['subject'],
  boots: ['subject'],
  clocks: ['subject', 'kind'],
}

/** Null: for ever. */
export type KeptDays = number | null

export type KeepingRule = {
  /** Any of these patterns (`*` stands for any characters); null: whatever it is. */
  class: readonly string[] | null
  /** `<model>`, or `<product>/<model>` where the pattern has a slash. */
  model: readonly string[] | null
  customer: readonly string[] | null
  keep: Partial<Record<KeptGroup, KeptDays>>
}

export type KeepingRules = { default: Record<KeptGroup, KeptDays>; rules: readonly KeepingRule[] }

/** What rules ask about a subject; '' where nothing is known, which only `*` fits. Places have none of them. */
export type SubjectFacts = { class: string; product: string; model: string; customer: string }

export const shippedKeeping: KeepingRules = {
  default: Object.fromEntries(keptGroups.map((group) => [group, keptTables[group].days])) as Record<KeptGroup, KeptDays>,
  rules: [],
}

const dayMs = 86_400_000

/** Days, and the place of the rule that says so; null: the default. */
export const keptDays = (rules: KeepingRules, facts: SubjectFacts, group: KeptGroup): { days: KeptDays; rule: number | null } => {
  const found = decide(rules, facts, group)
  if (!rollupGroups.has(group) || found.days === null) return found
  // Rollups outlive what they are made of.
  const raw = decide(rules, facts, 'measurements').days
  return { ...found, days: raw === null ? null : Math.max(raw, found.days) }
}

const decide = ({ default: days, rules }: KeepingRules, facts: SubjectFacts, group: KeptGroup): { days: KeptDays; rule: number | null } => {
  const rule = rules.findIndex(({ keep, ...selector }) => keep[group] !== undefined && fits(selector, facts))
  if (rule === -1) return { days: days[group], rule: null }
  return { days: rules[rule]?.keep[group] ?? null, rule }
}

/** Rows of that table with a time before this may be gone under the rules; null: none. Times are what `keptTables` names. */
export const keptSince = (rules: KeepingRules, facts: SubjectFacts, table: string, nowMs: number): number | null => {
  const group = groupOfTable(table)
  const days = group === undefined ? null : keptDays(rules, facts, group).days
  return days === null ? null : nowMs - days * dayMs
}

export const groupOfTable = (table: string): KeptGroup | undefined => keptGroups.find((group) => keptTables[group].table === table)

/** The most that any subject could be given: what the table's own expiry may be set to. */
export const longestDays = ({ default: days, rules }: KeepingRules, group: KeptGroup): KeptDays => {
  let longest = days[group]
  for (const { keep } of rules) {
    const own = keep[group]
    if (own === undefined || longest === null) continue
    longest = own === null ? null : Math.max(longest, own)
  }
  return longest
}

/** All that the rule names must fit. */
export const fits = (rule: Pick<KeepingRule, 'class' | 'model' | 'customer'>, facts: SubjectFacts): boolean =>
  fitsAny(rule.class, () => facts.class) &&
  fitsAny(rule.customer, () => facts.customer) &&
  fitsAny(rule.model, (pattern) => (pattern.includes('/') ? `${facts.product}/${facts.model}` : facts.model))

const fitsAny = (patterns: readonly string[] | null, textFor: (pattern: string) => string): boolean =>
  patterns === null || patterns.some((pattern) => isLike(pattern.toLowerCase(), textFor(pattern).toLowerCase()))

/** Both in lower case. Pieces between stars are looked for from left to right, each once: no pattern is slow on any text. */
export const isLike = (pattern: string, text: string): boolean => {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === first
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}
