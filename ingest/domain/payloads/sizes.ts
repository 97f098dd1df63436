/** Sizes in bytes: a key may name its unit (`totalBytes`, `total_kb`), else the payload's unit holds. kB is 1024 bytes, as /proc means it. */
import type { MetricName } from '../../../model/measurement-catalogue.ts'
import { addMeasurement } from '../draft.ts'
import type { FieldReader } from '../fields.ts'

const factors = {
  b: 1,
  byte: 1,
  bytes: 1,
  by: 1,
  k: 1024,
  kb: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mb: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gb: 1024 ** 3,
  gib: 1024 ** 3,
}

/** Undefined for an unknown unit. */
export const unitFactor = (unit: unknown): number | undefined => {
  const key = typeof unit === 'string' ? unit.trim().toLowerCase() : ''
  return Object.hasOwn(factors, key) ? factors[key as keyof typeof factors] : undefined
}

/** Readers for `total`, `totalBytes`, `total_kb`, ... of each spelling. */
export const sized = (spellings: string, metric: MetricName, attributes: () => string): Record<string, FieldReader> => {
  const readers: Record<string, FieldReader> = {
    [spellings]: (draft, value, key) => addMeasurement(draft, metric, attributes(), value, draft.unitScale, key),
  }
  for (const [suffix, factor] of Object.entries(factors)) {
    if (suffix.length < 2) continue
    const suffixed = spellings
      .split(' ')
      .map((spelling) => spelling + suffix)
      .join(' ')
    readers[suffixed] = (draft, value, key) => addMeasurement(draft, metric, attributes(), value, factor, key)
  }
  return readers
}
