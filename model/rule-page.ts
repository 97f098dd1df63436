/** The rules as a page of the documentation, made from the files; a test compares `docs/reference/rules.md` with it. */
import type { Condition, Guard, Level, Matcher, Rule, RuleSet, Selector, SeverityStep } from './rule.ts'

/** Of the list of built-in rules: those that wait for something that does not come in yet. */
export const rulesNotYetThere: readonly { number: number; id: string; needs: string }[] = [
  { number: 25, id: 'wan.latency-high', needs: 'the usual latency by hour of the week' },
  { number: 29, id: 'wan.traffic-surge', needs: 'the usual traffic by hour of the week, as median and MAD' },
  { number: 30, id: 'wan.if-errors', needs: 'the ratio of two counters of one interface' },
  { number: 37, id: 'radio.degraded', needs: 'medians of 21 days by cell' },
  { number: 38, id: 'radio.persistent-poor', needs: 'a week of windows of one device' },
  { number: 42, id: 'cell.degraded', needs: 'shifts of medians by cell, in the fleet stage' },
  { number: 43, id: 'fw.regression', needs: 'a roll-out with its start, and the comparison of versions' },
  { number: 44, id: 'fw.fota-failed', needs: 'tasks with their results' },
  { number: 48, id: 'sec.session-unexpected', needs: 'remote sessions and the audit of tasks' },
  { number: 61, id: 'wan.below-plan', needs: 'throughput probes, and the bandwidth of the plan' },
  { number: 62, id: 'cert.expiring', needs: 'the end of validity of certificates' },
  { number: 67, id: 'platform.notify-failed', needs: 'a second channel to tell that the first fails' },
  { number: 68, id: 'platform.drift', needs: 'the result of the nightly sample as a signal' },
]

export const rulesMarkdown = ({ rules, overrides }: RuleSet): string => {
  const ordered = [...rules].sort((a, b) => a.number - b.number)
  return `# Alarm rules

Made from \`rules/*.yaml\`; a rule's id is the type of its alarms. Levels are defaults: [how to change them](#how-to-change-a-rule). Windows are 15 minutes of the device's own time (ROP); one is judged when it holds 80 % of the readings that the device's learned cadence lets expect. Whether a rule notifies depends on the device's class in the inventory; a home device alone never does.

| no. | rule | what | raise | clear | severity | notifies |
| --- | --- | --- | --- | --- | --- | --- |
${ordered.map(row).join('\n')}

## Rules of one device

${ordered
  .filter(({ scope }) => scope === 'device')
  .map(section)
  .join('\n')}
## Rules of groups and of the platform

Their levels stand in the files; the fleet stage and the platform judge them.

${ordered
  .filter(({ scope }) => scope !== 'device')
  .map(section)
  .join('\n')}
## Shipped overrides

${
  overrides.length === 0
    ? 'None.'
    : overrides
        .map(
          ({ rule, select, set }) =>
            `- \`${rule}\` for ${selected(select)}: ${Object.entries(set)
              .filter(([, value]) => value !== null)
              .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`)
              .join(', ')}`,
        )
        .join('\n')
}

## Not yet there

| no. | rule | needs |
| --- | --- | --- |
${rulesNotYetThere.map(({ number, id, needs }) => `| ${number} | ${id} | ${needs} |`).join('\n')}

## How to change a rule

Write a file of your own (an editor checks it with \`schemas/rules.schema.json\`) in a folder of your own. A rule of the same id takes the place of the shipped one; an override changes it for the devices that its selector fits, the last that fits decides field by field:

\`\`\`yaml
overrides:
  - rule: device.temp-high
    select: { model: "dwr/960-*" }
    set: { enabled: true, raise: { above: 85 }, clear: { below: 80 } }
  - rule: radio.rsrp-poor
    select: { site: ["tunnel-*"] }
    set: { enabled: false }
\`\`\`

Selectors: class, model (\`<product>/<model>\` or the model), site, region, firmware, group, device, plan, fixed; all that are named must fit, a list is any of them, \`*\` stands for any characters.

Every mistake is refused with file and line before anything runs: an unknown metric, levels that cross, a rule that could never fire or never clear, a \`dependsOn\` that names no rule or comes back to itself ([what to do](../runbooks/rules-invalid.md)).

\`\`\`sh
npm run rules -- --check my-rules                        # a file or a folder: is it valid on top of the shipped rules
npm run rules -- --what-if --rules my-rules --from 7d    # what it would have told over the stored past, beside the rules in force
RULES_DIR=my-rules npm start                             # a start puts the files in force
npm run rules                                            # which rules hold, their versions, where they come from
\`\`\`

Each version that came into force stands in the log, beside what it judged. To roll back, start with the folder as it was: its version is in force again from then on, and what was judged in between stays. What-if judges each device by itself, without groups and situations: an outage of many is counted once for each of them.

## What each form means

- **level**: a number (gauge, rate of a counter, radio, clock) against a raise and a clear level. In a ROP: mean, median, min, max, p95, last, count, rate, share; \`inARow: 2\` asks for two complete windows in a row, in both directions. \`event\`: each reading. \`slope\`: the value that a line through hourly means reaches after \`horizon\`.
- **count**: so many events in a sliding time of the device.
- **event**: something happened (over after \`staleAfter\` without a repeat), or is so until a sign of its end. Delays are the alarm's: it is raised after \`onDelay\` and cleared after \`offDelay\`.
- **silence**: by arrival. Frozen while the front door is not healthy, and one deadline after.
- **gap**: one signal misses three of its learned intervals while others come. What is sent on change only has no cadence.
- While a device is offline its other alarms are unknown, neither active nor cleared.
- What comes late (older than the device's own time) changes nothing that is live: its stretch is judged again, up to 7 days back, and alarms are found, moved or taken back as late ([late-data.md](late-data.md)).
- A boot that shows itself by a new boot id waits 60 s for its reason.
- EN-DC counts as LTE for the fallback of technologies; identities (SIM, modem) are compared in their masked form.
`
}

