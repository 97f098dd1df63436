/** `npm run doctor` at real Mosquittos: as it comes, as we ship its settings, with TLS, with a short queue. It leaves nothing behind. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectAsync } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type MosquittoServer, startMosquitto } from '../../test/real/mosquitto-server.ts'
import { type Examination, examine } from './examine.ts'
import type { Report } from './finding.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const mac = '00-11-22-33-44-55'

describe('the doctor', () => {
  let folder: string
  let broker: MosquittoServer
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'doctor-real-'))
  })
  afterEach(async () => {
    await broker.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const startBroker = async (...lines: string[]): Promise<void> => {
    broker = await startMosquitto({ dir: join(folder, 'mosquitto'), lines })
  }
  const examined = (own: Partial<Examination> = {}, reach: Partial<Examination['reach']> = {}): Promise<Report> =>
    examine({
      reach: { url: broker.url, username: null, passwordFile: null, caFile: null, certFile: null, keyFile: null, ...reach },
      protocol: '5',
      queueMessages: 2_000,
      device: null,
      otherTopic: null,
      id: '0a1b2c3d',
      nowMs: Date.now,
      ...own,
    })

  it.each(['5', '3.1.1'] as const)('warns of the defaults of Mosquitto and leaves nothing there, MQTT %s', async (protocol) => {
    await startBroker('persistence false', 'max_queued_messages 1000', 'max_inflight_messages 20', 'sys_interval 1')
    const report = await examined({ protocol })
    expect(verdictsOf(report)).toEqual({
      way: 'ok',
      versions: 'ok',
      limits: 'ok',
      qos: 'ok',
      session: 'ok',
      queue: 'warning',
      redelivery: 'ok',
      retained: 'ok',
      shared: 'warning',
      'anonymous-speaks-as-another': 'bad',
      'anonymous-writes-requests': 'bad',
      'anonymous-hears-others': 'warning',
      'device-login': 'untested',
      durability: 'untested',
    })
    expect(report.product).toMatch(/^mosquitto version 2\./)
    expect(measuredOf(report, 'queue')).toBe(
      '2000 of 2000 acknowledged to their sender, 1000 came later, in order; the newest were dropped',
    )
    await expectNothingLeft(broker.url)
  })

  it('finds our own settings and ACL well, with a login of a device', async () => {
    const passwords = join(folder, 'passwords')
    for (const [index, [name, password]] of Object.entries([['recorder', 'r'] as const, [mac, 'd'] as const])) {
      execFileSync('mosquitto_passwd', ['-b', ...(index === '0' ? ['-c'] : []), passwords, name, password])
      writeFileSync(join(folder, `password-${name}`), `${password}\n`)
    }
    await startBroker(...shippedSettings(), `password_file ${passwords}`, `acl_file ${join(root, 'deploy/mosquitto/acl')}`)
    const device = { name: mac, passwordFile: join(folder, `password-${mac}`) }
    const login = { username: 'recorder', passwordFile: join(folder, 'password-recorder') }
    // Each queued message makes this Mosquitto write its whole database: more than its own default, but few.
    for (const [protocol, queueMessages] of [
      ['5', 1_100],
      ['3.1.1', 20],
    ] as const) {
      const report = await examined({ protocol, device, queueMessages }, login)
      expect(verdictsOf(report)).toEqual({
        way: 'ok',
        versions: 'ok',
        limits: 'ok',
        qos: 'ok',
        session: 'ok',
        queue: 'ok',
        redelivery: 'ok',
        retained: 'ok',
        shared: 'warning',
        'anonymous-login': 'ok',
        'device-speaks-as-another': 'ok',
        'device-writes-requests': 'ok',
        'device-hears-others': 'ok',
        durability: 'untested',
      })
      expect(measuredOf(report, 'device-speaks-as-another')).toBe('its own message arrived, the other did not')
    }
  })

  it('finds a device that may write below the MAC of another, where the topic is named', async () => {
    writeFileSync(
      join(folder, 'acl'),
      ['topic readwrite fleet-recorder/doctor/#', 'topic read #', `user ${mac}`, 'topic write dwr/#', ''].join('\n'),
    )
    await startBroker(`acl_file ${join(folder, 'acl')}`)
    const device = { name: mac, passwordFile: null }
    const named = await examined({ device, queueMessages: 1, otherTopic: 'dwr/311-a1/02-00-00-00-00-01/hardware/permission-probe' })
    expect(verdictsOf(named)).toMatchObject({ 'device-speaks-as-another': 'bad', 'device-hears-others': 'ok' })
  })

  it('names the right that its login lacks, and stops there', async () => {
    writeFileSync(join(folder, 'acl'), 'topic read #\n')
    await startBroker(`acl_file ${join(folder, 'acl')}`)
    const report = await examined()
    expect(verdictsOf(report)).toEqual({ way: 'ok', versions: 'ok', limits: 'ok', qos: 'bad', durability: 'untested' })
    expect(report.findings.find(({ id }) => id === 'qos')?.meaning).toContain('fleet-recorder/doctor/+/tasks/+/request')
  })

  it('goes by TLS, and says so when the certificate is not trusted', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const days = ['-days', '30', '-subj', '/CN=Depot', '-addext', 'subjectAltName=IP:127.0.0.1']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...days], { stdio: 'ignore' })
    await startBroker(`certfile ${cert}`, `keyfile ${key}`)
    const url = broker.url.replace('mqtt:', 'mqtts:')
    const report = await examined({ queueMessages: 1 }, { url, caFile: cert })
    expect(verdictsOf(report)).toMatchObject({ way: 'ok', qos: 'ok' })
    expect(measuredOf(report, 'way')).toMatch(/over mqtts, TLSv1\.3, .* certificate of Depot, valid for (29|30) more days$/)
    const distrusting = await examined({}, { url })
    expect(verdictsOf(distrusting)).toEqual({ versions: 'bad' })
    expect(measuredOf(distrusting, 'versions')).toContain('self-signed certificate')
  })

  it('is a command with text, JSON and an exit code', async () => {
    await startBroker('max_queued_messages 100')
    const text = await command('--mqtt', broker.url, '--queue', '300')
    expect(text.code).toBe(1)
    expect(text.output).toContain(
      'WARNING   Queue while the recorder is away\n          300 of 300 acknowledged to their sender, 100 came later, in order; the newest were dropped\n',
    )
    expect(text.output).toMatch(/\n\d+ ok, \d+ warnings, 2 bad, 2 untested\./)
    const json = await command('--mqtt', 'mqtt://127.0.0.1:1', '--json')
    expect(json.code).toBe(1)
    expect(verdictsOf(JSON.parse(json.output) as Report)).toEqual({ versions: 'bad' })
    expect((await command('--mqtt', 'http://127.0.0.1')).code).toBe(1)
  })
})

const verdictsOf = ({ findings }: Report): Record<string, string> => Object.fromEntries(findings.map(({ id, verdict }) => [id, verdict]))

const measuredOf = ({ findings }: Report, id: string): string | undefined => findings.find((finding) => finding.id === id)?.measured

/** The lines that do not name places of the container. */
const shippedSettings = (): string[] =>
  readFileSync(join(root, 'deploy/mosquitto/mosquitto.conf'), 'utf8')
    .split('\n')
    .filter((line) => /^(allow_anonymous|persistence |autosave|max_|persistent_)/.test(line))

const command = (...args: string[]): Promise<{ code: number; output: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'app/doctor-main.ts'), ...args], { cwd: root }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout })
    })
  })

/** No session, no retained message: `sys_interval 1` tells both every second. */
const expectNothingLeft = async (url: string): Promise<void> => {
  const client = await connectAsync(url, { clientId: 'looks', protocolVersion: 5 })
  const told = new Map<string, string>()
  const kept: string[] = []
  client.on('message', (topic, payload) => {
    if (topic.startsWith('$SYS/')) told.set(topic.replace('$SYS/broker/', ''), payload.toString())
    else kept.push(topic)
  })
  await client.subscribeAsync(['$SYS/broker/clients/#', 'fleet-recorder/#'])
  await vi.waitFor(() => expect([told.get('clients/disconnected'), told.get('clients/total'), kept]).toEqual(['0', '1', []]), {
    timeout: 10_000,
    interval: 50,
  })
  await client.endAsync()
}
