/** `npm run erase -- DEVICE [--json]`: erases a device (any writing of its MAC) or a place, and reports every store. */
import { userInfo } from 'node:os'
import { parseArgs } from 'node:util'
import { type ErasureReport, eraseSubject } from './erase-subject.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'

const usage = 'usage: npm run erase -- DEVICE [--json]'

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean', default: false } } })
  const [name] = positionals
  if (name === undefined || positionals.length > 1) {
    console.error(usage)
    return 1
  }
  const report = await eraseSubject({ config: loadEmbeddedLogConfig('npm run erase'), name, actor: userInfo().username })
  console.log(values.json ? JSON.stringify(report, null, 1) : textOf(report))
  return 0
}

const textOf = ({ subject, erasedAt, running, touched, remains }: ErasureReport): string =>
  [
    `Erased ${subject} at ${erasedAt} (${running ? 'running' : 'stopped'} recorder)`,
    ...touched.map(({ store, what, count }) => `  ${store}: ${what}: ${count}`),
    'What remains:',
    ...remains.map((line) => `  - ${line}`),
  ].join('\n')

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`The erasure failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
