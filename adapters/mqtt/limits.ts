/**
 * Every limit of the embedded broker: one table with unit, default, reason and the setting's name in the environment.
 * A limit bounds what one client, or all of them, can make us hold; the tests stand at each of them.
 */

export const brokerLimits = {
  connectionsMax: {
    default: 25_000,
    unit: 'connections',
    env: 'MQTT_CONNECTIONS_MAX',
    reason: 'about 20 kB each; more are closed at once',
  },
  webSocketConnectionsMax: {
    default: 1_000,
    unit: 'connections',
    env: 'MQTT_WS_CONNECTIONS_MAX',
    reason: 'people at browsers, not devices; each may hold one WebSocket message',
  },
  webSocketMessageBytesMax: {
    default: 1_200_000,
    unit: 'bytes',
    env: 'MQTT_WS_MESSAGE_BYTES_MAX',
    reason: 'the WebSocket layer holds a whole message before we see it; a log payload fits',
  },
  connectsPerSecondMax: {
    default: 1_000,
    unit: 'connections/s',
    env: 'MQTT_CONNECTS_PER_SECOND_MAX',
    reason: 'half of a core; a fleet that comes back at once must not starve those that are connected, more wait for their turn',
  },
  connectionsWaitingMax: {
    default: 10_000,
    unit: 'connections',
    env: 'MQTT_CONNECTIONS_WAITING_MAX',
    reason: 'ten seconds of the rate; more are closed and come again',
  },
  halfOpenMax: {
    default: 4_000,
    unit: 'connections',
    env: 'MQTT_HALF_OPEN_MAX',
    reason: 'have entered and not said CONNECT yet; beyond, the one that is silent longest is closed',
  },
  connectWithinMs: { default: 10_000, unit: 'ms', env: 'MQTT_CONNECT_WITHIN_MS', reason: 'a socket that never says CONNECT is of no use' },
  connectPacketBytesMax: {
    default: 256 * 1024,
    unit: 'bytes',
    env: 'MQTT_CONNECT_PACKET_BYTES_MAX',
    reason: 'before the login nobody may make us hold much; a will of 64 KiB fits',
  },
  packetBytesMax: {
    default: 16 * 1024 * 1024,
    unit: 'bytes',
    env: 'MQTT_PACKET_BYTES_MAX',
    reason: 'up to here the excess is read and thrown away; beyond, the connection is closed',
  },
  payloadBytesMax: {
    default: 64 * 1024,
    unit: 'bytes',
    env: 'MQTT_PAYLOAD_BYTES_MAX',
    reason: 'a reading is small; bigger ones become a dead letter with their first 4 KiB',
  },
  logPayloadBytesMax: { default: 1024 * 1024, unit: 'bytes', env: 'MQTT_LOG_PAYLOAD_BYTES_MAX', reason: 'a log upload after an outage' },
  cutPayloadBytesKept: { default: 4_096, unit: 'bytes', env: 'MQTT_CUT_PAYLOAD_BYTES_KEPT', reason: 'enough to see what it was' },
  packetIdleMs: {
    default: 10_000,
    unit: 'ms',
    env: 'MQTT_PACKET_IDLE_MS',
    reason: 'a packet that was begun and stays silent holds memory',
  },
  partialBytesMax: {
    default: 128 * 1024 * 1024,
    unit: 'bytes, all connections',
    env: 'MQTT_PARTIAL_BYTES_MAX',
    reason: 'packets that are not complete yet; the connection that goes beyond is closed',
  },
  topicBytesMax: { default: 1_024, unit: 'bytes', env: 'MQTT_TOPIC_BYTES_MAX', reason: 'the longest of the topic families has under 200' },
  topicLevelsMax: { default: 32, unit: 'levels', env: 'MQTT_TOPIC_LEVELS_MAX', reason: 'the matcher costs time per level' },
  clientIdBytesMax: { default: 256, unit: 'bytes', env: 'MQTT_CLIENT_ID_BYTES_MAX', reason: 'it stands in every event' },
  inFlightMax: {
    default: 2_000,
    unit: 'messages/connection',
    env: 'MQTT_IN_FLIGHT_MAX',
    reason: 'not yet durable ones; at the limit we stop reading (QoS 2 without PUBREL: closed)',
  },
  subscriptionsMax: { default: 100, unit: 'filters/client', env: 'MQTT_SUBSCRIPTIONS_MAX', reason: 'each costs work for every message' },
  keepAliveSecondsMax: {
    default: 3_600,
    unit: 's',
    env: 'MQTT_KEEP_ALIVE_SECONDS_MAX',
    reason: 'a dead connection is seen after 1.5 times this, also when the client asked for none',
  },
  outgoingBytesMax: {
    default: 1024 * 1024,
    unit: 'bytes/connection',
    env: 'MQTT_OUTGOING_BYTES_MAX',
    reason: 'a subscriber that reads too slowly loses QoS 0 messages, then its connection, and never slows a device',
  },
  topicAliasMax: { default: 16, unit: 'aliases/connection', env: 'MQTT_TOPIC_ALIAS_MAX', reason: 'saves a metered device the topic text' },
  loginsWaitingMax: {
    default: 5_000,
    unit: 'logins',
    env: 'MQTT_LOGINS_WAITING_MAX',
    reason: 'a password check takes milliseconds of CPU; beyond, the client is told to come again',
  },
  retainedMessagesMax: { default: 50_000, unit: 'messages', env: 'MQTT_RETAINED_MESSAGES_MAX', reason: 'kept in memory and on disk' },
  retainedBytesMax: { default: 64 * 1024 * 1024, unit: 'bytes', env: 'MQTT_RETAINED_BYTES_MAX', reason: 'kept in memory and on disk' },
  sessionsMax: {
    default: 50_000,
    unit: 'sessions',
    env: 'MQTT_SESSIONS_MAX',
    reason: 'persistent ones; beyond, the one that was away longest is dropped',
  },
  sessionExpirySeconds: {
    default: 7 * 24 * 3_600,
    unit: 's',
    env: 'MQTT_SESSION_EXPIRY_SECONDS',
    reason: 'a persistent session of a client that never came back',
  },
  queuedPerSessionMax: {
    default: 1_000,
    unit: 'messages/session',
    env: 'MQTT_QUEUED_PER_SESSION_MAX',
    reason: 'for a client that is away; newer ones are dropped and counted',
  },
  queuedBytesMax: {
    default: 64 * 1024 * 1024,
    unit: 'bytes, all sessions',
    env: 'MQTT_QUEUED_BYTES_MAX',
    reason: 'kept in memory and on disk',
  },
} as const satisfies Record<string, { default: number; unit: string; env: string; reason: string }>

