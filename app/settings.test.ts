import { expect, it } from 'vitest'
import { brokerLimits } from '../adapters/mqtt/limits.ts'
import { configSchema } from '../runtime/config.ts'

it("each of the broker's limits is a setting, with the same default", () => {
  const settings = configSchema.properties as unknown as Record<string, { default?: unknown }>
  const limits = Object.values(brokerLimits).map(({ env, default: value }) => [env, value])
  expect(limits).toEqual(Object.values(brokerLimits).map(({ env }) => [env, settings[env]?.default]))
})
