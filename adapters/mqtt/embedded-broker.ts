/**
 * The embedded MQTT broker: aedes behind our own sockets, limits, logins and persistence, as a `DeviceLink`.
 * Before: a device. After: `ingest/accept.ts` (the handler), whose promise gates the acknowledgement.
 *
 * Order of one PUBLISH: frame guard -> rights -> handler (the durable append) and, beside it, what the broker itself keeps
 * of the message (retained copy, queues of persistent sessions), synced -> PUBACK, or packet id stored and PUBREC -> live
 * subscribers. So whatever was acknowledged survives kill -9 in the log, as a retained message and in the queues. When the
 * handler rejects, the socket is destroyed without an answer and the device sends again.
 *
 * QoS 2 is handed over once: a repeated packet id between PUBREC and PUBREL gets its PUBREC and goes no further, also after a
 * restart. Between the append and the stored id a crash hands it over again (the device stage drops it: same session,
 * earlier connection, equal message).
 */
import { join } from 'node:path'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Aedes } from 'aedes'
import type { DeviceLink } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { isLoopbackHost } from '../../runtime/loopback.ts'
import { atMost } from '../../runtime/within.ts'
import { openBrokerPersistence } from '../lmdb/broker-persistence.ts'
import type { SeamBroker } from './aedes-seam.ts'
import { createAcceptance } from './acceptance.ts'
import { createAdmission, type Rights, sessionMarker } from './admission.ts'
import { createFrameGuards } from './frame-guard.ts'
import { type BrokerLimits, limitsWith } from './limits.ts'
import { createLiveSubscribers } from './live-subscribers.ts'
import { type Arrival, type Listeners, type ListenOptions, startListeners } from './listeners.ts'
import { connectionsAllowed, openFilesMax } from './open-files.ts'
import { openLogins, type Principal } from './login.ts'

export type EmbeddedBrokerOptions = {
  /** The broker keeps its files in `<dataDir>/broker`. */
  dataDir: string
  listen: ListenOptions
  /** Null: no login on loopback, none possible elsewhere but by client certificate. */
  usersFile: string | null
  /** `ingest/domain/access.ts`; null stands for a connection without login. */
  rightsOf: (principal: Principal | null) => Rights
  limits?: Partial<BrokerLimits>
  /** `DISK_FREE_BYTES_MIN`, see `BrokerPersistence`. Default 0. */
  diskFreeBytesMin?: number
  diskFreeBytes?: () => number
  nowMs?: () => number
  /** Of this process; by default asked of the system. */
  openFilesMax?: number
  /** Things an operator must know: files refused at a reload (AppError with its runbook), failures inside the broker. */
  onProblem?: (error: Error) => void
}

export type BrokerStats = {
  connections: number
  accepted: { qos0: number; qos1: number; qos2: number; wills: number; cut: number }
  /** By reason: connections, logins, messages and subscriptions that were refused. */
  refused: Record<string, number>
  /** Messages that slow subscribers did not get. */
  droppedForSlowSubscribers: number
  /** Connections closed because the handler rejected. */
  handlerRejections: number
  partialBytes: number
  /** Retained messages, sessions, queues: see `BrokerPersistence.stats`. */
  store: Record<string, number>
  /** End of the certificate's validity, epoch ms. */
  tlsNotAfterMs: number | null
}

export type EmbeddedBroker = DeviceLink & { addresses: Listeners['addresses']; stats: () => BrokerStats }

const stopWithinMs = 5_000