const row = (rule: Rule): string => {
  const { raise, clear } = levels(rule)
  return `| ${rule.number} | [${rule.id}](#${rule.id.replaceAll('.', '')})${rule.enabled ? '' : ' (off)'} | ${rule.title} | ${raise} | ${clear} | ${[rule.severity, ...rule.steps.map(({ severity }) => severity)].join(', ')} | ${notified(rule)} |`
}

const notified = ({ notify }: Rule): string => {
  const classes = Object.entries(notify).flatMap(([name, on]) => (on ? name : []))
  return classes.length === 0 ? 'no' : classes.join(', ')
}

const section = (rule: Rule): string => {
  const { raise, clear } = levels(rule)
  const lines = [
    `- **${rule.title}.** ${rule.why}`,
    `- Raised: ${raise}${rule.onDelayMs > 0 ? `, for ${time(rule.onDelayMs)}` : ''}. Cleared: ${clear}${rule.offDelayMs > 0 ? `, for ${time(rule.offDelayMs)}` : ''}.`,
    `- Severity ${[rule.severity, ...rule.steps.map(stepWords)].join('; ')}. ${rule.eventType}. Notifies: ${notified(rule)}.${rule.enabled ? '' : ` Off${rule.pack === 'optional' ? ' (optional pack)' : ''}; an override turns it on.`}`,
    `- Probable cause: ${rule.cause} What to do: ${rule.action}`,
  ]
  if (rule.qualifier !== null) lines.push(`- One alarm for each ${rule.qualifier}.`)
  if (selected(rule.select) !== 'every device') lines.push(`- Only ${selected(rule.select)}.`)
  if (rule.dependsOn.length > 0) lines.push(`- Explained by ${rule.dependsOn.join(', ')}.`)
  if (rule.learnMs > 0) lines.push(`- Only records in the first ${time(rule.learnMs)} of a device.`)
  return `### ${rule.id}\n\n${lines.join('\n')}\n`
}

const stepWords = (step: SeverityStep): string =>
  step.by === 'level'
    ? `${step.severity} ${levelWords(step.level)}`
    : step.by === 'time'
      ? `${step.severity} after ${time(step.afterMs)}`
      : `${step.severity} at ${step.atLeast} in ${time(step.withinMs)}`

const levels = ({ condition }: Rule): { raise: string; clear: string } => {
  switch (condition.form) {
    case 'level': {
      const rows = (count: number): string => (count > 1 ? `, ${count} in a row` : '')
      const what = signalWords(condition)
      return {
        raise: `${what} ${levelWords(condition.raise)}${rows(condition.inARow)}${guards(condition.when)}`,
        clear: `${levelWords(condition.clear)}${rows(condition.clearInARow)}`,
      }
    }
    case 'count':
      return {
        raise: `${condition.raiseAtLeast} in ${time(condition.withinMs)} of: ${condition.events.map(matcherWords).join(', ')}${condition.cellsMax === null ? '' : ` (at most ${condition.cellsMax} cells)`}${guards(condition.when)}`,
        clear: `at most ${condition.clearAtMost} in ${time(condition.clearWithinMs)}`,
      }
    case 'event':
      return {
        raise: `${condition.raiseOn.map(matcherWords).join('; ')}${guards(condition.when)}`,
        clear:
          condition.staleAfterMs !== null
            ? `${time(condition.staleAfterMs)} without a repeat`
            : condition.clearByOperator
              ? 'by a person'
              : condition.clearOn.map(matcherWords).join('; '),
      }
    case 'silence':
      return {
        raise: `silent for ${condition.gapFactor} x the 95th percentile of its gaps, at least ${time(condition.deadlineLeastMs)}; or ${time(condition.willDelayMs)} after its will`,
        clear: 'any message',
      }
    case 'gap':
      return {
        raise: `${condition.intervals} intervals of one signal missing (${condition.signals.join(', ')})`,
        clear: 'its next reading',
      }
    case 'neverSeen':
      return { raise: `no message ${time(condition.afterMs)} after the import`, clear: 'its first message' }
    case 'fleet':
      return {
        raise: `${condition.signal}: ${Object.entries(condition.parameters)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ')}`,
        clear: 'see the parameters',
      }
  }
}

