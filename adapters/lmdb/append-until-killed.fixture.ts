/** Child of `durability.test.ts`: appends for ever and prints each acknowledged offset, until it is killed. */
import { openEnvironment } from './environment.ts'
import { openEventLog } from './event-log.ts'

const [, , dataDir = ''] = process.argv
const log = openEventLog({ environment: openEnvironment(dataDir), clock: { nowMs: () => Date.now() }, partitions: 1, diskFreeBytesMin: 0 })

const appendForEver = async (caller: number): Promise<void> => {
  for (let n = 0; ; n++) {
    const text = `${caller}-${n}`
    const [offset] = await log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.from(text) }])
    process.stdout.write(`${offset} ${text}\n`)
  }
}
await Promise.all([0, 1, 2, 3, 4].map(appendForEver))
