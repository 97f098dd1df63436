/**
 * Alarms on their way to people: raised by MQTT, told to a receiver that verifies each signature, across kill -9 of the program
 * between raise and clear and while the receiver was away. Each arrives, in order, and a repeat has the same webhook-id.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRecorder, type Recorder, waitFor } from './ledger/recorder-process.ts'
import { type Received, type Receiver, startReceiver } from './webhook-receiver.ts'

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const second = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
const business = '00-11-22-33-44-01'
const home = '00-11-22-33-44-02'
const minuteMs = 60_000

let folder = ''
let receiver: Receiver
let recorder: Recorder
let atMs = Date.now() - 6 * 3_600_000

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'notifications-'))
  receiver = await startReceiver(secret)
  await mkdir(join(folder, 'rules'))
  await writeFile(
    join(folder, 'rules', 'own.yaml'),
    'overrides:\n  - { rule: wan.down, select: {}, set: { onDelay: 0 s, offDelay: 0 s } }\n',
  )
  recorder = await createRecorder(join(folder, 'data'), undefined, {
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: second,
    WEBHOOK_SECOND_SECRET: secret,
    WEBHOOK_NETWORKS: 'loopback',
    RULES_DIR: join(folder, 'rules'),
    SITUATION_SETTLE_MS: '0',
    WATCHDOG_EVERY_SECONDS: '2',
    PUBLIC_URL: 'https://fleet.example',
    DISK_FREE_BYTES_MIN: '0',
  })
  await recorder.start()
  const csv = `device_id,class,name\n${business},business,Shop 1\n${home},home,Flat 2\n`
  const imported = await fetch(`http://127.0.0.1:${String(recorder.ports.http)}/api/v1/import?kind=devices`, {
    method: 'POST',
    headers: { authorization: `Bearer ${recorder.adminToken}`, 'content-type': 'text/csv' },
    body: csv,
  })
  expect(imported.status, await imported.text()).toBe(200)
})
afterAll(async () => {
  await recorder.stop()
  await receiver.close()
  await rm(folder, { recursive: true, force: true })
})

const uplink = async (mac: string, up: boolean): Promise<void> => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${String(recorder.ports.mqtt)}`, { clean: true })
  atMs += minuteMs
  await client.publishAsync(`dwr/311-a1/${mac}/network/wan`, JSON.stringify({ ts: atMs, up }), { qos: 1 })
  await client.endAsync()
}

/** Those of devices: a start after a kill is an alarm of the platform, for a while. */
const alarms = (): Received[] =>
  receiver.received.filter(({ event }) => event.type.startsWith('io.fleet-recorder.alarm.') && event.data['type'] === 'wan.down')
const taken = (): Received[] => alarms().filter(({ answered }) => answered < 300)
const words = (all: readonly Received[]): string[] => all.map(({ event }) => event.type.split('.').at(-1) ?? '')
const until = (what: string, isTrue: () => Promise<boolean> | boolean): Promise<void> =>
  waitFor(
    what,
    async () => isTrue(),
    40_000,
    () =>
      `${JSON.stringify(receiver.received.filter(({ id }) => !id.startsWith('watchdog')).map(({ id, answered }) => [id, answered]))}\n${recorder.output()}`,
  )

type Item = {
  id: string
  alarmId: string
  kind: string
  status: string
  why: string | null
  attempts: number
  answer: string | null
  subject: string
}
const notifications = async (query = ''): Promise<Item[]> => {
  const answer = await fetch(`http://127.0.0.1:${String(recorder.ports.http)}/api/v1/notifications${query}`, {
    headers: { authorization: `Bearer ${recorder.adminToken}` },
  })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { items: Item[] }).items
}