export const startEmbeddedBroker = async (options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> => {
  refuseOpenListeners(options)
  const { nowMs = Date.now, onProblem = () => undefined } = options
  const asked = limitsWith(options.limits)
  const { connectionsMax, problem } = connectionsAllowed(asked.connectionsMax, options.openFilesMax ?? openFilesMax())
  if (problem !== null) onProblem(new Error(problem))
  const limits = { ...asked, connectionsMax }
  const refused: Record<string, number> = {}
  const refuse = (reason: string): void => {
    refused[reason] = (refused[reason] ?? 0) + 1
  }

  const logins = openLogins(options.usersFile, limits.loginsWaitingMax, (error) => {
    if (error) onProblem(error)
  })
  const store = openBrokerPersistence({
    path: join(options.dataDir, 'broker'),
    limits,
    nowMs,
    maySubscribe: (clientId, filter) => filter !== sessionMarker && admission.maySubscribe(clientId, filter),
    sessionMarker,
    diskFreeBytesMin: options.diskFreeBytesMin ?? 0,
    diskFreeBytes: options.diskFreeBytes,
    onWriteFailed: (clientId) => {
      refuse('sessionNotWritten')
      admission.disconnect(clientId)
    },
  })
  const admission = createAdmission({
    limits,
    logins,
    rightsOf: options.rightsOf,
    store,
    refuse,
    beforeAdmission: (clientId) => acceptance.beforeAdmission(clientId),
  })
  const acceptance = createAcceptance({
    limits,
    store,
    nowMs,
    refuse,
    connectionOf: admission.connectionOf,
    isTakenOver: admission.isTakenOver,
  })
  const aedes = (await Aedes.createBroker({
    persistence: store,
    mq: createLiveSubscribers(),
    concurrency: 0, // Publishers never wait for subscribers, so the emitter must not queue (see acceptance.ts).
    connectTimeout: limits.connectWithinMs,
    keepaliveLimit: limits.keepAliveSecondsMax,
    maxClientsIdLength: limits.clientIdBytesMax,
    maxTopicLevels: limits.topicLevelsMax,
    topicAliasMaximum: limits.topicAliasMax,
    maximumPacketSize: limits.packetBytesMax,
    receiveMaximum: limits.inFlightMax,
    sessionExpiryIntervalLimit: limits.sessionExpirySeconds,
    ...admission.hooks,
    ...acceptance.hooks,
  })) as unknown as SeamBroker
  acceptance.attach(aedes)
  aedes.on('unsubscribe', admission.unsubscribed)
  aedes.on('clientError', (_client, error) => refuse(`client: ${reasonOf(error)}`))
  aedes.on('connectionError', (_client, error) => refuse(`connection: ${reasonOf(error)}`))
  ;(aedes as unknown as NodeJS.EventEmitter).on('error', onProblem)

  const guards = createFrameGuards(limits, nowMs, (client, reason) => {
    refuse(reason)
    if (reason !== 'packetTooLarge') client.conn.destroy()
  })
  const onConnection = (stream: Duplex, arrival: Arrival, request?: IncomingMessage): void => {
    const client = (aedes.handle as (stream: Duplex, request?: IncomingMessage) => unknown)(stream, request)
    admission.arrived(client, arrival, guards.install)
  }

  let listeners: Listeners
  try {
    listeners = await startListeners(options.listen, limits, {
      onConnection,
      onRefused: refuse,
      onTlsReload: (error) => {
        if (error) onProblem(error)
      },
    })
  } catch (error) {
    logins.stop()
    await new Promise<void>((resolve) => aedes.close(resolve))
    await store.destroy()
    throw error
  }
  const everySecond = setInterval(() => guards.closeIdle(nowMs()), 1_000).unref()
  const everyMinute = setInterval(() => void store.sweep().catch(onProblem), 60_000).unref()

  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    acceptance.stopWills() // Our own end says nothing about the devices.
    clearInterval(everySecond)
    clearInterval(everyMinute)
    logins.stop()
    const closed = listeners.stop()
    await new Promise<void>((resolve) => aedes.close(resolve))
    admission.closeAll()
    await closed
    await atMost(stopWithinMs, Promise.all([acceptance.settled(), admission.settled()]))
    await store.destroy()
  }

  return {
    addresses: listeners.addresses,
    onMessage: acceptance.onMessage,
    send: acceptance.send,
    health: () => ({
      connected: stopping === undefined,
      lastMessageAtMs: acceptance.lastMessageAtMs(),
      connections: admission.connected(),
    }),
    stats: () => ({
      connections: admission.connected(),
      ...acceptance.counts(),
      refused: { ...refused },
      partialBytes: guards.partialBytes(),
      store: store.stats(),
      tlsNotAfterMs: listeners.tlsNotAfterMs(),
    }),
    stop: () => (stopping ??= stop()),
  }
}

/** A listener off loopback without any login would let anybody publish for any device. */
const refuseOpenListeners = ({ listen, usersFile }: EmbeddedBrokerOptions): void => {
  if (usersFile !== null) return
  const open: string[] = []
  if (listen.tcp && !isLoopbackHost(listen.tcp.host)) open.push('MQTT_LISTEN')
  if (listen.webSocket && !isLoopbackHost(listen.webSocket.host)) open.push('MQTT_WS_LISTEN')
  if (listen.tls && !isLoopbackHost(listen.tls.host) && listen.tls.clientCertificates !== 'required') open.push('MQTTS_LISTEN')
  if (open.length === 0) return
  throw new AppError(
    'CONFIG_INVALID',
    `Expected MQTT_USERS_FILE${open[0] === 'MQTTS_LISTEN' ? ' or MQTTS_CLIENT_CERT=required' : ''} beside ${open.join(', ')} off loopback, got none`,
  )
}

/** aedes' texts, short enough to be a label; what a client sent does not become one. */
const reasonOf = (error: Error): string => (/^[A-Za-z0-9 ,.'#+$/_-]{1,60}$/.test(error.message) ? error.message : 'protocol')
