/** The channel of notifications and that of the watchdog, from the settings `WEBHOOK_*` and `WATCHDOG_URL`: secrets are read from their file here. */
import { keyOfSecret } from '../adapters/webhook/signature.ts'
import { createWebhookChannel, problemOfUrl } from '../adapters/webhook/webhook-channel.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { NotificationChannel } from '../model/notification.ts'
import type { Clock } from '../model/ports.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'

export type Channels = { alarms: NotificationChannel | null; watchdog: NotificationChannel | null }

/** Throws WEBHOOK_INVALID when an address or a secret cannot be used; nothing is connected to. */
export const webhookChannels = (config: Config, clock: Clock): Channels => {
  const { WEBHOOK_URL, WATCHDOG_URL, WEBHOOK_NETWORKS: networks, WATCHDOG_EVERY_SECONDS } = config
  if (WEBHOOK_URL === '' && WATCHDOG_URL === '') return { alarms: null, watchdog: null }
  const secrets = secretsOf(config)
  const channelTo = (setting: 'WEBHOOK_URL' | 'WATCHDOG_URL', url: string): NotificationChannel => {
    const problem = problemOfUrl(url, networks)
    if (problem !== null) throw new AppError('WEBHOOK_INVALID', `${setting}: ${problem}`)
    return createWebhookChannel({ url, secrets, networks, clock })
  }
  const alarms = WEBHOOK_URL === '' ? null : channelTo('WEBHOOK_URL', WEBHOOK_URL)
  const watchdog = WATCHDOG_URL === '' ? alarms : channelTo('WATCHDOG_URL', WATCHDOG_URL)
  return { alarms, watchdog: WATCHDOG_EVERY_SECONDS === 0 ? null : watchdog }
}

const secretsOf = ({ WEBHOOK_SECRET, WEBHOOK_SECOND_SECRET, WEBHOOK_SECRET_FILE }: Config): string[] => {
  const [setting, secrets] =
    WEBHOOK_SECRET_FILE === ''
      ? ['WEBHOOK_SECRET', [WEBHOOK_SECRET, WEBHOOK_SECOND_SECRET].filter((secret) => secret !== '')]
      : [`WEBHOOK_SECRET_FILE ${WEBHOOK_SECRET_FILE}`, linesOf(WEBHOOK_SECRET_FILE)]
  if (secrets.length === 0 || secrets.length > 2 || secrets.some((secret) => keyOfSecret(secret) === null))
    throw new AppError('WEBHOOK_INVALID', `${setting}: expected one or two secrets, each whsec_ and 24 to 64 bytes in base64`)
  return secrets
}

const linesOf = (path: string): string[] => {
  try {
    return readTextFile(path)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  } catch (cause) {
    throw new AppError('WEBHOOK_INVALID', `WEBHOOK_SECRET_FILE ${path}: ${(cause as Error).message}`, { cause })
  }
}
