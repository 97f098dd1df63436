/** Which front door: the bridge to the broker of `MQTT_URL` when that is set, else the embedded broker. */
import { join } from 'node:path'
import { type Bridge, type BridgeStats, startBridge } from '../adapters/mqtt-bridge/bridge.ts'
import { type BrokerStats, startEmbeddedBroker } from '../adapters/mqtt/embedded-broker.ts'
import { limitsFromSettings } from '../adapters/mqtt/limits.ts'
import { isTaskRequest, rightsOf } from '../ingest/domain/access.ts'
import { parseFilters } from '../ingest/domain/bridge-filters.ts'
import type { DeviceLink } from '../model/ports.ts'
import { type Config, splitListen } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import type { Metrics } from '../runtime/metrics.ts'

export type LinkParts = {
  link: DeviceLink
  /** Where devices or, with an outside broker, we connect to. */
  urls: { mqtt: string; mqttWs: string | null; mqtts: string | null }
  /** Copies the link's own counts into the metrics. */
  observe: (metrics: Metrics) => void
  /** Of the bridge. */
  bridgeStats?: () => BridgeStats
}

export type LinkOptions = {
  /** Filters of the topic mapping, for an outside broker. */
  filters: readonly string[]
  /** Listening in: a session of its own that ends with the connection, and nothing is ever published. */
  listenIn?: boolean
  onProblem: (error: Error) => void
  surroundings: { diskFreeBytes?: () => number }
}

export const openLink = (config: Config, options: LinkOptions): Promise<LinkParts> | LinkParts =>
  config.MQTT_URL === '' ? openEmbedded(config, options) : openBridge(config, options)

const openEmbedded = async (config: Config, { onProblem, surroundings }: LinkOptions): Promise<LinkParts> => {
  const link = await startEmbeddedBroker({
    dataDir: config.DATA_DIR,
    listen: listenersOf(config),
    usersFile: config.MQTT_USERS_FILE === '' ? null : config.MQTT_USERS_FILE,
    rightsOf,
    limits: limitsFromSettings(config),
    diskFreeBytesMin: config.DISK_FREE_BYTES_MIN,
    ...surroundings,
    onProblem,
  })
  return {
    link,
    urls: {
      mqtt: url('mqtt', link.addresses.tcp),
      mqttWs: `${url('ws', link.addresses.webSocket)}/mqtt`,
      mqtts: link.addresses.tls === null ? null : url('mqtts', link.addresses.tls),
    },
    observe: (metrics) => observeBroker(metrics, link.stats()),
  }
}

const openBridge = (config: Config, { filters, listenIn = false, onProblem }: LinkOptions): LinkParts => {
  const link = startBridge({
    address: {
      url: config.MQTT_URL,
      clientId: config.MQTT_CLIENT_ID,
      protocol: config.MQTT_PROTOCOL,
      username: config.MQTT_USERNAME === '' ? null : config.MQTT_USERNAME,
      passwordFile: config.MQTT_PASSWORD_FILE === '' ? null : config.MQTT_PASSWORD_FILE,
      caFile: config.MQTT_CA_FILE === '' ? null : config.MQTT_CA_FILE,
      certFile: config.MQTT_CERT_FILE === '' ? null : config.MQTT_CERT_FILE,
      keyFile: config.MQTT_KEY_FILE === '' ? null : config.MQTT_KEY_FILE,
      persistent: !listenIn,
    },
    filters: filtersOf(config, filters),
    shareGroup: config.MQTT_SHARE_GROUP === '' ? null : config.MQTT_SHARE_GROUP,
    sessionFile: listenIn ? null : join(config.DATA_DIR, 'bridge', `${encodeURIComponent(config.MQTT_CLIENT_ID)}.json`),
    limits: {
      payloadBytesMax: config.MQTT_PAYLOAD_BYTES_MAX,
      logPayloadBytesMax: config.MQTT_LOG_PAYLOAD_BYTES_MAX,
      cutPayloadBytesKept: config.MQTT_CUT_PAYLOAD_BYTES_KEPT,
    },
    isOwnTopic: isTaskRequest,
    messagesMax: config.MQTT_WINDOW,
    onProblem,
  })
  return {
    link: listenIn ? { ...link, send: refuseToSend } : link,
    urls: { mqtt: shown(config.MQTT_URL), mqttWs: null, mqtts: null },
    observe: observeBridge(link),
    bridgeStats: link.stats,
  }
}

const refuseToSend = async (topic: string): Promise<void> => {
  throw new AppError('MQTT_UNAVAILABLE', `Listening in publishes nothing: ${topic} was not sent`)
}

/** Throws CONFIG_INVALID: filters that overlap, or are none. */
export const filtersOf = (config: Config, ofTopicMap: readonly string[]): readonly string[] => {
  if (config.MQTT_TOPICS === '') return ofTopicMap
  const parsed = parseFilters(config.MQTT_TOPICS)
  if (!parsed.ok) throw new AppError('CONFIG_INVALID', `MQTT_TOPICS: ${parsed.reason}`)
  return parsed.value
}

/** Without a login that the address may hold. */
const shown = (address: string): string => address.replace(/\/\/[^/@]*@/, '//')

const url = (scheme: string, address: { host: string; port: number } | null): string =>
  address === null ? '' : `${scheme}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

const listenersOf = (config: Config) => ({
  tcp: splitListen(config.MQTT_LISTEN),
  webSocket: splitListen(config.MQTT_WS_LISTEN),
  tls:
    config.MQTTS_LISTEN === ''
      ? null
      : {
          ...splitListen(config.MQTTS_LISTEN),
          certFile: config.MQTTS_CERT_FILE,
          keyFile: config.MQTTS_KEY_FILE,
          caFile: config.MQTTS_CA_FILE === '' ? null : config.MQTTS_CA_FILE,
          clientCertificates: config.MQTTS_CLIENT_CERT,
        },
})

/** The broker counts for itself; its totals are copied, not added. */
const observeBroker = (metrics: Metrics, stats: BrokerStats): void => {
  metrics.connections.set(stats.connections)
  metrics.refused.reset()
  for (const [reason, times] of Object.entries(stats.refused)) metrics.refused.inc({ reason }, times)
}

const observeBridge =
  (link: Bridge) =>
  (metrics: Metrics): void => {
    const { connected, connections, droppedOnPurpose, received, waiting } = link.stats()
    metrics.bridgeConnected.set(connected ? 1 : 0)
    metrics.bridgeConnections.reset()
    metrics.bridgeConnections.inc(connections)
    metrics.bridgeDropped.reset()
    metrics.bridgeDropped.inc(droppedOnPurpose)
    metrics.bridgeWaiting.set(waiting.messages)
    metrics.bridgeReceived.reset()
    for (const [kind, times] of Object.entries(received)) metrics.bridgeReceived.inc({ kind: snake(kind) }, times)
  }

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
