/**
 * A cell that fails, from MQTT to the answer that a person reads: devices on three cells, those of one die without a word, the
 * program is killed with SIGKILL while they are away. One situation with its members and its reason, told to people once, though
 * each of its devices would notify alone; cleared when they are back, and that is told once too.
 * The shipped rules wait for minutes; here the same rules wait for seconds.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import mqtt, { type MqttClient } from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'
import { type Received, type Receiver, startReceiver } from './webhook-receiver.ts'

const project = resolve(import.meta.dirname, '..')
const perCell = 6
const cells = [0x10101, 0x20201, 0x30301]
const macOf = (n: number): string => `00-11-22-33-55-${n.toString(16).padStart(2, '0')}`
const cellOf = (n: number): number => cells[Math.floor(n / perCell)] ?? 0
const fleet = Array.from({ length: cells.length * perCell }, (_, n) => n)
const dead = fleet.filter((n) => cellOf(n) === cells[0])

let folder = ''
let recorder: Recorder
let receiver: Receiver
const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
const devices = new Map<number, MqttClient>()

/** The shipped files with shorter waits, as rules of one's own: same ids, so they take the place of the shipped ones. */
const quickRules = async (to: string): Promise<void> => {
  await mkdir(to)
  const change = async (file: string, changes: readonly [string, string][]): Promise<void> => {
    let text = await readFile(join(project, 'rules', file), 'utf8')
    for (const [from, into] of changes) {
      expect(text).toContain(from)
      text = text.replace(from, into)
    }
    await writeFile(join(to, file), text)
  }
  await change('presence.yaml', [
    ['willDelay: 120 s', 'willDelay: 2 s'],
    ['offDelay: 60 s', 'offDelay: 0 s'],
  ])
  await change('fleet.yaml', [['settleMs: 60000', 'settleMs: 1000']])
  await change('platform.yaml', [['warningLagMs: 60000', 'graceMs: 5000, warningLagMs: 60000']])
}

const connect = async (n: number): Promise<void> => {
  const mac = macOf(n)
  const sessionId = `${mac}-${String(Date.now())}`
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${String(recorder.ports.mqtt)}`, {
    clientId: mac,
    clean: true,
    reconnectPeriod: 0,
    keepalive: 30,
    will: {
      topic: `dwr/311-a1/${mac}/status`,
      payload: Buffer.from(JSON.stringify({ state: 'offline', sessionId })),
      qos: 1,
      retain: false,
    },
  })
  client.on('error', () => undefined)
  devices.set(n, client)
  await client.publishAsync(`dwr/311-a1/${mac}/status`, JSON.stringify({ state: 'online', sessionId }), { qos: 1 })
  await client.publishAsync(
    `dwr/311-a1/${mac}/hardware/lte`,
    JSON.stringify({ rat: 'LTE', plmn: '46692', tac: 7, cell: cellOf(n), rsrp: -91, sinr: 12 }),
    { qos: 1 },
  )
}
/** Without a DISCONNECT: the broker publishes the will. */
const die = (n: number): void => {
  devices.get(n)?.stream.destroy()
  devices.delete(n)
}

type Alarm = {
  id: string
  subject: string
  type: string
  active: boolean
  cause: string | null
  situation: { id: string; role: string } | null
  text: string
}
type Situation = {
  id: string
  group: string
  reason: string
  cause: string | null
  members: { total: number; active: number }
  root: Alarm
  items: Alarm[]
}

const ask = async <T>(path: string): Promise<T> => {
  const answer = await fetch(`http://127.0.0.1:${String(recorder.ports.http)}/api/v1/${path}`, {
    headers: { authorization: `Bearer ${recorder.adminToken}` },
  })
  expect(answer.status, path).toBe(200)
  return (await answer.json()) as T
}
const listed = async <T>(path: string): Promise<T[]> => (await ask<{ items: T[] }>(path)).items
/**
 * What people were told, without the heartbeat and the platform's own alarm of the restart. At least once: a kill between the
 * receiver's answer and the note of it repeats a message with its webhook-id.
 */
const told = (): Received[] => {
  const ofFaults = receiver.received.filter(
    ({ event }) => event.type.startsWith('io.fleet-recorder.alarm.') && !String(event.data['type']).startsWith('platform.'),
  )
  return ofFaults.filter(({ id }, at) => ofFaults.findIndex((other) => other.id === id) === at)
}
const until = (what: string, isTrue: () => Promise<boolean>): Promise<void> => waitFor(what, isTrue, 60_000, recorder.output)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'situations-'))
  await quickRules(join(folder, 'own-rules'))
  receiver = await startReceiver(secret)
  recorder = await createRecorder(join(folder, 'data'), undefined, {
    RULES_DIR: join(folder, 'own-rules'),
    DISK_FREE_BYTES_MIN: '0',
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: secret,
    WEBHOOK_NETWORKS: 'loopback',
    // A device's alarm waits for the verdict on its group: shipped 6 min, here longer than the group is waited for.
    SITUATION_SETTLE_MS: '12000',
    PUBLIC_URL: 'https://fleet.example',
  })
  await recorder.start()
  const imported = await fetch(`http://127.0.0.1:${String(recorder.ports.http)}/api/v1/import?kind=devices`, {
    method: 'POST',
    headers: { authorization: `Bearer ${recorder.adminToken}`, 'content-type': 'text/csv' },
    body: `device_id,class\n${fleet.map((n) => `${macOf(n)},business\n`).join('')}`,
  })
  expect(imported.status, await imported.text()).toBe(200)
})
afterAll(async () => {
  for (const client of devices.values()) client.end(true)
  await recorder.stop()
  await receiver.close()
  await rm(folder, { recursive: true, force: true })
})

