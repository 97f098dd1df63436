import avsc from 'avsc'
import { describe, expect, it } from 'vitest'
import { schemaFingerprints } from '../../schemas/fingerprints.ts'
import { type SchemaName, schemaIds } from '../../schemas/topics.ts'
import { readSchema } from './frame-codec.ts'

/** CRC-64-AVRO of the parsing canonical form (Avro 1.12, "Schema Fingerprints"). */
const fingerprint = (text: string): string => {
  const empty = 0xc15d213aa4d7a795n
  let crc = empty
  for (const byte of Buffer.from(text)) {
    let row = (crc ^ BigInt(byte)) & 0xffn
    for (let bit = 0; bit < 8; bit++) row = row & 1n ? (row >> 1n) ^ empty : row >> 1n
    crc = (crc >> 8n) ^ row
  }
  return crc.toString(16).padStart(16, '0')
}

const canonical = (name: SchemaName): string => JSON.stringify(avsc.Type.forSchema(readSchema(name) as avsc.Schema).schema())

describe('schema fingerprints', () => {
  it('are those of the specification for its own examples', () => {
    expect([fingerprint('"null"'), fingerprint('"int"')]).toEqual(['63dd24e7cc258f8a', '7275d51a3f395c8f'])
  })

  it('are fixed: a change of a schema must be meant, and old frames stay readable', () => {
    const names = Object.keys(schemaIds) as SchemaName[]
    expect(Object.fromEntries(names.map((name) => [name, fingerprint(canonical(name))]))).toEqual(schemaFingerprints)
  })
})
