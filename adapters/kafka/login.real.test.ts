/** Logins and TLS at a real Kafka: what the settings say is what the brokers ask for, with both clients. */
import { readFileSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kafkaVersion } from '../../test/real/kafka-server.ts'
import { mavenJars, run } from '../../test/real/maven-jars.ts'
import type { KafkaSettings } from './client-settings.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

const password = 'fleet-password-1'
const certificates = mkdtempSync(join(tmpdir(), 'kafka-certificates-'))

/** A server certificate of its own authority, as Kafka reads PEM: key and chain in one file. */
const makeCertificates = (): { ca: string; keystore: string } => {
  const at = (name: string): string => join(certificates, name)
  run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  ])
  run('openssl', ['req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=127.0.0.1', '-keyout', at('server.key'), '-out', at('server.csr')])
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost')
  run('openssl', [
    'x509',
    '-req',
    '-days',
    '2',
    '-in',
    at('server.csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-extfile',
    at('names'),
    '-out',
    at('server.pem'),
  ])
  writeFileSync(at('keystore.pem'), readFileSync(at('server.key'), 'utf8') + readFileSync(at('server.pem'), 'utf8'))
  return { ca: readFileSync(at('ca.pem'), 'utf8'), keystore: at('keystore.pem') }
}

describe('a login at the brokers', () => {
  let kafka: TemporaryKafka
  let ca: string
  let port: number
  beforeAll(async () => {
    const made = makeCertificates()
    ca = made.ca
    port = 20_000 + Math.floor(Math.random() * 9_000)
    kafka = await startTemporaryKafka({
      // The plain listener stays for the broker itself; the clients come by SASL over TLS.
      extraListener: { name: 'SASL_SSL', port },
      properties: {
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': made.keystore,
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_fleet="${password}";`,
        'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
        'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': 'org.apache.kafka.common.security.scram.ScramLoginModule required;',
      },
    })
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512']) {
      run('java', [
        '-cp',
        mavenJars('kafka.pom.xml', kafkaVersion),
        'kafka.admin.ConfigCommand',
        '--bootstrap-server',
        kafka.server.brokers,
        '--alter',
        '--add-config',
        `${mechanism}=[password=${password}]`,
        '--entity-type',
        'users',
        '--entity-name',
        'fleet',
      ])
    }
  })
  afterAll(async () => {
    await kafka.remove()
    rmSync(certificates, { recursive: true })
  })

  const settingsOf = (mechanism: NonNullable<KafkaSettings['sasl']>['mechanism'], given = password): KafkaSettings => ({
    ...kafka.settings(),
    brokers: [`127.0.0.1:${port}`],
    tls: { ca },
    sasl: { mechanism, username: 'fleet', password: given },
  })

  for (const client of ['kafkajs', 'platformatic'] as const) {
    for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
      it(`by ${mechanism} over TLS lets ${client} append, consume and commit`, async () => {
        const log = await openTestLog(settingsOf(mechanism), { client })
        await log.append('device-events', [{ partition: 0, key: 'k', value: Buffer.from('x') }])
        const seen: string[] = []
        await log.consume({
          group: 'g',
          topics: ['device-events'],
          startAt: async () => ({ next: 0, repeatTo: null }),
          onBatch: async ({ records }) => void seen.push(...records.map(({ value }) => Buffer.from(value).toString())),
          batchRecordsMax: 10,
          batchBytesMax: 1e6,
          batchAfterMs: 0,
          onError: () => undefined,
        })
        await log.assignmentOf('g')?.commit('device-events', 0, { next: 1, pendingTo: null })
        await expect.poll(() => seen).toEqual(['x'])
        await log.close()
      })
    }
  }

  it('with another password is refused and says so', async () => {
    await expect(openTestLog(settingsOf('scram-sha-256', 'wrong'))).rejects.toThrow(/authenticat/i)
  })

  it('is refused when the certificate is not of the authority that was named', async () => {
    const other = settingsOf('plain')
    await expect(openTestLog({ ...other, tls: {} })).rejects.toThrow(/certificate|self-signed|verify/i)
  })
})
