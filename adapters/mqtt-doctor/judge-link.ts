/** Judges what a connection alone tells: the way to the broker, the versions it speaks, the limits of its CONNACK. Pure. */
import type { TlsFacts } from './doctor-client.ts'
import type { Finding } from './finding.ts'

export type WayFacts = { scheme: string; isLoopback: boolean; connectMs: number; tls: TlsFacts | null }

/** Null: accepted. Else what the broker or the network answered. */
export type VersionFacts = { '5': string | null; '3.1.1': string | null }

export type Limits = {
  receiveMaximum: number
  /** Null: no limit was named. */
  packetBytesMax: number | null
  askedSessionExpirySeconds: number
  sessionExpirySeconds: number
  maximumQos: number
  retainAvailable: boolean
  wildcardsAvailable: boolean
  sharedAvailable: boolean
  serverKeepAliveSeconds: number | null
}

const dayMs = 86_400_000
/** A renewal that failed for two weeks will fail again. */
const certificateDaysMin = 14
/** The longest outage that a weekend without anybody makes. */
const sessionExpirySecondsMin = 3 * 86_400
/** A log upload after an outage; the payload limit of `MQTT_LOG_PAYLOAD_BYTES_MAX` and room for the topic. */
const packetBytesMin = 1_100_000

export const judgeWay = ({ scheme, isLoopback, connectMs, tls }: WayFacts, nowMs: number): Finding => {
  const base = { id: 'way', title: 'Way to the broker' }
  const measured = `CONNACK after ${connectMs.toFixed(0)} ms over ${scheme}`
  if (scheme === 'mqtt' || scheme === 'ws') {
    return isLoopback
      ? { ...base, verdict: 'ok', measured: `${measured}, on this machine`, meaning: 'No TLS is needed between programs of one machine.' }
      : {
          ...base,
          verdict: 'warning',
          measured: `${measured}, without TLS`,
          meaning: 'Passwords and readings can be read and changed on the way; use mqtts:// and a certificate at the broker.',
        }
  }
  if (tls === null) return { ...base, verdict: 'ok', measured, meaning: 'The certificate was verified; WebSocket hides its details.' }
  const days = Math.floor((tls.validToMs - nowMs) / dayMs)
  const seen = `${measured}, ${tls.version}, ${tls.cipher}, certificate of ${tls.issuer}, valid for ${days} more days`
  if (tls.version !== 'TLSv1.3' && tls.version !== 'TLSv1.2') {
    return { ...base, verdict: 'warning', measured: seen, meaning: 'This TLS version is broken; the broker should speak 1.2 or newer.' }
  }
  if (days < certificateDaysMin) {
    return {
      ...base,
      verdict: 'warning',
      measured: seen,
      meaning: 'When the certificate ends, neither devices nor recorder connect; renew it.',
    }
  }
  return { ...base, verdict: 'ok', measured: seen, meaning: 'The way is encrypted and the broker is the one that it says it is.' }
}

export const judgeVersions = (facts: VersionFacts): Finding => {
  const base = { id: 'versions', title: 'MQTT versions' }
  const measured = `5: ${facts['5'] ?? 'accepted'}; 3.1.1: ${facts['3.1.1'] ?? 'accepted'}`
  if (facts['5'] === null && facts['3.1.1'] === null) {
    return { ...base, verdict: 'ok', measured, meaning: 'Devices and recorder may speak either.' }
  }
  if (facts['5'] === null) {
    return { ...base, verdict: 'warning', measured, meaning: 'Devices that speak 3.1.1 cannot be heard through this broker.' }
  }
  if (facts['3.1.1'] === null) {
    const meaning =
      'Set MQTT_PROTOCOL=3.1.1. Refusals of a PUBLISH are then not told to devices, and the broker alone decides how long it keeps our session.'
    return { ...base, verdict: 'warning', measured, meaning }
  }
  return { ...base, verdict: 'bad', measured, meaning: 'The recorder cannot connect; nothing else could be tested.' }
}

/** `null`: the broker does not speak MQTT 5, so it names no limits. */
export const judgeLimits = (limits: Limits | null): Finding => {
  const base = { id: 'limits', title: 'Limits that the broker names (MQTT 5 CONNACK)' }
  if (limits === null) {
    return { ...base, verdict: 'untested', measured: 'MQTT 3.1.1 names none', meaning: 'What they are shows only when they are met.' }
  }
  const bad: string[] = []
  const weak: string[] = []
  if (limits.maximumQos < 1) bad.push('Only QoS 0: what is lost on the way is not sent again.')
  if (!limits.wildcardsAvailable) bad.push('No wildcard subscriptions: the recorder cannot hear a fleet.')
  if (limits.sessionExpirySeconds === 0)
    bad.push('Sessions end with their connection: what devices say while the recorder is away is lost.')
  else if (limits.sessionExpirySeconds < Math.min(sessionExpirySecondsMin, limits.askedSessionExpirySeconds)) {
    weak.push(`A recorder that is away for longer than ${durationOf(limits.sessionExpirySeconds)} loses what was kept for it.`)
  }
  if (limits.packetBytesMax !== null && limits.packetBytesMax < packetBytesMin) {
    weak.push(`Log uploads of more than ${limits.packetBytesMax} bytes cannot pass; the device is disconnected.`)
  }
  if (!limits.retainAvailable) weak.push('No retained messages: what devices last said is unknown until they say it again.')
  if (!limits.sharedAvailable) weak.push('No shared subscriptions: one recorder takes all, MQTT_SHARE_GROUP must stay empty.')
  const verdict = bad.length > 0 ? 'bad' : weak.length > 0 ? 'warning' : 'ok'
  const meaning = [...bad, ...weak].join(' ') || 'None of them is in the way of the recorder.'
  return { ...base, verdict, measured: limitsText(limits), meaning }
}

const limitsText = (limits: Limits): string =>
  [
    `receive maximum ${limits.receiveMaximum}`,
    limits.packetBytesMax === null ? 'no packet limit' : `packets up to ${limits.packetBytesMax} bytes`,
    `session expiry ${limits.sessionExpirySeconds} s of ${limits.askedSessionExpirySeconds} s asked`,
    `maximum QoS ${limits.maximumQos}`,
    `retained messages ${yesNo(limits.retainAvailable)}`,
    `wildcards ${yesNo(limits.wildcardsAvailable)}`,
    `shared subscriptions ${yesNo(limits.sharedAvailable)}`,
    limits.serverKeepAliveSeconds === null ? 'keep alive as asked' : `keep alive ${limits.serverKeepAliveSeconds} s`,
  ].join(', ')

const yesNo = (value: boolean): string => (value ? 'yes' : 'no')

export const durationOf = (seconds: number): string => {
  if (seconds >= 2 * 86_400) return `${(seconds / 86_400).toFixed(1)} days`
  if (seconds >= 2 * 3_600) return `${(seconds / 3_600).toFixed(1)} hours`
  return seconds >= 120 ? `${(seconds / 60).toFixed(1)} minutes` : `${seconds.toFixed(0)} s`
}
