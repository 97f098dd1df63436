/**
 * Keys of subjects (port `SubjectKeys`) in the compacted topic `subject-keys`, each wrapped by the master key, held in memory
 * and followed, so that every instance of the front door and of the API sees what another one made or erased.
 *
 * A record's key is the subject (as a keyed digest: the topic names nobody) and the key's own id: two instances that make a
 * key for one subject at once both keep theirs, the earlier one in the topic seals from then on, and both open. Erasing
 * writes a tombstone for each; the broker's files lose the bytes when they are compacted, within about two hours
 * (`topics.ts`), later than the embedded ones, which are overwritten at once.
 */
import { createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Clock, SubjectKeys } from '../../model/ports.ts'
import { AppError } from '../../runtime/errors.ts'
import { within } from '../../runtime/within.ts'
import { keyBytes, newSubjectKey, openBytes, pseudonymOf, type SubjectKey, sealBytes } from '../lmdb/sealing.ts'
import type { Sender } from './append-queue.ts'
import type { KafkaSettings } from './client-settings.ts'
import { unavailable } from './errors.ts'
import { createFetcher, type FetchedRecord, readRecords } from './fetcher.ts'
import { createKeyRing, createWrap, secretName } from './key-ring.ts'
import { answerWithinMs } from './renewed-client.ts'
import { openAdmin } from './topics.ts'

export type KafkaSubjectKeysOptions = {
  settings: KafkaSettings
  openSender: (settings: KafkaSettings) => Promise<Sender>
  /** 32 bytes (`KAFKA_MASTER_KEY_FILE`). Another one than at the first start is refused. */
  masterKey: Uint8Array
  clock: Clock
  /** Default `answerWithinMs`: a key that is not taken within it is an error, and another sender takes the next. */
  takenWithinMs?: number
  onError: (error: Error) => void
}

export type KafkaSubjectKeys = SubjectKeys & { close: () => Promise<void> }

const followLimits = { waitMs: 500, partitionBytesMax: 1024 * 1024, bytesMax: 4 * 1024 * 1024 }
const followAgainAfterMs = 500
/** What was appended is seen by our own following within this; a slower answer is an error and the message comes again. */
const seenWithinMs = 10_000

