/** `npm run backup -- --to FOLDER`: a backup of the recorder on DATA_DIR, running or not. Exits 1 when there is none. */
import { parseArgs } from 'node:util'
import { takeBackup } from './backup-take.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'

const usage = 'usage: npm run backup -- --to FOLDER        (absent or empty)'

const main = async (): Promise<number> => {
  const { to } = parseArgs({ options: { to: { type: 'string' } } }).values
  if (to === undefined || to === '') {
    console.error(usage)
    return 1
  }
  const { manifest, running, lockedMs, tookMs } = await takeBackup(loadEmbeddedLogConfig('npm run backup'), to)
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0)
  const rows = Object.values(manifest.tables).reduce((sum, count) => sum + count, 0)
  console.log(
    [
      `Backup of the ${running ? 'running' : 'stopped'} recorder as of ${manifest.takenAt} in ${to}`,
      `  ${manifest.files.length} files, ${(bytes / 1e6).toFixed(1)} MB, ${rows} rows in ${Object.keys(manifest.tables).length} tables, ${(tookMs / 1000).toFixed(1)} s; acknowledgements waited ${Math.round(lockedMs)} ms`,
      `  not in it: ${manifest.leftOut.join('; ')}`,
      '  It holds the keys of all subjects: keep it as you keep the data folder.',
    ].join('\n'),
  )
  return 0
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`The backup failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
