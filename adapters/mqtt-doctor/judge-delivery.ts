/** Judges what a broker does with messages: whether it keeps, repeats, marks and shares them as the recorder counts on. Pure. */
import type { Finding } from './finding.ts'

export type RoundTripFacts = { grantedQos: number; arrived: { qos: number } | null }
export type SessionFacts = { keptAfterDisconnect: boolean; keptAfterDrop: boolean }
/** `arrived`: numbers of the messages, in the order of their arrival. */
export type QueueFacts = { published: number; acknowledged: number; arrived: readonly number[] }
export type RedeliveryFacts = { unacknowledged: readonly number[]; again: readonly { number: number; dup: boolean }[] }
export type RetainedFacts = {
  copy: { retain: boolean } | null
  live: { retain: boolean } | null
  /** Null: the protocol cannot say that it wants none. */
  repeatedOnSubscribe: boolean | null
  cleared: boolean
}
export type SharedFacts = {
  granted: number
  both: { published: number; arrived: readonly (readonly number[])[] } | null
  away: { published: number; toOther: readonly number[]; waited: readonly number[] } | null
  gone: { published: number; held: number; arrived: number } | null
}

/** The gate: while it is bad, all other tests would only tell of rights. */
export const judgeRoundTrip = ({ grantedQos, arrived }: RoundTripFacts, root: string): Finding => {
  const base = { id: 'qos', title: 'Granted QoS, and there and back' }
  const rights = `Give the login the right to read and write ${root.split('/').slice(0, 2).join('/')}/+/tasks/+/request (the recorder needs it for task requests anyway); nothing else could be tested.`
  if (grantedQos > 2) return { ...base, verdict: 'bad', measured: `subscription refused with code ${grantedQos}`, meaning: rights }
  if (arrived === null) {
    return { ...base, verdict: 'bad', measured: `QoS ${grantedQos} granted, but a message of our own did not come back`, meaning: rights }
  }
  const measured = `QoS ${grantedQos} granted of 1 asked, a QoS 1 message came back with QoS ${arrived.qos}`
  if (grantedQos === 0 || arrived.qos === 0) {
    return {
      ...base,
      verdict: 'bad',
      measured,
      meaning: 'What is lost between broker and recorder is not sent again; allow QoS 1 for this login.',
    }
  }
  return { ...base, verdict: 'ok', measured, meaning: 'The broker keeps each message until the recorder has it on disk.' }
}

export const judgeSession = ({ keptAfterDisconnect, keptAfterDrop }: SessionFacts): Finding => {
  const base = { id: 'session', title: 'Persistent session' }
  const measured = `kept after a DISCONNECT: ${yesNo(keptAfterDisconnect)}; after a connection that broke: ${yesNo(keptAfterDrop)}`
  return keptAfterDisconnect && keptAfterDrop
    ? { ...base, verdict: 'ok', measured, meaning: 'While the recorder is away, the broker knows what to keep for it.' }
    : { ...base, verdict: 'bad', measured, meaning: 'What devices say while the recorder is away is lost, although they got their PUBACK.' }
}

export const judgeQueue = ({ published, acknowledged, arrived }: QueueFacts): Finding => {
  const base = { id: 'queue', title: 'Queue while the recorder is away' }
  const distinct = new Set(arrived)
  const isOrdered = arrived.every((number, at) => at === 0 || number > (arrived[at - 1] ?? number))
  const twice = arrived.length - distinct.size
  const order = isOrdered ? 'in order' : 'not in order'
  const seen = `${acknowledged} of ${published} acknowledged to their sender, ${distinct.size} came later, ${order}${twice > 0 ? `, ${twice} twice` : ''}`
  const lost = acknowledged - distinct.size
  if (acknowledged < published && lost <= 0) {
    return {
      ...base,
      verdict: 'warning',
      measured: seen,
      meaning: 'The broker refuses what it cannot keep: devices must keep it and send it again.',
    }
  }
  if (lost > 0) {
    const which = distinct.has(0) ? 'the newest' : 'the oldest'
    const measured = `${seen}; ${which} were dropped`
    return distinct.size === 0
      ? { ...base, verdict: 'bad', measured, meaning: 'Nothing is kept: each restart of the recorder loses what devices say meanwhile.' }
      : {
          ...base,
          verdict: 'warning',
          measured,
          meaning: `An outage of the recorder that brings more than ${distinct.size} messages loses ${which}, acknowledged or not: a fleet of 100 messages a second fills that in ${Math.max(1, Math.round(distinct.size / 100))} s. Raise the queue of a session (docs/reference/brokers.md).`,
        }
  }
  if (!isOrdered) {
    return {
      ...base,
      verdict: 'warning',
      measured: seen,
      meaning: 'Nothing is lost; readings without a time of their own get a wrong order.',
    }
  }
  return { ...base, verdict: 'ok', measured: seen, meaning: `At least ${published} messages wait for the recorder; --queue tries more.` }
}