describe('a cell that fails', () => {
  it('is one situation with its members, their cause and a reason', async () => {
    for (const n of fleet) await connect(n)
    await until('all are online', async () => (await listed('devices?presence=online&limit=100')).length === fleet.length)
    // The rules hold from their record on, and a will counts two seconds after the front door came.
    await until('some ticks have passed', async () => {
      const { completeThrough } = await ask<{ completeThrough: string | null }>('alarms')
      return completeThrough !== null && (await listed('situations')).length === 0
    })
    for (const n of dead) die(n)
    await until('a situation stands with all its members', async () => {
      const [one] = await listed<Situation>('situations')
      return one?.members.total === dead.length
    })
    const situations = await listed<Situation>('situations')
    expect(situations).toHaveLength(1)
    const { id = '', group, reason, cause } = situations[0] ?? {}
    expect([group, cause]).toEqual([`group/cell/46692-${String(cells[0])}`, 'cell-or-sim'])
    expect(reason).toBe(`6 of 6 devices of cell 46692-${String(cells[0])} went offline within 5 min (100 %); of all others 0 of 12 (0 %)`)
    const members = (await listed<Alarm>(`alarms?situation=${id}&type=presence.offline`)).sort((a, b) => (a.subject < b.subject ? -1 : 1))
    expect(members.map(({ subject, situation, cause: why }) => [subject, situation?.role, why])).toEqual(
      dead.map((n) => [macOf(n), 'symptom', 'cell-or-sim']),
    )
    const apart = (await listed<Alarm>('alarms?symptoms=false')).filter(({ type }) => !type.startsWith('platform.'))
    expect(apart.map(({ id: own, subject }) => [own, subject])).toEqual([[id, group]])
    const [lost] = await listed<{ presence: { state: string; cause: string | null } }>(`devices?q=${macOf(0)}`)
    expect([lost?.presence.state, lost?.presence.cause]).toEqual(['offline', 'cell-or-sim'])

    await until('people are told', async () => told().length > 0)
    const [page] = told()
    expect(page).toMatchObject({
      verified: true,
      event: {
        type: 'io.fleet-recorder.alarm.raise',
        data: { type: 'presence.group-outage', severity: 'critical', title: 'A group is offline', subject: group },
      },
    })
    expect(JSON.stringify(page?.event.data)).toContain(reason)
    const { explanation } = await ask<{ explanation: { words: string[] } }>(`alarms/${id}`)
    expect(explanation.words.slice(0, 1)).toEqual([`${reason}.`])
    const own = await ask<{ explanation: { words: string[] } }>(`alarms/${members[0]?.id ?? ''}`)
    expect(own.explanation.words.join(' ')).toContain(reason)
  })

  it('is the same situation after the program was killed, and is cleared when the devices are back', async () => {
    const before = await listed<Situation>('situations')
    await recorder.killProgram()
    for (const client of devices.values()) client.end(true)
    devices.clear()
    await recorder.start()
    for (const n of fleet) if (!dead.includes(n)) await connect(n)
    const after = await listed<Situation>('situations')
    expect(after.map(({ id, reason, members }) => ({ id, reason, members }))).toEqual(
      before.map(({ id, reason, members }) => ({ id, reason, members })),
    )

    for (const n of dead) await connect(n)
    await until('the situation is over', async () => (await listed('situations')).length === 0)
    const id = before[0]?.id ?? ''
    const one = await ask<Situation>(`situations/${id}`)
    expect([one.root.active, one.members, one.items.map(({ active }) => active)]).toEqual([
      false,
      { total: 6, active: 0, situations: 0 },
      dead.map(() => false),
    ])
    // Longer than a device's own alarm waits: had a member been told alone, it would have come.
    const notified = async () => listed<{ kind: string; status: string; subject: string; why: string | null }>('notifications?limit=100')
    await until('the end is told, and all that waited is decided', async () => {
      const items = await notified()
      return told().length >= 2 && items.every(({ status }) => status !== 'held' && status !== 'pending')
    })
    const ofMembers = (await notified()).filter(({ subject }) => dead.some((n) => macOf(n) === subject))
    expect(ofMembers).toHaveLength(dead.length)
    expect(ofMembers.filter(({ status }) => status !== 'quiet' && status !== 'transient')).toEqual([])
    expect(told().map(({ event }) => [event.type.split('.').at(-1), event.data['subject'], event.dedupkey])).toEqual([
      ['raise', before[0]?.group, told()[0]?.event.dedupkey],
      ['clear', before[0]?.group, told()[0]?.event.dedupkey],
    ])
    const stands = (await listed<Alarm>('alarms')).filter(({ type }) => type !== 'platform.ingest-lag')
    expect(stands).toEqual([])
  })
})
