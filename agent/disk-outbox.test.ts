import { spawn } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDiskOutbox } from './disk-outbox.ts'
import { until } from './test-broker.ts'

const message = (n: number) => ({ topic: 'dwr/311-a1/02-00-00-00-00-01/hardware/loadavg', payload: `{"seq":${n}}`, retain: false })
const open = (folder: string, bytesMax = 1_000_000) => openDiskOutbox({ folder, bytesMax, fsyncAfterMs: 5000 })
const drain = (outbox: ReturnType<typeof open>): number[] => {
  const seqs: number[] = []
  for (let kept = outbox.next(); kept !== undefined; kept = outbox.next()) seqs.push((JSON.parse(kept.payload) as { seq: number }).seq)
  return seqs
}
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

describe('the outbox on disk', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'outbox-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('hands out in order what was appended, and again after a rewind, but not what was acknowledged', () => {
    const outbox = open(folder)
    for (const n of range(0, 5)) outbox.append(message(n))
    expect(drain(outbox)).toEqual([0, 1, 2, 3, 4])
    outbox.acknowledge(0)
    outbox.acknowledge(3)
    outbox.rewind()
    expect(drain(outbox)).toEqual([1, 2, 4])
    expect(outbox.counts()).toMatchObject({ waiting: 3, dropped: 0 })
    outbox.close()
  })

  it('goes on where the process before stopped: unacknowledged messages and the newest one are there', () => {
    const first = open(folder)
    for (const n of range(0, 10)) first.append(message(n))
    for (const position of range(0, 4)) first.acknowledge(position)
    first.close()
    const second = open(folder)
    expect(drain(second)).toEqual(range(4, 10))
    expect(second.last()).toEqual(message(9))
    second.close()
  })

  it('keeps the newest message when everything is acknowledged, and hands out only what comes after', () => {
    const first = open(folder)
    for (const n of range(0, 500)) {
      const position = first.append(message(n))
      if (position !== undefined) first.acknowledge(position)
    }
    first.close()
    const second = open(folder)
    expect(second.last()).toEqual(message(499))
    expect(drain(second)).toEqual([])
    second.append(message(500))
    expect(drain(second)).toEqual([500])
    second.close()
  })

  it('drops the oldest above its bound, counts them, and keeps the rest in order', () => {
    const bytesMax = 64 * 1024
    const outbox = open(folder, bytesMax)
    for (const n of range(0, 2000)) outbox.append(message(n))
    const onDisk = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    expect(onDisk).toBeLessThanOrEqual(bytesMax + 200) // The acknowledgement file beside it.
    const { waiting, dropped } = outbox.counts()
    expect(waiting + dropped).toBe(2000)
    expect(dropped).toBeGreaterThan(0)
    expect(drain(outbox)).toEqual(range(dropped, 2000))
    outbox.close()
    const again = open(folder, bytesMax)
    expect(again.counts().dropped).toBe(dropped)
    expect(drain(again)).toEqual(range(dropped, 2000))
    again.close()
  })

  it('an acknowledgement of a dropped message changes nothing', () => {
    const outbox = open(folder, 64 * 1024)
    for (const n of range(0, 2000)) outbox.append(message(n))
    const { waiting } = outbox.counts()
    outbox.acknowledge(0)
    expect(outbox.counts().waiting).toBe(waiting)
    outbox.close()
  })

  it('a torn last record is taken away, and what was said of it is forgotten', () => {
    const outbox = open(folder)
    for (const n of range(0, 3)) outbox.append(message(n))
    outbox.close()
    appendFileSync(join(folder, '0000000001.log'), Buffer.from([0, 0, 0, 50, 1, 2, 3, 4, 5]))
    const second = open(folder)
    expect(drain(second)).toEqual([0, 1, 2])
    second.append(message(3))
    second.close()
    const third = open(folder)
    expect(drain(third)).toEqual([0, 1, 2, 3])
    third.close()
  })

  it('equals a plain list under any order of appends, acknowledgements, rewinds and restarts', () => {
    const step = fc.oneof(
      fc.constant({ kind: 'append' as const }),
      fc.record({ kind: fc.constant('acknowledge' as const), pick: fc.nat(1000) }),
      fc.constant({ kind: 'rewind' as const }),
      fc.constant({ kind: 'restart' as const }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const own = mkdtempSync(join(folder, 'run-'))
        let outbox = open(own, 1_000_000)
        let waiting: { seq: number; position: number }[] = []
        let n = 0
        for (const { kind, ...rest } of steps) {
          if (kind === 'append') {
            const position = outbox.append(message(n))
            if (position !== undefined) waiting.push({ seq: n++, position })
          } else if (kind === 'acknowledge' && waiting.length > 0) {
            const [gone] = waiting.splice(('pick' in rest ? rest.pick : 0) % waiting.length, 1)
            outbox.acknowledge(gone?.position ?? -1)
          } else if (kind === 'rewind') {
            outbox.rewind()
          } else if (kind === 'restart') {
            outbox.close()
            outbox = open(own, 1_000_000)
            // Positions start anew; what was acknowledged behind the oldest unacknowledged one is not kept and comes again.
            const oldest = waiting[0]?.seq
            expect(drain(outbox)).toEqual(oldest === undefined ? [] : range(oldest, n))
            outbox.rewind()
            waiting = []
            for (let kept = outbox.next(); kept !== undefined; kept = outbox.next()) {
              waiting.push({ seq: (JSON.parse(kept.payload) as { seq: number }).seq, position: kept.position })
            }
          }
          outbox.rewind()
          expect(drain(outbox)).toEqual(waiting.map(({ seq }) => seq))
        }
        outbox.close()
      }),
      { numRuns: 100 },
    )
  })

  it('a process killed with -9 loses nothing that it had appended', async () => {
    const script = `
      import { openDiskOutbox } from ${JSON.stringify(join(import.meta.dirname, 'disk-outbox.ts'))}
      const outbox = openDiskOutbox({ folder: ${JSON.stringify(folder)}, bytesMax: 50_000_000, fsyncAfterMs: 5000 })
      for (let n = 0; ; n++) {
        const position = outbox.append({ topic: 't', payload: JSON.stringify({ seq: n }), retain: false })
        if (n % 3 === 0) outbox.acknowledge(n / 3)
        process.stdout.write(n + '\\n')
        if (n % 100 === 0) await new Promise(setImmediate)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (bytes: Buffer) => {
      said += bytes.toString()
    })
    await until('2,000 messages appended', () => said.split('\n').length > 2000)
    const exited = new Promise((resolve) => child.on('exit', resolve))
    child.kill('SIGKILL')
    await exited
    const lastSaid = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
    const outbox = open(folder, 50_000_000)
    const kept = drain(outbox)
    const last = (JSON.parse(outbox.last()?.payload ?? '{}') as { seq: number }).seq
    expect(last).toBeGreaterThanOrEqual(lastSaid)
    expect(kept).toEqual(range(kept[0] ?? 0, last + 1))
    expect(kept[0]).toBeLessThanOrEqual(Math.floor(last / 3) + 1) // Nothing unacknowledged is missing at the old end.
    expect(readFileSync(join(folder, 'acknowledged.json'), 'utf8')).toContain('segment')
    outbox.close()
  })
})
