/**
 * `npm run rules`: which rules hold and where they come from. `--check FILE`: are these valid, and if not, why not.
 * `--what-if`: how often they would have told something over the stored past, and what an edited file would change.
 * Changes nothing.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { fileNamesIn } from '../adapters/system/folder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { parseMac } from '../ingest/domain/mac.ts'
import { type Config, loadConfig } from '../runtime/config.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'
import { editedRuleSet, loadRuleSet, rulesWithSources } from './rules-file.ts'
import { type NamedRules, rulesInForce, runWhatIf, versionOf } from './what-if.ts'
import { whatIfJson, whatIfText } from './what-if-report.ts'

const usage = `usage: npm run rules                               which rules hold, their versions and where they come from
       npm run rules -- --check FILE_OR_FOLDER         are these rules valid on top of the shipped ones
       npm run rules -- --what-if [--rules FILE_OR_FOLDER] [--from TIME] [--to TIME] [--device MAC,...] [--model PATTERN,...]
                                  [--workers N] [--json]
Times are RFC 3339, as 2026-03-01T00:00:00Z, or so long ago, as 7d. Without --rules the rules in force stand beside the files as they are now.`

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      check: { type: 'string' },
      'what-if': { type: 'boolean', default: false },
      rules: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      device: { type: 'string' },
      model: { type: 'string' },
      workers: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  if (values.check !== undefined) return check(values.check)
  if (!values['what-if']) return list(loadConfig(readTextFile), values.json)
  const fromMs = timeOf(values.from)
  const toMs = timeOf(values.to)
  const workers = values.workers === undefined ? null : Number(values.workers)
  const devices = values.device?.split(',').map((text) => parseMac(text.trim()) ?? '') ?? null
  if (fromMs === undefined || toMs === undefined || devices?.includes('') === true || (workers !== null && !(workers >= 1)))
    return wrongUse()
  const config = loadEmbeddedLogConfig('npm run rules -- --what-if')
  if (!hasLog(config.DATA_DIR)) throw new Error(`expected a log in DATA_DIR ${config.DATA_DIR}, got none: has the recorder run on it?`)
  const past = await runWhatIf({
    config,
    ruleSets: await setsOf(config, values.rules),
    fromMs,
    toMs,
    devices,
    models: values.model?.split(',').map((text) => text.trim()) ?? null,
    workers,
    say: (line) => console.error(line),
  })
  console.log(values.json ? whatIfJson(past) : whatIfText(past))
  return 0
}

/** What holds, and beside it what is asked about. */
const setsOf = async (config: Config, edited: string | undefined): Promise<NamedRules[]> => {
  const files = loadRuleSet(config.RULES_DIR)
  const present = (await rulesInForce(config.DATA_DIR)) ?? { name: 'the files', version: versionOf(files), ruleSet: files }
  const other = edited === undefined ? files : editedRuleSet(config.RULES_DIR, edited)
  const version = versionOf(other)
  if (edited === undefined && version === present.version) return [present]
  return [present, { name: edited === undefined ? 'the files' : edited, version, ruleSet: other }]
}

const list = async (config: Config, asJson: boolean): Promise<number> => {
  const rules = rulesWithSources(config.RULES_DIR)
  const version = versionOf(loadRuleSet(config.RULES_DIR))
  const inForce = config.KAFKA_BROKERS === '' && hasLog(config.DATA_DIR) ? await rulesInForce(config.DATA_DIR) : null
  const standing = new Map(inForce?.ruleSet.rules.map((rule) => [rule.id, JSON.stringify(rule)]))
  const rows = rules.map(({ rule, source, overrides }) => {
    const known = standing.get(rule.id)
    const state = inForce === null ? '-' : known === JSON.stringify(rule) ? 'as in force' : known === undefined ? 'not in force yet' : 'differs from what is in force'
    return { id: rule.id, number: rule.number, version: rule.version, enabled: rule.enabled, scope: rule.scope, severity: rule.severity, state, source, overrides }
  }) // biome-ignore format: one row
  if (asJson) {
    console.log(JSON.stringify({ version, inForce: inForce?.version ?? null, rules: rows }, null, 2))
    return 0
  }
  console.log(`rules of the files: version ${version}; in force: ${inForce?.version ?? 'not known here'}`)
  for (const { id, number, version: own, enabled, scope, severity, state, source, overrides } of rows)
    console.log(
      [
        id.padEnd(28),
        `#${number}`.padEnd(4),
        `v${own}`.padEnd(4),
        (enabled ? 'on' : 'off').padEnd(4),
        scope.padEnd(9),
        severity.padEnd(9),
        state.padEnd(inForce === null ? 2 : 30),
        `${source}${overrides > 0 ? `, ${overrides} overrides` : ''}`,
      ].join(' '),
    )
  return 0
}

const check = (path: string): number => {
  const ruleSet = editedRuleSet('', path)
  console.log(
    `${path} is valid: with the shipped rules ${ruleSet.rules.length} rules and ${ruleSet.overrides.length} overrides, version ${versionOf(ruleSet)}`,
  )
  return 0
}

/** Opening a log makes one where there is none. */
const hasLog = (dataDir: string): boolean => {
  try {
    return fileNamesIn(join(dataDir, 'log'), '').length > 0
  } catch {
    return false
  }
}

/** Null: not given; undefined: no time. */
const timeOf = (text: string | undefined): number | null | undefined => {
  if (text === undefined) return null
  const [, count = '', unit = ''] = /^(\d{1,5})([mhd])$/.exec(text) ?? []
  if (count !== '') return systemClock.nowMs() - Number(count) * ({ m: 60_000, h: 3_600_000, d: 86_400_000 }[unit] ?? 0)
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}

const wrongUse = (): number => {
  console.error(usage)
  return 2
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  },
)
