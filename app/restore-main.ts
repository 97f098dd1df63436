/** `npm run restore -- --from FOLDER`: a backup into the empty DATA_DIR. Exits 1 when nothing was restored. */
import { parseArgs } from 'node:util'
import { readTextFile } from '../adapters/system/text-file.ts'
import { loadConfig } from '../runtime/config.ts'
import { restoreFolder } from './restore-folder.ts'

const usage = 'usage: npm run restore -- --from FOLDER        (into DATA_DIR, which is absent or empty)'

const main = async (): Promise<number> => {
  const { from } = parseArgs({ options: { from: { type: 'string' } } }).values
  if (from === undefined || from === '') {
    console.error(usage)
    return 1
  }
  const config = loadConfig(readTextFile)
  const { manifest, settings, tookMs } = await restoreFolder(config, from)
  console.log(
    [
      `Restored into ${config.DATA_DIR} as of ${manifest.takenAt} (made by version ${manifest.version}), ${(tookMs / 1000).toFixed(1)} s`,
      ...settings.map((path) => `  look at ${path}: put it where your settings point`),
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