describe('notifications', () => {
  it('the heartbeat comes while everything works', async () => {
    await until('a heartbeat', () => receiver.received.some(({ event }) => event.type === 'io.fleet-recorder.watchdog'))
    expect(receiver.received.every(({ verified }) => verified)).toBe(true)
  })

  it('a raise is told, signed by the second secret too, with what a person needs', async () => {
    await uplink(business, true)
    await uplink(business, false)
    await until('the raise', () => alarms().length === 1)
    const [raise] = alarms()
    expect(raise).toMatchObject({
      verified: true,
      event: {
        type: 'io.fleet-recorder.alarm.raise',
        subject: `dwr/311-a1/${business}`,
        data: { state: 'active', severity: 'major', type: 'wan.down', title: 'Uplink is down', deviceClass: 'business', subject: business },
      },
    })
    expect(raise?.event.data['dedupKey']).toBe(raise?.event.dedupkey)
    expect(raise?.event.data['link']).toContain('https://fleet.example/#alarm=')
  })

  it('kill -9 between raise and clear: the raise is not told again, the clear arrives', async () => {
    // Killed between the receiver's answer and the note of it, the raise would come again with the same webhook-id.
    await until('it is noted as sent', async () => (await notifications(`?subject=${business}`)).some(({ status }) => status === 'sent'))
    await recorder.killProgram()
    await recorder.start()
    await uplink(business, true)
    await until('the clear', () => words(alarms()).includes('clear'))
    expect(words(alarms())).toEqual(['raise', 'clear'])
    const [raise, clear] = alarms()
    expect(clear?.event.dedupkey).toBe(raise?.event.dedupkey)
    expect(clear?.id).not.toBe(raise?.id)
  })

  it('while the receiver fails it waits through a kill -9, and every try has the same webhook-id', async () => {
    receiver.answerWith(503)
    await uplink(business, false)
    await until('a first try', () => alarms().length >= 3)
    // Killed before its note, that try would not be counted.
    await until('it is noted', async () =>
      (await notifications(`?status=pending&subject=${business}`)).some(({ attempts }) => attempts > 0),
    )
    await recorder.killProgram()
    await recorder.start()
    await until('a second try', () => alarms().length >= 4)
    await uplink(business, true)
    receiver.answerWith(204)
    await until('raise and clear were taken', () => taken().length === 4)
    expect(words(taken())).toEqual(['raise', 'clear', 'raise', 'clear'])
    const raises = alarms().filter(({ event }, index) => index >= 2 && event.type.endsWith('raise'))
    expect(new Set(raises.map(({ id }) => id)).size).toBe(1)
    expect(raises.length).toBeGreaterThanOrEqual(3)
    expect(receiver.received.every(({ verified }) => verified)).toBe(true)
  })

  it('a home device never pages alone, and the API says why', async () => {
    await uplink(home, true)
    await uplink(home, false)
    await until('its row', async () => (await notifications(`?subject=${home}`)).length > 0)
    expect(await notifications(`?subject=${home}`)).toMatchObject([
      { kind: 'raise', status: 'silent', why: 'a home device alone never pages', subject: home },
    ])
    expect(alarms().some(({ event }) => event.data['subject'] === home)).toBe(false)
  })

  it('the API tells what was sent, when and how often', async () => {
    await until(
      'four rows',
      async () => (await notifications(`?subject=${business}`)).filter(({ status }) => status === 'sent').length === 4,
    )
    const items = await notifications(`?subject=${business}`)
    expect(items.map(({ id }) => id).sort()).toEqual([...new Set(taken().map(({ id }) => id))].sort())
    expect(items.every(({ answer }) => answer === '204 No Content')).toBe(true)
    expect(items.some(({ attempts }) => attempts >= 3)).toBe(true)
  })

  it('they are found by device in any writing, by alarm, by status and by time', async () => {
    const all = await notifications()
    const ofDevice = all.filter(({ subject }) => subject === business)
    expect(await notifications(`?subject=${business.replaceAll('-', ':').toUpperCase()}`)).toEqual(ofDevice)
    const [newest] = ofDevice
    const alarm = encodeURIComponent(newest?.alarmId ?? '')
    expect((await notifications(`?alarm=${alarm}`)).map(({ kind }) => kind).sort()).toEqual(['clear', 'raise'])
    expect((await notifications('?status=silent')).every(({ status }) => status === 'silent')).toBe(true)
    expect((await notifications(`?status=sent&subject=${business}`)).length).toBe(4)
    expect(await notifications('?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z')).toEqual([])
  })
})
