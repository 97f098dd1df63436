import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rightsOf as accessOf } from '../../ingest/domain/access.ts'
import { eventually, makePlace, type Place, type Running } from './broker-harness.ts'
import type { EmbeddedBrokerOptions } from './embedded-broker.ts'
import type { Principal } from './login.ts'
import { makeCertificate } from './test-certificates.ts'
import { formatUser, hashPassword } from './users-file.ts'
import { runUsersTool } from './users-main.ts'

let place: Place
beforeEach(() => {
  place = makePlace()
})
afterEach(() => place.clean())

/** Everybody only below its own name. */
const rightsOf = (principal: Principal | null) => {
  const mine = (topic: string): boolean => principal === null || topic.startsWith(`${principal.name}/`)
  return { mayPublish: mine, mayReceive: mine }
}
const secrets = { alice: 'wonderland', bob: 'builder' }
const hashes = { alice: await hashPassword(secrets.alice), bob: await hashPassword(secrets.bob) }
const lineOf = (name: 'alice' | 'bob'): string => `${formatUser({ name, hash: hashes[name], role: null, prefix: null })}\n`
/** As editors and `mqtt-user` do it: a new file takes the old one's name. */
const replaceFile = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}
const startWithUsers = async (own: Partial<EmbeddedBrokerOptions> = {}): Promise<Running & { usersFile: string }> => {
  const usersFile = join(place.dataDir, 'users')
  writeFileSync(usersFile, lineOf('alice') + lineOf('bob'))
  return { ...(await place.start({ usersFile, rightsOf, ...own })), usersFile }
}
const as = (username: 'alice' | 'bob', password = secrets[username]) => ({ username, password, reconnectPeriod: 0 })

describe('logins', () => {
  it('let in who has the right password, and say no to all others', async () => {
    const { client, broker } = await startWithUsers()
    await client(as('alice'))
    await expect(client(as('alice', 'wrong'))).rejects.toMatchObject({ code: 4 })
    await expect(client({ username: 'carol', password: 'x', reconnectPeriod: 0 })).rejects.toMatchObject({ code: 4 })
    await expect(client({ reconnectPeriod: 0 })).rejects.toMatchObject({ code: 5 })
    await expect(client({ ...as('alice', 'wrong'), protocolVersion: 5 })).rejects.toMatchObject({ code: 0x86 })
    expect(broker.stats().refused).toMatchObject({ loginWrong: 3, loginMissing: 1 })
    expect(broker.health().connections).toBe(1)
  })

  it('follow the users file when it is replaced, and keep the old ones when the new file is none', async () => {
    const problems: Error[] = []
    const { client, usersFile } = await startWithUsers({ onProblem: (error) => problems.push(error) })
    replaceFile(usersFile, lineOf('bob'))
    await eventually(() => expect(client(as('alice'))).rejects.toMatchObject({ code: 4 }), { interval: 100 })
    await client(as('bob'))
    replaceFile(usersFile, 'bob builder\n')
    await eventually(() => expect(problems).toMatchObject([{ code: 'USERS_FILE_INVALID' }]), {})
    await client(as('bob'))
  })

  it('with a broken users file at start are an error that names file and line', async () => {
    const usersFile = join(place.dataDir, 'users')
    writeFileSync(usersFile, 'alice wonderland\n')
    const started = place.start({ usersFile })
    await expect(started).rejects.toMatchObject({ code: 'USERS_FILE_INVALID' })
    await expect(started).rejects.toThrow(/users: line 1: expected scrypt\$/)
  })
})

