/**
 * Part 2: kernel logs of real crashes, each said by a device of its own through the front door: which alarms, how grave, and how
 * often. What is right is told by the file's own header, which the device does not send.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseMessage } from '../../ingest/domain/parse-message.ts'
import type { DeviceEvent } from '../../model/event.ts'
import type { RuleSet } from '../../model/rule.ts'
import { evalFromMs } from './eval-scenario.ts'
import { eventOfMessage, ownEvent, pseudonym, shippedTopicMap, tickAt } from './eval-events.ts'
import { runEvents } from './eval-run.ts'

export type LogReport = {
  file: string
  title: string
  expected: string[]
  /** Alarm and severity, the gravest that it reached. */
  got: string[]
  raises: number
  lines: number
}
export type LogsResult = { reports: LogReport[]; right: number }

const minuteMs = 60_000

export const sampleFolder = (): string => process.env['SAMPLE_DATA_DIR'] ?? '../shared/data'

export const judgeLogs = (ruleSet: RuleSet, folder = join(sampleFolder(), 'kernel-logs')): LogsResult => {
  const files = readdirSync(folder).filter((name) => /^\d+\.txt$/.test(name))
  const crashes = files.map((file, at) => ({ file, mac: macOf(at), ...partsOf(readFileSync(join(folder, file), 'utf8')) }))
  const { raised, episodes } = runEvents(eventsOf(crashes), ruleSet)
  const reports = crashes.map(({ file, mac, title, expected, log }): LogReport => {
    const own = episodes.filter((row) => row['subject'] === mac)
    return {
      file,
      title,
      expected,
      got: own.map((row) => `${String(row['type'])} ${String(row['severity_max'])}`).sort(),
      raises: raised.filter(({ subject }) => subject === mac).length,
      lines: log.split('\n').length,
    }
  })
  return { reports, right: reports.filter(({ expected, got }) => expected.join() === got.join()).length }
}

const macOf = (at: number): string => `02-f3-00-00-00-${at.toString(16).padStart(2, '0')}`

/** Header lines, an empty line, the log; an extract may follow. A file that begins with an empty line is no crash. */
const partsOf = (text: string): { title: string; expected: string[]; log: string } => {
  const [head = '', ...rest] = text.split(/\n\n|^\n/)
  const log = rest.join('\n\n').split(/^REPORT:$/m)[0] ?? ''
  const fieldOf = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(head)?.[1] ?? ''
  if (fieldOf('TITLE') === '') return { title: '', expected: [], log: text }
  const isStall = fieldOf('TYPE') === 'HANG'
  const severity = fieldOf('PANICKED') === 'Y' ? 'critical' : 'major'
  return { title: fieldOf('TITLE'), expected: [`${isStall ? 'device.kernel-stall' : 'device.crash'} ${severity}`], log }
}

function* eventsOf(crashes: readonly { mac: string; log: string }[]): Generator<DeviceEvent> {
  const topicMap = shippedTopicMap()
  const read = (mac: string, metric: string, payload: string, atMs: number): DeviceEvent | null => {
    const topic = `dwr/961-c1/${mac}/${metric}`
    const bytes = Buffer.from(payload)
    const outcome = parseMessage(topic, bytes, { topicMap, receivedAtMs: atMs, pseudonym })
    return outcome.kind === 'message'
      ? eventOfMessage(outcome.message, { topic, atMs, bytes, clientId: mac, dup: false, retain: false })
      : null
  }
  for (const { mac } of crashes)
    yield {
      ...ownEvent(evalFromMs, mac),
      bodies: [{ kind: 'InventoryChanged', entity: 'device', id: mac, retired: false, fields: { class: 'business' } }],
    }
  for (let minute = 0; minute <= 120; minute++) {
    const atMs = evalFromMs + minute * minuteMs
    for (let tickMs = atMs; tickMs < atMs + minuteMs; tickMs += 5_000) yield tickAt(tickMs, evalFromMs)
    for (const { mac, log } of crashes) {
      const load = read(mac, 'hardware/loadavg', `{"ts":${atMs},"load1":0.1,"load5":0.1,"load15":0.1}`, atMs + minuteMs - 1)
      if (load !== null) yield load
      // As an agent sends them: what is new since the last look. The whole file is new.
      const crash = minute === 60 ? read(mac, 'log/dmesg', log, atMs + minuteMs - 1) : null
      if (crash !== null) yield crash
    }
  }
}
