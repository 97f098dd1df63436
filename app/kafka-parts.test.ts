import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../runtime/config.ts'
import { checkKafkaFiles, kafkaSettings } from './kafka-parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const configOf = (environment: Record<string, string>) => loadConfig(() => '', { KAFKA_BROKERS: 'a:9092,b:9093', ...environment })

describe('the settings of Kafka', () => {
  it('are brokers and a prefix, without login and TLS unless they are named', () => {
    expect(kafkaSettings(configOf({ KAFKA_TOPIC_PREFIX: 'north-' }))).toEqual({
      brokers: ['a:9092', 'b:9093'],
      prefix: 'north-',
      tls: null,
      sasl: null,
    })
  })

  it('take secrets from their files, without the newline that editors leave', () => {
    const config = configOf({
      KAFKA_TLS: 'on',
      KAFKA_TLS_CA_FILE: file('ca', 'CA\n'),
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'fleet',
      KAFKA_SASL_PASSWORD_FILE: file('password', 'secret\n'),
    })
    expect(kafkaSettings(config)).toMatchObject({
      tls: { ca: 'CA\n' },
      sasl: { mechanism: 'scram-sha-512', username: 'fleet', password: 'secret' },
    })
  })

  it('are refused when they name half of a login or a file that is not there', () => {
    expect(() => configOf({ KAFKA_SASL_MECHANISM: 'plain' })).toThrow(/KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE/)
    expect(() => configOf({ KAFKA_TLS_CERT_FILE: 'x' })).toThrow(/both or none/)
    expect(() => configOf({ KAFKA_BROKERS: 'a' })).toThrow(/host:port/)
    expect(() => kafkaSettings(configOf({ KAFKA_TLS: 'on', KAFKA_TLS_CA_FILE: join(folder, 'none') }))).toThrow(/KAFKA_TLS_CA_FILE/)
  })

  it('take a master key of 32 bytes in hex or base64, and no other', () => {
    const key = Buffer.alloc(32, 7)
    for (const text of [key.toString('hex'), `${key.toString('base64')}\n`])
      checkKafkaFiles(configOf({ KAFKA_MASTER_KEY_FILE: file('key', text) }))
    expect(() => checkKafkaFiles(configOf({ KAFKA_MASTER_KEY_FILE: file('key', key.toString('hex').slice(2)) }))).toThrow(
      /expected 32 bytes/,
    )
  })
})
