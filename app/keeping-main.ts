/** `npm run keeping [-- --apply]`: what the rules of keeping would remove now; with `--apply` removes it, held rows too. */
import { parseArgs } from 'node:util'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { type KeepingOutcome, lengthenExpiries, runKeeping } from './keeping.ts'
import { loadKeepingRules } from './keeping-file.ts'
import { openOperatorWarehouse } from './operator-warehouse.ts'

const main = async (): Promise<number> => {
  const { apply } = parseArgs({ options: { apply: { type: 'boolean', default: false } } }).values
  const config = loadConfig(readTextFile)
  const rules = loadKeepingRules(config.KEEPING_FILE)
  const { warehouse, close } = await openOperatorWarehouse(config)
  try {
    if (apply) await lengthenExpiries(warehouse, rules)
    const outcomes = await runKeeping({
      warehouse,
      rules,
      tenant: config.TENANT,
      nowMs: systemClock.nowMs(),
      dryRun: !apply,
      confirmed: apply,
      mayGoOn: async () => undefined,
    })
    console.log(outcomes.length === 0 ? 'Nothing is older than the rules say.' : outcomes.map(lineOf).join('\n'))
    if (!apply) console.log('Nothing was removed. With --apply all of that goes now; else the daily run removes what is not held.')
    return 0
  } finally {
    await close()
  }
}

const lineOf = ({ table, days, due, of, oldestMs, outcome, seconds }: KeepingOutcome): string => {
  const rows = `${table}, kept ${days} days: ${due} of ${of} rows (${((due / of) * 100).toFixed(1)} %), oldest ${new Date(oldestMs).toISOString()}`
  if (outcome === 'held') return `${rows}: held, since they are most of what the rule concerns`
  return outcome === 'removed' ? `${rows}: removed in ${seconds.toFixed(1)} s` : `${rows}: would go`
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`Keeping failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