describe('rights', () => {
  it('close an MQTT 3 client that publishes elsewhere, and tell an MQTT 5 client', async () => {
    const { client, broker, messages } = await startWithUsers()
    const old = await client(as('alice'))
    const closed = new Promise<void>((resolve) => old.once('close', () => resolve()))
    old.publish('bob/x', 'spoof', { qos: 1 })
    await closed
    const current = await client({ ...as('alice'), protocolVersion: 5 })
    await expect(current.publishAsync('bob/x', 'spoof', { qos: 1 })).rejects.toMatchObject({ code: 0x87 })
    await current.publishAsync('alice/x', 'mine', { qos: 1 })
    expect(messages.map((m) => m.topic)).toEqual(['alice/x'])
    expect(broker.stats().refused['topicForbidden']).toBe(2)
  })

  it('grant a wide subscription and forward only what the login may see, live and retained', async () => {
    const { client } = await startWithUsers()
    const [alice, bob] = [await client(as('alice')), await client(as('bob'))]
    await bob.publishAsync('bob/kept', 'secret', { qos: 1, retain: true })
    await alice.publishAsync('alice/kept', 'own', { qos: 1, retain: true })
    const got: string[] = []
    alice.on('message', (topic) => got.push(topic))
    const [granted] = await alice.subscribeAsync('#', { qos: 1 })
    expect(granted?.qos).toBe(1)
    await bob.publishAsync('bob/live', 'secret', { qos: 1 })
    await alice.publishAsync('alice/live', 'own', { qos: 1 })
    await eventually(() => expect(got.sort()).toEqual(['alice/kept', 'alice/live']))
  })

  it('hold for wills', async () => {
    const { client, broker, messages } = await startWithUsers()
    const alice = await client({ ...as('alice'), will: { topic: 'bob/x', payload: Buffer.from('spoof'), qos: 1, retain: true } })
    alice.stream.destroy()
    await eventually(() => expect(broker.stats().refused['topicForbidden']).toBe(1))
    expect(messages).toEqual([])
    expect(broker.stats().store['retainedMessages']).toBe(0)
  })

  it('let a Teltonika and a collectd publish their own families and nothing else, by the lines that mqtt-user writes', async () => {
    const usersFile = join(place.dataDir, 'users')
    const add = (...args: string[]): Promise<string> => runUsersTool(['--file', usersFile, 'add', ...args], async () => secrets.alice)
    await add('0000000007', '--role', 'publisher', '--prefix', 'router/%i')
    await add('02-00-00-00-00-70', '--prefix', 'collectd/%i,collectd/depot-07')
    const { client, messages, broker } = await place.start({ usersFile, rightsOf: accessOf })
    const login = (username: string) => ({ username, password: secrets.alice, protocolVersion: 5 as const, reconnectPeriod: 0 })
    const teltonika = await client(login('0000000007'))
    const router = await client(login('02-00-00-00-00-70'))
    await teltonika.publishAsync('router/0000000007/temperature', '420', { qos: 1 })
    await router.publishAsync('collectd/depot-07/load/load', '1:2', { qos: 1 })
    await router.publishAsync('collectd/02-00-00-00-00-70/load/load', '1:2', { qos: 1 })
    await router.publishAsync('rut/955/02-00-00-00-00-70/hardware/loadavg', '{"load1":1}', { qos: 1 })
    await expect(teltonika.publishAsync('router/0000000008/temperature', '420', { qos: 1 })).rejects.toMatchObject({ code: 0x87 })
    await expect(router.publishAsync('router/0000000007/temperature', '420', { qos: 1 })).rejects.toMatchObject({ code: 0x87 })
    expect(messages.map((m) => m.topic)).toEqual([
      'router/0000000007/temperature',
      'collectd/depot-07/load/load',
      'collectd/02-00-00-00-00-70/load/load',
      'rut/955/02-00-00-00-00-70/hardware/loadavg',
    ])
    expect(broker.stats().refused['topicForbidden']).toBe(2)
  })

  it('refuse $SYS to everybody', async () => {
    const { client, broker } = await place.start()
    const anybody = await client({ reconnectPeriod: 0 })
    const [granted] = await anybody.subscribeAsync('$SYS/#').catch(() => [{ qos: 128 }])
    expect(granted?.qos).toBe(128)
    const closed = new Promise<void>((resolve) => anybody.once('close', () => resolve()))
    anybody.publish('$SYS/x', '1')
    await closed
    expect(broker.stats().refused).toMatchObject({ subscriptionForbidden: 1, topicForbidden: 1 })
  })
})

describe('a client id', () => {
  it('that another login holds is refused, connected or away', async () => {
    const { client, broker } = await startWithUsers()
    const alice = await client({ ...as('alice'), clientId: 'router', clean: false })
    await alice.subscribeAsync('alice/#', { qos: 1 })
    await expect(client({ ...as('bob'), clientId: 'router' })).rejects.toMatchObject({ code: 5 })
    expect(alice.connected).toBe(true)
    await alice.endAsync()
    await eventually(() => expect(broker.health().connections).toBe(0))
    await expect(client({ ...as('bob'), clientId: 'router', clean: false })).rejects.toMatchObject({ code: 5 })
    expect(broker.stats().refused['clientIdOfAnother']).toBe(2)
  })

  it('is taken over by a newer connection of the same login', async () => {
    const { client, broker } = await startWithUsers()
    const first = await client({ ...as('alice'), clientId: 'router', clean: false })
    const closed = new Promise<void>((resolve) => first.once('close', () => resolve()))
    const second = await client({ ...as('alice'), clientId: 'router', clean: false })
    await closed
    await second.publishAsync('alice/x', '1', { qos: 1 })
    await eventually(() => expect(broker.health().connections).toBe(1))
    expect(broker.stats().store['sessions']).toBe(1)
  })
})