export const judgeRedelivery = ({ unacknowledged, again }: RedeliveryFacts): Finding => {
  const base = { id: 'redelivery', title: 'Redelivery of what was not acknowledged' }
  const numbers = new Set(again.map(({ number }) => number))
  const missing = unacknowledged.filter((number) => !numbers.has(number)).length
  const marked = again.filter(({ dup }) => dup).length
  const measured = `${unacknowledged.length} left unacknowledged, ${numbers.size} came again on the next connection, ${marked} of them with DUP`
  if (unacknowledged.length === 0) {
    return { ...base, verdict: 'bad', measured, meaning: 'No message came, so that nothing is known of this.' }
  }
  if (missing > 0) {
    return { ...base, verdict: 'bad', measured, meaning: 'A kill of the recorder loses the messages that were on their way into its log.' }
  }
  if (marked < again.length) {
    const meaning =
      'Nothing is lost. Readings without time or sequence that come again unmarked count twice and are flagged `ambiguous` (decision 0009).'
    return { ...base, verdict: 'warning', measured, meaning }
  }
  return { ...base, verdict: 'ok', measured, meaning: 'A kill of the recorder loses nothing, and what comes again is known as such.' }
}

export const judgeRetained = ({ copy, live, repeatedOnSubscribe, cleared }: RetainedFacts): Finding => {
  const base = { id: 'retained', title: 'Retained copies' }
  const measured = [
    copy === null ? 'no copy came on subscribe' : `the copy came with RETAIN=${bit(copy.retain)}`,
    live === null ? 'no live message came' : `a live one with RETAIN=${bit(live.retain)}`,
    repeatedOnSubscribe === null
      ? 'no Retain Handling in 3.1.1'
      : `Retain Handling 1 ${repeatedOnSubscribe ? 'was ignored' : 'was obeyed'}`,
    `an empty one ${cleared ? 'removed it' : 'did not remove it'}`,
  ].join(', ')
  if (live === null)
    return { ...base, verdict: 'bad', measured, meaning: 'Messages that a device marks as retained do not reach the recorder.' }
  if (copy?.retain === false) {
    return { ...base, verdict: 'bad', measured, meaning: 'A copy of long ago looks like a fresh reading and would be counted as one.' }
  }
  if (live.retain) {
    const meaning = 'Fresh messages look like stored copies: they would fill gaps only and never count as readings.'
    return { ...base, verdict: 'bad', measured, meaning }
  }
  if (copy === null) {
    return {
      ...base,
      verdict: 'warning',
      measured,
      meaning: 'What devices last said is unknown to a new recorder until they say it again.',
    }
  }
  if (repeatedOnSubscribe === true) {
    const meaning = 'Copies come again whenever a subscription is renewed; they are known as copies, so this costs traffic only.'
    return { ...base, verdict: 'warning', measured, meaning }
  }
  if (!cleared) return { ...base, verdict: 'warning', measured, meaning: 'States that a device withdrew come back as copies.' }
  return { ...base, verdict: 'ok', measured, meaning: 'Copies are told from fresh readings.' }
}

export const judgeShared = ({ granted, both, away, gone }: SharedFacts): Finding => {
  const base = { id: 'shared', title: 'Shared subscription ($share)' }
  if (both === null || away === null || gone === null) {
    const meaning = 'One recorder takes all; MQTT_SHARE_GROUP must stay empty.'
    return { ...base, verdict: 'warning', measured: `refused with code ${granted}`, meaning }
  }
  const all = both.arrived.flat()
  const distinct = new Set(all).size
  const afterAway = new Set([...away.toOther, ...away.waited]).size
  const lostAway = away.published - afterAway
  const lostGone = gone.published - gone.arrived
  const measured = [
    `${both.published} among two members: ${both.arrived.map(({ length }) => length).join(' and ')}`,
    `one away: ${away.toOther.length} of ${away.published} went to the other, ${away.waited.length} waited`,
    `one gone for good with ${gone.held} in its hands: the other got ${gone.arrived} of ${gone.published}`,
  ].join('; ')
  if (all.length > distinct) {
    return {
      ...base,
      verdict: 'bad',
      measured,
      meaning: 'Each member gets messages of the others: readings would count twice. Leave MQTT_SHARE_GROUP empty.',
    }
  }
  if (all.length === 0) {
    const meaning = 'The subscription is granted and brings nothing. Leave MQTT_SHARE_GROUP empty.'
    return { ...base, verdict: 'bad', measured, meaning }
  }
  if (distinct < both.published || lostAway > 0) {
    return { ...base, verdict: 'bad', measured, meaning: 'Messages of a group are lost. Leave MQTT_SHARE_GROUP empty.' }
  }
  const sharing = both.arrived.some(({ length }) => length === 0) ? 'One instance got everything, the other stands by. ' : ''
  const meanwhile =
    away.waited.length > 0
      ? 'The share of an instance that is away waits until it is back.'
      : 'While an instance is away the others take its share.'
  if (lostGone > 0) {
    const meaning = `${sharing}${meanwhile} What waits for an instance that is removed for good is lost with its session: let it drain and stop it in order.`
    return { ...base, verdict: 'warning', measured, meaning }
  }
  return { ...base, verdict: 'ok', measured, meaning: `${sharing}${meanwhile} What a removed one had in its hands goes to the others.` }
}

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')
const bit = (value: boolean): string => (value ? '1' : '0')
