/** How the bridge reaches an outside broker: address, login, TLS, and the persistent session it asks for. */
import type { IClientOptions } from 'mqtt'
import { firstLineOf, readSettingFile } from '../system/text-file.ts'

export type BrokerAddress = {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  url: string
  /** Fixed: the broker keeps the session under this name. Two programs with one name throw each other out. */
  clientId: string
  protocol: '3.1.1' | '5'
  username: string | null
  passwordFile: string | null
  caFile: string | null
  certFile: string | null
  keyFile: string | null
  /** False: a session of the connection's own, nothing is kept (listening in). */
  persistent: boolean
}

export const keepAliveSeconds = 60
/** A broker drops the session after this, and with it what it had kept for us; MQTT 5 only, 3.1.1 brokers have their own limit. */
const sessionExpirySeconds = 7 * 86_400
/** Larger packets are not sent to us by an MQTT 5 broker; the same limit as at the embedded one. */
export const packetBytesMax = 16 * 1024 * 1024
/** It cannot be told, so what the protocol allows is taken, and cut [MQTT 3.1.1: 2.2.3]. */
export const packetBytesMaxOfMqtt311 = 256 * 1024 * 1024 + 4

/** Files are read at each connection, so that a renewed certificate or password needs no restart. */
export const clientOptions = (address: BrokerAddress, receiveMaximum: number): IClientOptions => {
  const { clientId, protocol, username, passwordFile, caFile, certFile, keyFile, persistent } = address
  return {
    clientId,
    clean: !persistent,
    keepalive: keepAliveSeconds,
    reconnectPeriod: 0, // Each connection is a client of its own: nothing of one can reach into the next.
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: 10_000,
    protocolVersion: protocol === '5' ? 5 : 4,
    ...(protocol === '5'
      ? {
          properties: {
            receiveMaximum: Math.min(receiveMaximum, 65_535),
            maximumPacketSize: packetBytesMax,
            ...(persistent ? { sessionExpiryInterval: sessionExpirySeconds } : {}),
          },
        }
      : {}),
    ...(username === null ? {} : { username }),
    ...(passwordFile === null ? {} : { password: firstLineOf(readSettingFile('MQTT_PASSWORD_FILE', passwordFile)) }),
    ...(caFile === null ? {} : { ca: readSettingFile('MQTT_CA_FILE', caFile) }),
    ...(certFile === null ? {} : { cert: readSettingFile('MQTT_CERT_FILE', certFile) }),
    ...(keyFile === null ? {} : { key: readSettingFile('MQTT_KEY_FILE', keyFile) }),
  }
}

/** The address without what may be secret in it. */
export const shownUrl = (url: string): string => {
  try {
    const { protocol, host } = new URL(url)
    return `${protocol}//${host}`
  } catch {
    return 'an address that is no URL'
  }
}
