/** The suite of every keeper of keys, on the compacted topic of a real Kafka; and what two instances see of each other. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeSubjectKeys } from '../subject-keys.contract.ts'
import type { Sender } from './append-queue.ts'
import type { KafkaSettings } from './client-settings.ts'
import { openPlatformaticSender } from './platformatic-sender.ts'
import { type KafkaSubjectKeysOptions, openKafkaSubjectKeys } from './subject-keys.ts'
import { openTestLog, startTemporaryKafka, type TemporaryKafka } from '../../test/real/temporary-kafka.ts'

let kafka: TemporaryKafka
beforeAll(async () => {
  kafka = await startTemporaryKafka()
})
afterAll(() => kafka.remove())

const masterKey = randomBytes(32)
const open = (settings: KafkaSettings, master = masterKey, more: Partial<KafkaSubjectKeysOptions> = {}) =>
  openKafkaSubjectKeys({
    settings,
    openSender: openPlatformaticSender,
    masterKey: master,
    clock: { nowMs: () => Date.now() },
    onError: () => undefined,
    ...more,
  })

/** The log makes the topics. */
const newSettings = async (): Promise<KafkaSettings> => {
  const settings = kafka.settings()
  await (await openTestLog(settings)).close()
  return settings
}

describeSubjectKeys('Kafka', async () => {
  const keys = await open(await newSettings())
  return { keys, close: keys.close }
})

describe('keys of subjects in Kafka', () => {
  const subject = '00-11-22-33-44-55'

  it('are the same for all instances, also when both make one at once, and erased for all', async () => {
    const settings = await newSettings()
    const [one, two] = await Promise.all([open(settings), open(settings)])
    expect(one.pseudonym('a')).toBe(two.pseudonym('a'))
    const [sealedByOne, sealedByTwo] = await Promise.all([one.seal(subject, Buffer.from('1')), two.seal(subject, Buffer.from('2'))])
    const opened = async (): Promise<string[]> =>
      (await Promise.all([one.open(subject, sealedByTwo), two.open(subject, sealedByOne)])).map((plain) =>
        Buffer.from(plain ?? '-').toString(),
      )
    await expect.poll(opened).toEqual(['2', '1'])
    const restarted = await open(settings)
    expect(Buffer.from((await restarted.open(subject, sealedByOne)) ?? [])).toEqual(Buffer.from('1'))
    expect(await two.erase(subject)).toBe(true)
    await expect.poll(opened).toEqual(['-', '-'])
    for (const keys of [one, two, restarted]) await keys.close()
  })

  it('are made by another sender after one that never answered, and who asked before is told', async () => {
    const settings = await newSettings()
    await (await open(settings)).close() // The secret of pseudonyms is there: the next key is a subject's.
    let opened = 0
    const never = new Promise<never>(() => undefined)
    const hung: Sender = { send: () => never, close: async () => undefined }
    const openSender = (own: KafkaSettings): Promise<Sender> => (opened++ === 0 ? Promise.resolve(hung) : openPlatformaticSender(own))
    const keys = await open(settings, masterKey, { openSender, takenWithinMs: 2_000 })
    await expect(keys.seal(subject, Buffer.from('1'))).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE', retryable: true })
    // The second one has to connect first.
    await expect
      .poll(
        () =>
          keys.seal(subject, Buffer.from('2')).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    await keys.close()
  })

  it('leave nothing open when they cannot be opened: the start is tried again', async () => {
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
    const settings = await newSettings()
    await expect.poll(sockets, { timeout: 10_000 }).toBe(0)
    const told: Error[] = []
    const openSender = () => Promise.reject<Sender>(new Error('no producer'))
    const refused = open(settings, masterKey, { openSender, onError: (error) => told.push(error) })
    await expect(refused).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' })
    await expect.poll(sockets, { timeout: 10_000 }).toBe(0)
    await (await open(settings)).close()
    await expect(open(settings, randomBytes(32))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect.poll(sockets, { timeout: 10_000 }).toBe(0)
    expect(told).toEqual([])
  })

  it('are refused under another master key', async () => {
    const settings = await newSettings()
    const keys = await open(settings)
    await keys.close()
    await expect(open(settings, randomBytes(32))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(open(settings, randomBytes(16))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})
