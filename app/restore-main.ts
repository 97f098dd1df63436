/**
 * `npm run restore -- --from FOLDER`: a backup into the empty DATA_DIR; with `--only warehouse` its tables into one that has lost
 * them. Exits 1 when nothing was restored.
 */
import { parseArgs } from 'node:util'
import { restoreFolder, restoreWarehouse } from './restore-folder.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'

const usage = `usage: npm run restore -- --from FOLDER                     (into DATA_DIR, which is absent or empty)
       npm run restore -- --from FOLDER --only warehouse    (into DATA_DIR, which has its log and no tables)`

const main = async (): Promise<number> => {
  const { from, only } = parseArgs({ options: { from: { type: 'string' }, only: { type: 'string' } } }).values
  if (from === undefined || from === '' || (only !== undefined && only !== 'warehouse')) {
    console.error(usage)
    return 1
  }
  const config = loadEmbeddedLogConfig('npm run restore')
  if (only === 'warehouse') {
    const { manifest, tookMs } = await restoreWarehouse(config, from)
    console.log(
      [
        `Restored the tables in ${config.DATA_DIR} as of ${manifest.takenAt} (made by version ${manifest.version}), ${(tookMs / 1000).toFixed(1)} s`,
        '  What came after is in the log: the next start writes it into the tables, and says how much, before it takes messages.',
        '  Rows of subjects that were erased after the backup are back: erase them again.',
        'Next: npm start',
      ].join('\n'),
    )
    return 0
  }
  const { manifest, settings, tookMs } = await restoreFolder(config, from)
  console.log(
    [
      `Restored into ${config.DATA_DIR} as of ${manifest.takenAt} (made by version ${manifest.version}), ${(tookMs / 1000).toFixed(1)} s`,
      ...settings.map((path) => `  look at ${path}: put it where your settings point`),
      '  What was acknowledged after that moment is gone. Devices that number their messages show it: missing in the ledger, with the gaps.',
      `  not in the backup: ${manifest.leftOut.join('; ')}`,
      '  Subjects that were erased after the backup are back: erase them again.',
      'Next: npm start',
    ].join('\n'),
  )
  return 0
}

main().then(
  (code) => {
    process.exitCode = code
  },
  (error: unknown) => {
    console.error(`The restore failed: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  },
)
