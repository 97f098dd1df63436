/**
 * `npm run doctor -- --mqtt URL`: all probes, one after the other, a finding for each. One that breaks off is a finding too, and
 * the next goes on. Resolves after everything that was left at the broker is gone; what could not be removed is a finding.
 */
import { AppError } from '../../runtime/errors.ts'
import { isLoopbackHost } from '../../runtime/loopback.ts'
import { shownUrl } from '../mqtt-bridge/client-options.ts'
import type { DoctorClient } from './doctor-client.ts'
import type { Finding, Report } from './finding.ts'
import { judgeQueue, judgeRedelivery, judgeRetained, judgeRoundTrip, judgeSession, judgeShared } from './judge-delivery.ts'
import { judgeDurability } from './judge-durability.ts'
import { judgeLimits, judgeVersions, judgeWay } from './judge-link.ts'
import { judgePermissions, type Stranger } from './judge-permissions.ts'
import { probePermissions } from './probe-permissions.ts'
import { limitsOf, probeQueue, probeRedelivery, probeRetained, probeRoundTrip, probeSession, probeShared } from './probes.ts'
import { createVisit, type Protocol, type Reach, type Visit } from './visit.ts'

export type Examination = {
  reach: Reach
  /** Tried first; the other one when the broker does not speak it. */
  protocol: Protocol
  queueMessages: number
  device: { name: string; passwordFile: string | null } | null
  /** A topic of another device of the fleet; null: one below the doctor's own root. */
  otherTopic: string | null
  /** 8 hex digits. */
  id: string
  nowMs: () => number
  /** Aborted: no further probe is begun; the cleaning up is still done. */
  signal?: AbortSignal
  onFinding?: (finding: Finding) => void
}

/** As the bridge asks for its session. */
const askedSessionExpirySeconds = 7 * 86_400
const bannerWithinMs = 1_000

export const examine = async (examination: Examination): Promise<Report> => {
  const { reach, id, onFinding = () => undefined } = examination
  const visit = createVisit(reach, id)
  const findings: Finding[] = []
  const say = (...found: Finding[]): void => {
    findings.push(...found)
    for (const finding of found) onFinding(finding)
  }
  let protocol: Protocol | null = null
  let product: string | null = null
  try {
    const link = await lookAtLink(visit, examination)
    say(...link.findings)
    protocol = link.protocol
    if (protocol !== null) {
      product = await productOf(visit, protocol)
      await lookAtDelivery(visit, protocol, examination, say)
      say(judgeDurability(product))
    }
  } finally {
    const left = await visit.clean()
    if (left.length > 0) {
      const meaning = 'It ends by itself after an hour, but for retained copies; publish an empty retained message to remove one.'
      say({ id: 'clean', title: 'Cleaning up', verdict: 'warning', measured: `left at the broker: ${left.join('; ')}`, meaning })
    }
  }
  return { broker: shownUrl(reach.url), protocol, product, findings }
}

const lookAtLink = async (
  visit: Visit,
  { reach, protocol, nowMs }: Examination,
): Promise<{ protocol: Protocol | null; findings: Finding[] }> => {
  const refused = { '5': null as string | null, '3.1.1': null as string | null }
  let five: DoctorClient | null = null
  let first: DoctorClient | null = null
  for (const version of ['5', '3.1.1'] as const) {
    try {
      const name = `version-${version.replaceAll('.', '')}`
      const client = await visit.connect({ name, protocol: version, persistent: true, sessionExpirySeconds: askedSessionExpirySeconds })
      await client.end()
      await visit.forget(name, version)
      if (version === '5') five = client
      first ??= client
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      refused[version] = error.message
    }
  }
  const versions = judgeVersions(refused)
  if (first === null) return { protocol: null, findings: [versions] }
  const { protocol: scheme, hostname } = new URL(reach.url)
  const facts = { scheme: scheme.slice(0, -1), isLoopback: isLoopbackHost(hostname), connectMs: first.connectMs, tls: first.tls }
  const way = judgeWay(facts, nowMs())
  const limits = judgeLimits(five === null ? null : limitsOf(five.connack, askedSessionExpirySeconds))
  const spoken = refused[protocol] === null ? protocol : first.protocol
  return { protocol: spoken, findings: [way, versions, limits] }
}

/** Mosquitto and others publish their name here; a login that may not read it gets nothing. */
const productOf = async (visit: Visit, protocol: Protocol): Promise<string | null> => {
  try {
    const client = await visit.connect({ name: 'banner', protocol })
    for (const topic of ['$SYS/broker/version', '$SYS/brokers/+/version']) await client.subscribe(topic, { qos: 0, retainHandling: 0 })
    await client.until(1, bannerWithinMs)
    await client.drop()
    const banner = client.arrived.find(({ text }) => text !== '')
    return banner === undefined ? null : banner.topic.startsWith('$SYS/brokers/') ? `EMQX ${banner.text}` : banner.text.slice(0, 100)
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return null
  }
}

const lookAtDelivery = async (
  visit: Visit,
  protocol: Protocol,
  { queueMessages, device, otherTopic, reach, signal }: Examination,
  say: (...findings: Finding[]) => void,
): Promise<void> => {
  const attempt = async (id: string, title: string, work: () => Promise<Finding[]>): Promise<Finding[]> => {
    if (signal?.aborted === true) return []
    let found: Finding[]
    try {
      found = await work()
    } catch (error) {
      const measured = `broke off: ${(error as Error).message}`
      found = [{ id, title, verdict: 'bad', measured, meaning: 'The broker ended the test, so that nothing is known of this.' }]
    }
    say(...found)
    return found
  }
  const gate = await attempt('qos', 'Granted QoS', async () => [judgeRoundTrip(await probeRoundTrip(visit, protocol), visit.root)])
  const canGoOn = gate.some(({ verdict }) => verdict === 'ok')
  if (canGoOn) {
    await attempt('session', 'Persistent session', async () => [judgeSession(await probeSession(visit, protocol))])
    await attempt('queue', 'Queue', async () => [judgeQueue(await probeQueue(visit, protocol, queueMessages))])
    await attempt('redelivery', 'Redelivery', async () => [judgeRedelivery(await probeRedelivery(visit, protocol))])
    await attempt('retained', 'Retained copies', async () => [judgeRetained(await probeRetained(visit, protocol))])
    await attempt('shared', 'Shared subscription', async () => [judgeShared(await probeShared(visit, protocol))])
  }
  const other = otherTopic ?? `${visit.root}/hardware/permission-probe`
  const stranger = async (who: Stranger, as: Pick<Reach, 'username' | 'passwordFile'>, ownTopic: string | null): Promise<void> => {
    const strangerReach: Reach = { url: withoutLogin(reach.url), caFile: reach.caFile, certFile: null, keyFile: null, ...as }
    const options = { protocol, name: who, reach: strangerReach, otherTopic: other, ownTopic }
    await attempt(who, 'Permissions', async () => judgePermissions(who, await probePermissions(visit, options)))
  }
  if (canGoOn) {
    await stranger('anonymous', { username: null, passwordFile: null }, null)
    if (device === null) say(...judgePermissions('device', null))
    else {
      const own = other.split('/').with(2, device.name).join('/')
      await stranger('device', { username: device.name, passwordFile: device.passwordFile }, own)
    }
  }
}

const withoutLogin = (address: string): string => {
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}