export const openKafkaSubjectKeys = async (options: KafkaSubjectKeysOptions): Promise<KafkaSubjectKeys> => {
  const { settings, clock, onError, masterKey, takenWithinMs = answerWithinMs } = options
  if (masterKey.length !== keyBytes)
    throw new AppError('CONFIG_INVALID', `Expected a master key of ${keyBytes} bytes, got ${masterKey.length}`)
  const wrap = createWrap(masterKey)
  const nameKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'names of subjects', keyBytes))
  const nameOf = (subject: string): string => createHmac('sha256', nameKey).update(subject).digest('base64url')
  const keys = createKeyRing(wrap)

  let seenTo = 0
  const waitingForOffset = new Set<() => void>()
  const take = (record: FetchedRecord): void => {
    keys.take(record)
    seenTo = record.offset + 1
  }

  const admin = openAdmin(settings)
  try {
    for await (const record of readRecords(admin, settings, 'subject-keys', 0, 0)) take(record)
  } finally {
    await admin.close()
  }

  let sender: Promise<Sender> | undefined
  let sending: Promise<unknown> = Promise.resolve()
  /** One after the other; a failed send's producer is not used again. Resolves when our own following has seen the records. */
  const append = async (records: readonly { key: string; value: Uint8Array | null }[]): Promise<void> => {
    const sent = sending.then(async () => {
      const own = (sender ??= options.openSender(settings))
      try {
        const batch = { topic: 'subject-keys' as const, partition: 0, records }
        const taken = own.then((open) => open.send([batch], clock.nowMs()))
        return (await within(taken, takenWithinMs, 'the brokers did not take it'))[0] ?? 0
      } catch (error) {
        sender = undefined
        void own.then((broken) => broken.close()).catch(() => undefined)
        throw unavailable('writing a key of a subject', error)
      }
    })
    sending = sent.catch(() => undefined)
    await seen((await sent) + records.length)
  }
  const seen = async (next: number): Promise<void> => {
    const giveUpAtMs = performance.now() + seenWithinMs
    while (seenTo < next) {
      if (performance.now() > giveUpAtMs)
        throw new AppError('LOG_UNAVAILABLE', `a key of a subject was written, but is not read back within ${seenWithinMs} ms`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, followAgainAfterMs)
        function done(): void {
          clearTimeout(timer)
          waitingForOffset.delete(done)
          resolve()
        }
        waitingForOffset.add(done)
      })
    }
  }

  const follower = follow(
    settings,
    () => seenTo,
    take,
    () => {
      for (const wake of [...waitingForOffset]) wake()
    },
    onError,
  )
  const close = async (): Promise<void> => {
    await follower.stop()
    await sending
    await (await sender?.catch(() => undefined))?.close()
  }
  if (keys.secret() === undefined) {
    const made = { key: `${secretName} ${randomBytes(8).toString('hex')}`, value: wrap.close(randomBytes(keyBytes), secretName) }
    await append([made]).catch(async (error: unknown) => {
      await close() // The start is tried again.
      throw error
    })
  }
  const secret = keys.secret() ?? Buffer.alloc(0)

  /** Callers at once for one subject share one making. */
  const making = new Map<string, Promise<SubjectKey>>()
  const make = async (name: string): Promise<SubjectKey> => {
    const made = newSubjectKey()
    await append([{ key: `${name} ${made.id.toString('hex')}`, value: wrap.close(Buffer.concat([made.id, made.key]), name) }])
    return keys.first(name) ?? made
  }
  const keyFor = (name: string): Promise<SubjectKey> => {
    const running = making.get(name) ?? make(name).finally(() => making.delete(name))
    making.set(name, running)
    return running
  }

  return {
    seal: async (subject, plain) => {
      const name = nameOf(subject)
      return sealBytes(keys.first(name) ?? (await keyFor(name)), subject, plain)
    },
    open: async (subject, sealed) => {
      const all = keys.all(nameOf(subject))
      for (const key of all) {
        const plain = openBytes(key, subject, sealed)
        if (plain !== null) return plain
      }
      return null
    },
    pseudonym: (text) => pseudonymOf(secret, text),
    erase: async (subject) => {
      const name = nameOf(subject)
      const all = keys.all(name)
      if (all.length === 0) return false
      await append(all.map(({ id }) => ({ key: `${name} ${id.toString('hex')}`, value: null })))
      return true
    },
    close,
  }
}

/** Reads on behind the end until stopped. */
const follow = (
  settings: KafkaSettings,
  next: () => number,
  take: (record: FetchedRecord) => void,
  taken: () => void,
  onError: (error: Error) => void,
) => {
  let stopped = false
  const isStopped = (): boolean => stopped
  let fetcher = createFetcher(settings)
  const run = async (): Promise<void> => {
    while (!isStopped()) {
      try {
        const leader = (await fetcher.leaders(['subject-keys']))('subject-keys', 0)
        const [fetched] = await fetcher.fetch(leader, [{ topic: 'subject-keys', partition: 0, from: next() }], followLimits)
        for (const record of fetched?.records ?? []) take(record)
        if ((fetched?.records.length ?? 0) > 0) taken()
      } catch (error) {
        if (isStopped()) return
        onError(unavailable('following the keys of subjects', error))
        await fetcher.close()
        fetcher = createFetcher(settings)
        await new Promise((resolve) => setTimeout(resolve, followAgainAfterMs))
      }
    }
  }
  const running = run()
  return {
    stop: async () => {
      stopped = true
      await fetcher.close()
      await running
    },
  }
}
