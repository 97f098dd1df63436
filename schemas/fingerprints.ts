/**
 * CRC-64-AVRO of each schema's parsing canonical form. Fixed here so that no schema changes unnoticed: who means the change
 * (new fields with defaults only) writes the new one down beside it.
 */
export const schemaFingerprints = {
  'device-event': 'e6c0dea0c43a7bf6',
  'dead-letter': '2fd8a4a51fa2ad35',
  'alarm-event': 'dbeff905ecd79a36',
  'fleet-signal': 'ab6ae56356d88061',
} as const
