import { expect, it } from 'vitest'
import { loadConfig } from '../runtime/config.ts'
import { loadEmbeddedLogConfig } from './embedded-log-only.ts'

it('a tool of the embedded log refuses beside a log in Kafka', () => {
  const load = (environment: Record<string, string>) => () => loadConfig(() => '', environment)
  expect(() => loadEmbeddedLogConfig('npm run erase', load({ KAFKA_BROKERS: 'a:9092' }))).toThrow(
    /npm run erase works on the embedded log only/,
  )
  expect(loadEmbeddedLogConfig('npm run erase', load({})).KAFKA_BROKERS).toBe('')
})
