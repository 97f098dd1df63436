/** `network/probe`: loss and round trips to a target; one result, an array of them, or `probes`. Loss as `lossRatio` 0..1 or `loss` percent. */
import { attributesOf, mergeAttributes } from '../attributes.ts'
import { addMeasurement, addUnknown, type Draft, isReading, refuse } from '../draft.ts'
import { type FieldReader, fieldTable, ignoreField, measure, readObject } from '../fields.ts'
import type { Profile } from '../profile.ts'
import { isObject, toWord } from '../values.ts'
import { scalarOf } from './scalar.ts'
import { shown } from '../shown.ts'

const rtt = fieldTable({
  min: measure('network.probe.rtt.min'),
  'avg average mean value': measure('network.probe.rtt.avg'),
  'p95 percentile95': measure('network.probe.rtt.p95'),
  max: measure('network.probe.rtt.max'),
  'jitter mdev stddev': measure('network.probe.jitter'),
})

const readRtt: FieldReader = (draft, value, key) => {
  if (isObject(value)) readObject(draft, rtt, value)
  else addMeasurement(draft, 'network.probe.rtt.avg', '', value, 1, key)
}

const fields = fieldTable({
  'target host destination dst': ignoreField,
  lossratio: measure('network.probe.loss'),
  'loss losspercent packetloss losspct': measure('network.probe.loss', '', 0.01),
  'rttms rtt latency latencyms value': readRtt,
  'rttmin rttminms min': measure('network.probe.rtt.min'),
  'rttavg rttavgms avg': measure('network.probe.rtt.avg'),
  'rttp95 rttp95ms p95': measure('network.probe.rtt.p95'),
  'rttmax rttmaxms max': measure('network.probe.rtt.max'),
  'jitter jitterms mdev': measure('network.probe.jitter'),
  'sent transmitted': measure('network.probe.sent'),
  'received recv': measure('network.probe.received'),
})

const readProbe = (draft: Draft, value: Record<string, unknown>): void => {
  const outer = draft.attributes
  const target = toWord(value['target'] ?? value['host'] ?? value['destination'])
  if (target) draft.attributes = mergeAttributes(outer, attributesOf({ 'network.probe.target': target.slice(0, 200) }))
  readObject(draft, fields, value)
  draft.attributes = outer
}

export const probe: Profile = {
  json: (draft, value) => {
    const list = Array.isArray(value) ? value : isObject(value) && Array.isArray(value['probes']) ? value['probes'] : [value]
    if (isObject(value) && list !== value['probes']) {
      readProbe(draft, value)
      return
    }
    if (isObject(value)) for (const key in value) if (key !== 'probes') fields.readerOf(key)(draft, value[key], key)
    for (const [index, item] of list.entries()) {
      if (!isObject(item)) addUnknown(draft, `${draft.route.prefix}.${index}`, item)
      else readProbe(draft, item)
    }
  },
  text: (draft, text) => {
    const value = scalarOf(text)
    if (!isReading('network.probe.rtt.avg', value)) {
      refuse(draft, 'PAYLOAD_SHAPE', `expected JSON or a round trip in ms, got "${shown(text)}"`)
      return
    }
    addMeasurement(draft, 'network.probe.rtt.avg', '', value)
  },
}
