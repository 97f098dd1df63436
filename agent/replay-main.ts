/** `npm run replay`: a recorded drive or JSON lines played through MQTT. The work is in `recording.ts` and `replay.ts`. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArguments, runProgram, UsageError } from './arguments.ts'
import { connectFlags, readConnectOptions } from './connect-options.ts'
import { canonicalMac } from './identity.ts'
import { bootIdOfRecording, readRecording } from './recording.ts'
import { replay } from './replay.ts'

const intro = `Plays recorded data through MQTT as the device would have sent it: a UCC 5G drive CSV becomes hardware/lte messages,
a .jsonl file is sent line by line ({"topic":...,"payload":...,"ts":...}). A second replay of the same file adds nothing.`

const flags = {
  ...connectFlags,
  file: { kind: 'text', help: 'Recording, .csv or .jsonl' },
  device: { kind: 'text', help: '<product>/<model>/<mac>, e.g. dwr/311-a1/02-00-00-00-00-01' },
  speed: { kind: 'text', default: '1', help: 'Times faster than recorded, or max' },
  again: { kind: 'switch', help: 'As a new recording: a bootId of its own' },
  'give-up-after': { kind: 'duration', default: '60s', help: 'Without any acknowledgement' },
} as const

await runProgram(intro, flags, async (argv) => {
  const given = parseArguments(flags, argv)
  if (given.file === undefined || given.device === undefined) throw new UsageError('--file and --device: expected both')
  const device = deviceTopicOf(given.device)
  const kind = /\.jsonl$/i.test(given.file) ? 'jsonl' : 'csv'
  const speed = given.speed === 'max' ? Infinity : Number(given.speed)
  if (!(speed > 0)) throw new UsageError(`--speed: expected a number above 0 or max, got "${given.speed}"`)
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const text = readFileSync(given.file, 'utf8')
  const bootId = given.again ? randomUUID() : bootIdOfRecording(text, device)
  const recording = readRecording(text, kind, device, bootId)
  if ('problem' in recording) throw new UsageError(`${given.file}: ${recording.problem}`)

  const clientId = `replay-${device.split('/')[2] ?? ''}-${process.pid}`
  const { rows, sent, acknowledged, seconds } = await replay({
    messages: recording.messages,
    url: given.url,
    clientOptions: { ...readConnectOptions(given), clientId },
    speed,
    giveUpAfterMs: given['give-up-after'],
    say,
  })
  say(`${rows} rows as ${device}, bootId ${bootId}: ${sent} sent, ${acknowledged} acknowledged in ${seconds.toFixed(2)} s`)
  return acknowledged === rows ? 0 : 1
})

function deviceTopicOf(text: string): string {
  const [product, model, mac, ...more] = text.split('/')
  const canonical = canonicalMac(mac ?? '')
  if (!product || !model || canonical === undefined || more.length > 0) {
    throw new UsageError(`--device: expected <product>/<model>/<mac>, got "${text}"`)
  }
  return `${product}/${model}/${canonical}`
}
