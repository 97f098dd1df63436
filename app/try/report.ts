/** What listening in on a broker has shown, in words. Pure: the facts come from the recorder's own API. */
import { parseMac } from '../../ingest/domain/mac.ts'
import { mappingLine } from './mapping-line.ts'

export type TryFacts = {
  broker: string
  connected: boolean
  seconds: number
  granted: readonly { filter: string; qos: 0 | 1 | 2 | null }[]
  problems: readonly string[]
  received: { qos0: number; qos1: number; qos2: number; storedCopies: number; redelivered: number }
  devices: {
    count: number
    unregistered: number | null
    first: readonly { id: string; model: string | null; name: string | null; messages: number }[]
  }
  places: number
  /** Dead letters by shape and reason, most first. */
  notUnderstood: readonly { shape: string; reason: string; count: number; example: string; detail: string }[]
  provableShare: number | null
  clocks: {
    wrong: number
    known: number
    first: readonly { id: string; words: string }[]
    behind: readonly { id: string; behindMs: number }[]
  }
}

const shownMax = 10

export const tryReport = (facts: TryFacts): string => {
  const { received } = facts
  const total = received.qos0 + received.qos1 + received.qos2
  return [
    `Listening in on ${facts.broker}, ${facts.seconds} s`,
    '',
    ...section('Subscription', subscriptionLines(facts)),
    ...section('Messages', [
      `${total} in ${facts.seconds} s, ${rate(total, facts.seconds)} a second: QoS 0 ${received.qos0}, QoS 1 ${received.qos1}, QoS 2 ${received.qos2}`,
      `${received.storedCopies} were copies that the broker keeps (retained); they say what was, and count as no reading`,
      ...(received.qos0 > 0 ? [`${share(received.qos0, total)} came with QoS 0: what is lost of them on the way is not sent again`] : []),
    ]),
    ...section('Devices', deviceLines(facts)),
    ...section('Topics not understood', notUnderstoodLines(facts)),
    ...section('Proof of delivery', [
      facts.provableShare === null
        ? 'nothing was received that could be counted'
        : `${Math.round(facts.provableShare * 100)} % of the senders number their messages (bootId and seq); of the others it cannot be proven that nothing is missing`,
    ]),
    ...section('Clocks', clockLines(facts)),
  ].join('\n')
}

const section = (title: string, lines: readonly string[]): string[] => [title, ...lines.map((line) => `  ${line}`), '']

const subscriptionLines = ({ connected, granted, problems }: TryFacts): string[] => [
  ...(connected ? [] : ['not connected']),
  ...granted.map(({ filter, qos }) => `${filter}: ${qos === null ? 'refused' : `granted with QoS ${qos}`}`),
  ...[...new Set(problems)].slice(0, shownMax),
]

const deviceLines = ({ devices, places }: TryFacts): string[] => [
  `${devices.count} recognised${devices.unregistered === null ? '' : `, ${devices.unregistered} of them not in the list that was given`}; ${places} places`,
  ...devices.first
    .slice(0, shownMax)
    .map(({ id, model, name, messages }) => `${id}  ${[model, name].filter((text) => text !== null).join('  ')}  ${messages} messages`),
  ...(devices.count > shownMax ? [`... and ${devices.count - shownMax} more, on the page`] : []),
]

const notUnderstoodLines = ({ notUnderstood }: TryFacts): string[] => {
  if (notUnderstood.length === 0) return ['none']
  const unmapped = notUnderstood.filter(({ reason }) => reason === 'TOPIC_UNMAPPED').slice(0, shownMax)
  const others = notUnderstood.filter(({ reason }) => reason !== 'TOPIC_UNMAPPED').slice(0, shownMax)
  const lines = unmapped.flatMap(({ shape, count, example }) => {
    const line = mappingLine(shape)
    return [
      `${shape}  ${count} messages, such as ${example}`,
      line === null
        ? '    no level looks like a device; a family of your own, or leave it out with MQTT_TOPICS'
        : `    for topics.yaml, below families:  ${line}`,
      ...(line === null ? [] : aliasLines(shape, example)),
    ]
  })
  return [...lines, ...others.map(({ shape, reason, count, detail }) => `${shape}  ${count} messages, ${reason}: ${detail}`)]
}

/** What is no MAC is known by an alias. */
const aliasLines = (shape: string, example: string): string[] => {
  const identity = example.split('/')[shape.split('/').lastIndexOf('+')] ?? ''
  return parseMac(identity) === null ? [`    and below aliases, for each device:  "${identity}": "<its MAC>"`] : []
}

const clockLines = ({ clocks }: TryFacts): string[] => [
  clocks.known === 0 ? 'no device tells a time' : `${clocks.wrong} of ${clocks.known} are wrong`,
  ...clocks.first.slice(0, shownMax).map(({ id, words }) => `${id}  ${words}`),
  ...clocks.behind.map(
    ({ id, behindMs }) =>
      `${id}  its freshest data are ${Math.round(behindMs / 1000)} s old: a clock that is behind, or an upload of the past`,
  ),
]

const rate = (count: number, seconds: number): string => (seconds === 0 ? '0' : (count / seconds).toFixed(1))
const share = (part: number, whole: number): string => `${Math.round((part / whole) * 100)} %`