const signalWords = (condition: Extract<Condition, { form: 'level' }>): string => {
  const { signal, aggregate, window, dividedBy, baseline, horizonMs } = condition
  const per = dividedBy === null ? '' : ` / ${dividedBy.metric ?? dividedBy.fact ?? ''}`
  const usual = baseline === null ? '' : ' / usual at this hour'
  const name =
    signal.of === 'clock'
      ? 'clock skew in ms'
      : signal.of === 'radio'
        ? signal.name
        : `${signal.name}${seriesWords(signal.attributes, signal.except)}`
  if (aggregate === 'slope')
    return `${name} in ${time(horizonMs)}, by a line through ${window.kind === 'sliding' ? time(window.lengthMs) : ''}`
  return `${name}${per}${usual}${window.kind === 'event' ? '' : ` (${aggregate} of 15 min)`}`
}

type Filter = Readonly<Record<string, readonly string[]>>
const seriesWords = (only: Filter, except: Filter): string => {
  const words = (filter: Filter): string[] => Object.entries(filter).map(([name, values]) => `${name} ${shortList(values)}`)
  const told = [...words(only), ...words(except).map((one) => `not ${one}`)]
  return told.length === 0 ? '' : ` (${told.join(', ')})`
}

const opWords: Record<Level['op'], string> = { above: '>', atLeast: '>=', below: '<', atMost: '<=' }
const levelWords = ({ op, value }: Level): string => `${opWords[op]} ${value}`

const guards = (when: readonly Guard[]): string =>
  when.length === 0
    ? ''
    : `, while ${when.map((guard) => ('metric' in guard ? `${guard.metric} ${levelWords(guard.level)}` : `${guard.fact} ${wordsOf(guard.is, guard.isNot)}`)).join(' and ')}`

const wordsOf = (is: readonly string[] | null, isNot: readonly string[] | null): string =>
  is !== null ? `is ${shortList(is)}` : isNot !== null ? `is not ${shortList(isNot)}` : ''
const shortList = (words: readonly string[]): string =>
  `${words.slice(0, 5).join(' / ')}${words.length > 5 ? ' / ...' : ''}`.replaceAll('*', '\\*')

const matcherWords = (matcher: Matcher): string => {
  switch (matcher.of) {
    case 'log':
      return `log line of class ${matcher.classes.join(', ')}${matcher.weight > 1 ? ` (counts ${matcher.weight})` : ''}`
    case 'logPattern':
      return `log line \`${matcher.pattern.replaceAll('|', '\\|')}\``
    case 'metric':
      return `${matcher.name}${seriesWords(matcher.attributes, {})} ${levelWords(matcher.level)}`
    case 'edge':
      return `changes of ${matcher.name}`
    case 'radio':
      return {
        reading: 'a radio reading',
        'cell-changed': 'changes of cell',
        'cell-usual': 'a usual cell',
        'cell-unusual': 'a cell that is not usual',
      }[matcher.sign]
    case 'boot':
      return `boot${matcher.planned === false ? ' without a task' : ''}${matcher.reasons === null ? '' : ` of reason ${shortList(matcher.reasons)}`}${matcher.exceptReasons.length === 0 ? '' : ` but ${shortList(matcher.exceptReasons)}`}`
    case 'session':
      return 'new sessions'
    case 'fact':
      return `${matcher.name} ${factWords(matcher)}${matcher.onDelayMs === null ? '' : matcher.onDelayMs === 0 ? ' (at once)' : ` (for ${time(matcher.onDelayMs)})`}`
  }
}

const factWords = (matcher: Extract<Matcher, { of: 'fact' }>): string => {
  if (matcher.changed) return 'changes'
  if (matcher.usual !== null) return matcher.usual ? 'is the usual one' : 'is not the usual one'
  if (matcher.differsFrom !== null) return matcher.differs ? 'differs from the assigned one' : 'is the assigned one'
  if (matcher.present !== null) return matcher.present ? 'is there' : 'is not there'
  return wordsOf(matcher.is, matcher.isNot)
}

const selected = (select: Selector): string => {
  const asked = Object.entries(select).flatMap(([name, value]: [string, readonly string[] | boolean | null]) =>
    value === null
      ? []
      : name === 'fixed'
        ? [value === true ? 'devices that stand somewhere' : 'devices that travel']
        : [`${name} ${shortList(value as readonly string[])}`],
  )
  return asked.length === 0 ? 'every device' : asked.join(' and ')
}

const units: readonly [string, number][] = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]] // biome-ignore format: one line
const time = (ms: number): string => {
  const [unit, length] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ['ms', 1]
  return `${ms / length} ${unit}`
}
