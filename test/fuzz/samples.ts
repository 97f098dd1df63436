/** Inputs to start from, all written by us: the examples of the protocol page and topics of each family. */
import { readFileSync } from 'node:fs'

export type Sample = { topic: string; payload: string }

const page = readFileSync(new URL('../../docs/reference/device-protocol.md', import.meta.url), 'utf8')

/** Every example of docs/reference/device-protocol.md, as `test/device-protocol.test.ts` reads them. */
export const samples: readonly Sample[] = [...page.matchAll(/```message\n([\s\S]*?)```/g)].map(([, body = '']) => {
  const [topic = '', ...rest] = body.split(/\n(?==>)|\n$/, 1)[0]?.split('\n') ?? []
  return { topic, payload: rest.join('\n') }
})

export const deviceRoot = 'dwr/311-a1/00-11-22-33-44-55'
export const sampleTopics: readonly string[] = [...new Set(samples.map(({ topic }) => topic))].concat([
  `${deviceRoot}/status`,
  `${deviceRoot}/tasks/0190f5c2/event`,
  `${deviceRoot}/tasks/0190f5c2/request`,
  `${deviceRoot}/batch/deflate`,
  `${deviceRoot}/log/syslog`,
  `${deviceRoot}/system/dmesg`,
  'world/asia/taiwan/taipei/neihu/temperature',
  'germany/bavaria/nuremberg/90402/12a/hall/door',
  'collectd/depot-07/load/load',
  'router/0000000007/signal',
  'shellyplus1pm-a8032abcdef0/status/switch:0',
])

if (samples.length < 20) throw new Error(`Expected the examples of docs/reference/device-protocol.md, got ${samples.length}`)
