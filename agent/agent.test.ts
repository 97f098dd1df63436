/** The agent as a whole against a broker, on this machine's own /proc. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Agent, type AgentOptions, startAgent } from './agent.ts'
import type { LogSource } from './log-sources.ts'
import { type Received, startTestBroker, type TestBroker, until } from './test-broker.ts'

const deviceTopic = 'dwr/311-a1/02-00-00-00-00-01'
type Envelope = { ts: number; seq: number; bootId: string; uptime: number; [key: string]: unknown }
const parsed = ({ payload }: Received): Envelope => JSON.parse(payload) as Envelope

describe('the agent', () => {
  let broker: TestBroker
  let stateFolder = ''
  let agents: Agent[] = []
  const logSource: LogSource = {
    name: 'test log',
    topic: 'log/syslog',
    read: async (cursor) => ({ lines: [`line after ${cursor ?? 'nothing'}`], leftOut: 0, cursor: String(Number(cursor ?? '0') + 1) }),
  }
  const start = (more: Partial<AgentOptions> = {}): Agent => {
    const agent = startAgent({
      deviceTopic,
      url: broker.url,
      clientOptions: { clientId: 'agent', protocolVersion: 4 },
      stateFolder,
      bufferBytesMax: 1_000_000,
      intervalMs: 3_600_000,
      logSources: [logSource],
      root: '/',
      say: () => undefined,
      backoff: { firstMs: 20, maxMs: 50 },
      ...more,
    })
    agents.push(agent)
    return agent
  }
  const topics = (): string[] => broker.received.map(({ topic }) => topic.slice(deviceTopic.length + 1))

  beforeEach(async () => {
    broker = await startTestBroker()
    stateFolder = mkdtempSync(join(tmpdir(), 'agent-'))
    agents = []
  })
  afterEach(async () => {
    for (const agent of agents) await agent.stop(1000)
    await broker.close()
    rmSync(stateFolder, { recursive: true, force: true })
  })

  it('says what this machine is and how it is, each message with ts, seq, bootId and uptime, without a hole in seq', async () => {
    const agent = start()
    await until('a reading with log lines', () => topics().includes('log/syslog'))
    await agent.link.drained(5000)
    for (const topic of [
      'status',
      'system/boot',
      'system/info',
      'hardware/loadavg',
      'hardware/memory',
      'network/interfaces',
      'system/agent',
      'log/syslog',
    ]) {
      expect(topics()).toContain(topic)
    }
    const seqs = broker.received.map((message) => parsed(message).seq).sort((a, b) => a - b)
    expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
    for (const message of broker.received) {
      const { ts, bootId, uptime } = parsed(message)
      expect(Math.abs(ts - Date.now())).toBeLessThan(60_000)
      expect(bootId).toMatch(/^[0-9a-f-]{36}$/)
      expect(uptime).toBeGreaterThan(0)
    }
  })

  it('a second agent in the same boot goes on with seq, tells the boot once and the log from where it stood', async () => {
    const first = start()
    await until('log lines', () => topics().includes('log/syslog'))
    await first.stop(5000)
    const lastSeq = Math.max(...broker.received.map((message) => parsed(message).seq))
    broker.received.length = 0
    const second = start()
    await until('log lines again', () => topics().includes('log/syslog'))
    await second.link.drained(5000)
    expect(Math.min(...broker.received.map((message) => parsed(message).seq))).toBe(lastSeq + 1)
    expect(topics()).not.toContain('system/boot')
    expect(broker.received.filter(({ topic }) => topic.endsWith('log/syslog')).map((message) => parsed(message)['lines'])).toEqual([
      ['line after 1'],
    ])
  })

  it('after a reboot begins seq anew and says how long the boot before lasted', async () => {
    const machine = join(stateFolder, 'machine')
    const boot = (bootId: string, uptime: string): void => {
      mkdirSync(join(machine, 'proc/sys/kernel/random'), { recursive: true })
      writeFileSync(join(machine, 'proc/sys/kernel/random/boot_id'), bootId)
      writeFileSync(join(machine, 'proc/uptime'), uptime)
    }
    boot('first', '7203.06 1.00')
    const first = start({ root: machine })
    await until('log lines', () => topics().includes('log/syslog'))
    await first.stop(5000)
    broker.received.length = 0
    boot('second', '31.50 1.00')
    const second = start({ root: machine })
    await until('log lines again', () => topics().includes('log/syslog'))
    await second.link.drained(5000)
    const told = broker.received.find(({ topic }) => topic.endsWith('system/boot'))
    expect(told === undefined ? undefined : { ...parsed(told), ts: 0 }).toEqual({
      ts: 0,
      seq: 1,
      bootId: 'second',
      uptime: 31.5,
      reason: 'unknown',
      uptimeBefore: 7203.06,
    })
  })

  it('is online, retained, when it comes and offline, retained, when it is stopped', async () => {
    const agent = start()
    await until('online', () => topics().includes('status'))
    await agent.stop(5000)
    const statuses = broker.received.filter(({ topic }) => topic.endsWith('/status'))
    expect(statuses.map((message) => [parsed(message)['state'], message.retain])).toEqual([
      ['online', true],
      ['offline', true],
    ])
    expect(parsed(statuses[0] as Received)['sessionId']).toBe(parsed(statuses[1] as Received)['sessionId'])
  })

  it('keeps readings while the broker is away and sends them later with their times, status first', async () => {
    const port = Number(new URL(broker.url).port)
    await broker.close()
    const agent = start()
    await agent.sample()
    await agent.sample()
    await until('readings kept', () => agent.counts().waiting >= 15)
    const backAtMs = Date.now()
    broker = await startTestBroker(port)
    expect(await agent.link.drained(5000)).toBe(true)
    expect(topics()[0]).toBe('status')
    const readings = broker.received.slice(1).map(parsed)
    expect(readings.every(({ ts }) => ts <= backAtMs)).toBe(true)
    expect(readings.map(({ seq }) => seq)).toEqual(readings.map((_, index) => index + 1))
  })

  it('metered: batches whose lines are the messages, changed values only', async () => {
    const agent = start({ metered: { batchEveryMs: 3_600_000 } })
    await until('a batch', () => topics().includes('batch/deflate'))
    await agent.stop(5000)
    // The test broker shows payloads as text; the bytes are checked in batch.test.ts.
    expect(topics().filter((topic) => topic !== 'status')).toEqual(topics().filter((topic) => topic === 'batch/deflate'))
  })

  it('a second agent on the same folder is refused', () => {
    start()
    expect(() => start()).toThrow(/another agent \(process \d+\) uses this folder/)
  })

  it('the program killed with -9 while the broker is away loses nothing and uses no seq twice', async () => {
    const port = Number(new URL(broker.url).port)
    await broker.close()
    const run = () =>
      spawn(
        process.execPath,
        [
          join(import.meta.dirname, 'agent-main.ts'),
          '--url',
          `mqtt://127.0.0.1:${port}`,
          '--state-dir',
          stateFolder,
          '--interval',
          '100ms',
          '--no-logs',
          '--mac',
          '02:00:00:00:00:01',
        ],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
    const keptBytes = (): number => statSync(join(stateFolder, 'outbox/0000000001.log'), { throwIfNoEntry: false })?.size ?? 0
    for (const killAtBytes of [8_000, 16_000]) {
      const child = run()
      const exited = new Promise((resolve) => child.on('exit', resolve))
      await until('enough to lose', () => keptBytes() >= killAtBytes)
      child.kill('SIGKILL')
      await exited
    }
    broker = await startTestBroker(port)
    const last = run()
    const exited = new Promise((resolve) => last.on('exit', resolve))
    await until('what was kept', () => broker.received.length > 40)
    last.kill('SIGTERM')
    await exited
    const seqs = broker.received.map((message) => parsed(message).seq)
    expect(new Set(seqs).size).toBe(seqs.length)
    expect([...seqs].sort((a, b) => a - b)).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1))
  }, 30_000)
})