export type BrokerLimitName = keyof typeof brokerLimits
export type BrokerLimits = Readonly<Record<BrokerLimitName, number>>

/** The table's defaults, with what the caller sets instead. */
export const limitsWith = (own: Partial<BrokerLimits> = {}): BrokerLimits => {
  const limits = {} as Record<BrokerLimitName, number>
  for (const name of Object.keys(brokerLimits) as BrokerLimitName[]) limits[name] = own[name] ?? brokerLimits[name].default
  return limits
}

/** Limits named by the environment's settings (`MQTT_...`) among the values of a configuration; others are left out. */
export const limitsFromSettings = (settings: Readonly<Record<string, unknown>>): Partial<BrokerLimits> => {
  const own: Partial<Record<BrokerLimitName, number>> = {}
  for (const name of Object.keys(brokerLimits) as BrokerLimitName[]) {
    const value = settings[brokerLimits[name].env]
    if (typeof value === 'number') own[name] = value
  }
  return own
}

/** Log uploads may be larger: category `log`, or metric `log` or `dmesg` of category `system`, of a device topic. */
export const isLogTopic = (topic: string): boolean => {
  const [, , , category, metric] = topic.split('/', 5)
  return category === 'log' || (category === 'system' && (metric === 'log' || metric === 'dmesg'))
}
