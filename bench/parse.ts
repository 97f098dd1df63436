/**
 * Messages a second through `parseMessage` on one core, usual payloads on 10,000 devices. Goal: 150,000/s for the 200-byte
 * JSON (ts, bootId, seq and five numbers). Run: `node bench/parse.ts`.
 */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { parseMessage } from '../ingest/domain/parse-message.ts'
import { createTopicMap } from '../ingest/domain/topic-map.ts'

const topicMap = createTopicMap(parseYaml(readFileSync(new URL('../topics.yaml', import.meta.url), 'utf8')))
if (!topicMap.ok) throw new Error(topicMap.reason)

const devices = 10_000
const messagesPerRun = 300_000
const envelope = '"ts":1767602403000,"bootId":"6f1c1b1e-9a5e-4f0e-8c0e-0a1b2c3d4e5f","seq":123456'
const carriers = '[{"role":"PCC","band":3,"bandwidthMHz":20,"pci":21,"rsrp":-97,"rsrq":-11,"sinr":8.6},{"role":"SCC","band":7,"rsrp":-101}]'
const payloads: readonly (readonly [metric: string, payload: string])[] = [
  ['hardware/memory', `{${envelope},"total":123060,"free":40596,"available":51200,"buffers":6144,"cached":19968,"unit":"kB"}`.padEnd(200)],
  ['hardware/fan', `{${envelope},"rpm":1200,"duty":40.5,"target":1250,"current":0.31,"voltage":11.97}`.padEnd(200)],
  ['hardware/loadavg', `{${envelope},"load1":0.34,"load5":0.28,"load15":0.19}`],
  ['hardware/loadavg', '0.34 0.28 0.19 1/78 2671\n'],
  [
    'hardware/lte',
    `{${envelope},"mode":"LTE","plmn":"00101","tac":51,"cell":48893707,"pci":21,"rsrp":-97,"rsrq":-11,"sinr":8.6,"carriers":${carriers}}`,
  ],
  [
    'network/interfaces',
    `{${envelope},"interfaces":{"wwan0":{"up":true,"rxBytes":123456789,"txBytes":23456789,"rxPackets":12345,"txPackets":2345}}}`,
  ],
  ['collectd/interface-wwan0/if_octets', '1767602403.014:10234.5:991.25\0'],
  ['modem/at', '+QENG: "servingcell","NOCONN","LTE","FDD",001,01,2F1A30B,217,1300,3,5,5,4E21,-101,-12,-70,9,22\r\n'],
  ['log/dmesg', `{${envelope},"uptime":8000.1,"line":"[ 7203.061902] Out of memory: Killed process 3120 (collector)"}`],
]

for (const [metric, payload] of payloads) {
  const bytes = Buffer.from(payload)
  const topics = Array.from({ length: devices }, (_, index) => {
    const mac = `02-00-00-00-${(index >> 8).toString(16).padStart(2, '0')}-${(index & 255).toString(16).padStart(2, '0')}`
    return metric.startsWith('collectd/') ? metric.replace('/', `/${mac}/`) : `dwr/311-a1/${mac}/${metric}`
  })
  const context = { topicMap: topicMap.value, receivedAtMs: 1767602403500, pseudonym: (text: string) => text }
  const run = (): number => {
    const startedAtMs = performance.now()
    for (let index = 0; index < messagesPerRun; index++) {
      // A topic string from a packet is new each time: its hash is not known yet.
      const topic = Buffer.from(topics[index % devices] ?? '').toString('latin1')
      if (parseMessage(topic, bytes, context).kind !== 'message') throw new Error(`${metric}: not read`)
    }
    return performance.now() - startedAtMs
  }
  run()
  const tookMs = Math.min(run(), run())
  const perSecond = Math.round((messagesPerRun / tookMs) * 1000)
  console.log(
    `${metric.padEnd(20)} ${String(bytes.length).padStart(4)} bytes ${String(perSecond).padStart(8)} messages/s ${((tookMs * 1000) / messagesPerRun).toFixed(2)} us`,
  )
}