describe('listeners off loopback', () => {
  const any = { host: '0.0.0.0', port: 0 }
  it('are refused without logins', async () => {
    for (const listen of [
      { tcp: any, webSocket: null, tls: null },
      { tcp: null, webSocket: any, tls: null },
    ]) {
      await expect(place.start({ listen })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })

  it('are refused for MQTTS unless certificates are required', async () => {
    const files = { certFile: 'c', keyFile: 'k', caFile: 'a' }
    const listen = { tcp: null, webSocket: null, tls: { ...any, ...files, clientCertificates: 'optional' as const } }
    await expect(place.start({ listen })).rejects.toThrow(/MQTTS_CLIENT_CERT=required beside MQTTS_LISTEN/)
  })

  it('start with a users file', async () => {
    const usersFile = join(place.dataDir, 'users')
    writeFileSync(usersFile, lineOf('alice'))
    const { broker } = await place.start({ usersFile, listen: { tcp: any, webSocket: null, tls: null } })
    expect(broker.health().connected).toBe(true)
  })
})

describe('MQTTS', () => {
  const ca = makeCertificate('test CA')
  const server = makeCertificate('localhost', ca)
  const paths = () => ({ certFile: join(place.dataDir, 'cert'), keyFile: join(place.dataDir, 'key'), caFile: join(place.dataDir, 'ca') })
  const startTls = async (clientCertificates: 'none' | 'optional' | 'required', own: Partial<EmbeddedBrokerOptions> = {}) => {
    const files = paths()
    writeFileSync(files.certFile, server.certPem)
    writeFileSync(files.keyFile, server.keyPem)
    writeFileSync(files.caFile, ca.certPem)
    const tls = { host: '127.0.0.1', port: 0, ...files, clientCertificates }
    const running = await place.start({ rightsOf, listen: { tcp: null, webSocket: null, tls }, ...own })
    return { ...running, files, url: `mqtts://localhost:${running.broker.addresses.tls?.port}` }
  }
  const trusting = { ca: ca.certPem, reconnectPeriod: 0 }

  it('takes messages, and names the client by its certificate', async () => {
    const { url, client, messages, broker } = await startTls('required')
    const alice = makeCertificate('alice', ca)
    const device = await client({ ...trusting, cert: alice.certPem, key: alice.keyPem, protocolVersion: 5 }, url)
    await device.publishAsync('alice/x', '1', { qos: 1 })
    await expect(device.publishAsync('bob/x', '1', { qos: 1 })).rejects.toMatchObject({ code: 0x87 })
    expect(messages.map((m) => m.topic)).toEqual(['alice/x'])
    expect(broker.stats().tlsNotAfterMs).toBeGreaterThan(Date.now())
  })

  it('refuses who has no certificate of the CA where one is required', async () => {
    const { url } = await startTls('required')
    const stranger = makeCertificate('alice', makeCertificate('another CA'))
    for (const own of [{}, { cert: stranger.certPem, key: stranger.keyPem }]) {
      await expect(connectAsync(url, { ...trusting, ...own }, false)).rejects.toThrow()
    }
  })

  it('refuses a user name beside a certificate of another name', async () => {
    const { url, client, broker } = await startTls('optional')
    const alice = makeCertificate('alice', ca)
    const own = { ...trusting, cert: alice.certPem, key: alice.keyPem }
    await expect(client({ ...own, username: 'bob', password: 'x' }, url)).rejects.toMatchObject({ code: 4 })
    expect(broker.stats().refused['loginMismatch']).toBe(1)
    await client({ ...own, username: 'alice' }, url)
  })

  it('takes replaced files for new connections, and goes on with the old ones while the new ones do not fit', async () => {
    const problems: Error[] = []
    const { url, client, files, broker } = await startTls('none', { onProblem: (error) => problems.push(error) })
    const before = broker.stats().tlsNotAfterMs
    const otherCa = makeCertificate('second CA')
    const renewed = makeCertificate('localhost', otherCa)
    replaceFile(files.certFile, renewed.certPem) // Without its key.
    await eventually(() => expect(problems).toMatchObject([{ code: 'TLS_FILES_INVALID' }]), {})
    await client(trusting, url)
    replaceFile(files.keyFile, renewed.keyPem)
    await eventually(() => client({ ...trusting, ca: otherCa.certPem }, url), { interval: 100 })
    await expect(client(trusting, url)).rejects.toThrow()
    expect(broker.stats().tlsNotAfterMs).toBeGreaterThanOrEqual(before ?? 0)
  })

  it('does not start with files that are none or do not belong together', async () => {
    const files = paths()
    const tls = { host: '127.0.0.1', port: 0, ...files, caFile: null, clientCertificates: 'none' as const }
    const start = () => place.start({ listen: { tcp: null, webSocket: null, tls } })
    await expect(start()).rejects.toMatchObject({ code: 'TLS_FILES_INVALID' })
    writeFileSync(files.certFile, server.certPem)
    writeFileSync(files.keyFile, makeCertificate('x').keyPem)
    await expect(start()).rejects.toThrow(/got the key of another one/)
  })
})
