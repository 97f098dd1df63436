/** Child of `data-dir-lock.test.ts`: takes the lock, says so, and holds it until it is killed. */
import { lockDataDir } from './data-dir-lock.ts'

const [, , dataDir = ''] = process.argv
lockDataDir(dataDir, 1_767_600_000_000)
process.stdout.write('held\n')
setInterval(() => undefined, 1000)
