/**
 * The child process of the nightly sample: verifies a few random devices and tells what it found. Gives way to everything
 * else of the machine, and so does the scratch engine that it starts. Started by `nightly-sample.ts` and by nobody else; ends
 * with its parent.
 */
import { constants, setPriority } from 'node:os'
import { differenceLine } from '../processors/domain/row-differences.ts'
import type { SampleOrder, SampleReport } from './nightly-sample.ts'
import { verifyRebuild } from './rebuild-verify.ts'

/** Lines of a log message, not of a report: `npm run rebuild -- --verify` shows more. */
const linesMax = 5

const verify = async ({ config, publicUrl, count, seed, memoryBytesMax }: SampleOrder): Promise<SampleReport> => {
  const report = await verifyRebuild({ config, publicUrl, sample: { count, seed }, workers: 1, memoryBytesMax, say: () => undefined })
  return {
    kind: 'done',
    devices: report.sample?.length ?? 0,
    events: report.figures.records,
    differing: Object.fromEntries(report.tables.map(({ table, differences }) => [table, differences])),
    lines: report.differences.slice(0, linesMax).map(differenceLine),
  }
}

if (process.send === undefined) {
  process.stderr.write('Expected to be started by the recorder. By hand: npm run rebuild -- --verify --sample 20\n')
  process.exit(1)
}
setPriority(constants.priority.PRIORITY_LOW)
// A Ctrl-C reaches the whole process group; the parent decides.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => undefined)
process.on('disconnect', () => process.exit(1))
process.once('message', (order: SampleOrder) => {
  const tell = (report: SampleReport): void => void process.send?.(report, () => process.disconnect())
  verify(order).then(tell, (error: unknown) => tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) }))
})
