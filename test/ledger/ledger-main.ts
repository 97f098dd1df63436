/** `npm run test:ledger`: the long form of the ledger test, by hand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArguments, runProgram } from '../../agent/arguments.ts'
import { reportLines, runLedger } from './ledger-run.ts'
import { bugs } from './planted-bugs.ts'
import { isAsPlanted, runPlanted } from './planted-run.ts'
import { createRealSystem, realVictims } from './real-system.ts'

const realSystem = (folder: string, spared: readonly string[]) =>
  createRealSystem({ folder: join(folder, 'system'), victims: realVictims.filter((name) => !spared.includes(name)) })

/** Whether a kill meets a message in the few milliseconds that matter is chance. */
const triesMax = 3

/** The product as it is must come out clean, and each planted bug must be found. */
const planted = async (say: (line: string) => void): Promise<number> => {
  let wrong = 0
  for (const bug of [undefined, ...bugs]) {
    let right = false
    for (let tries = 1; !right && tries <= (bug === undefined ? 1 : triesMax); tries++) {
      const report = await runPlanted(bug, () => undefined)
      right = isAsPlanted(report, bug)
      say(`${bug?.name ?? 'nothing planted'}: ${right ? 'as it must be' : 'NOT as it must be'}, try ${tries}`)
      for (const line of reportLines(report)) say(`  ${line}`)
    }
    if (!right) wrong++
  }
  return wrong === 0 ? 0 : 1
}

const intro = `Kills the recorder with -9 while a simulated fleet publishes, and proves that nothing acknowledged is lost or counted twice.`

const flags = {
  minutes: { kind: 'number', default: '5', help: 'How long the fleet publishes' },
  devices: { kind: 'integer', default: '500', help: 'Simulated devices' },
  rate: { kind: 'number', default: '500', help: 'Messages a second, all devices together' },
  'kills-every': { kind: 'duration', default: '60s', help: 'Mean time between kills' },
  seed: { kind: 'integer', default: '1', help: 'Seed of the fleet' },
  real: { kind: 'switch', help: 'On Mosquitto, Kafka and separate programs; each of them is killed' },
  spare: {
    kind: 'text',
    default: '',
    help: 'With --real: processes that are not killed, between commas (mosquitto, kafka, bridge-1, ...)',
  },
  planted: { kind: 'switch', help: 'Try the test itself: bugs are planted in the program one after the other, and each must be found' },
  keep: { kind: 'switch', help: 'Leave data and acknowledgements for a look' },
} as const

await runProgram(intro, flags, async (argv) => {
  const given = parseArguments(flags, argv)
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  say(
    `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores, Node ${process.version}, load ${loadavg()[0]?.toFixed(1) ?? ''}`,
  )
  if (given.planted) return planted(say)
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'))
  try {
    const report = await runLedger({
      folder,
      devices: given.devices,
      ratePerSecond: given.rate,
      seconds: given.minutes * 60,
      killEverySeconds: given['kills-every'] / 1000,
      seed: given.seed,
      say,
      ...(given.real ? { system: realSystem(folder, given.spare.split(',')) } : {}),
    })
    for (const line of reportLines(report)) say(line)
    return report.findings.length === 0 ? 0 : 1
  } finally {
    if (given.keep) say(`kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
})
