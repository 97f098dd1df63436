/**
 * `npm start -- --check`: what the settings point to, beyond their own form. The topic mapping, the rules of keeping and of alarms, the TLS files and the users
 * file are read as a start would read them, the data folder must be writable. Ports are left alone: that a recorder runs on
 * them is no fault of its settings.
 */
import { readTlsFiles } from '../adapters/mqtt/tls-files.ts'
import { parseUsersFile } from '../adapters/mqtt/users-file.ts'
import { systemClock } from '../adapters/system/clock-ids-digest.ts'
import { assertWritableFolder } from '../adapters/system/folder.ts'
import { readTextFile } from '../adapters/system/text-file.ts'
import type { Config } from '../runtime/config.ts'
import { AppError } from '../runtime/errors.ts'
import { checkKafkaFiles } from './kafka-parts.ts'
import { loadKeepingRules } from './keeping-file.ts'
import { filtersOf } from './link-parts.ts'
import { loadTopicMap } from './project-files.ts'
import { loadRuleSet } from './rules-file.ts'
import { webhookChannels } from './webhook-parts.ts'

/** Throws the first problem, with the code that a start would give. */
export const checkSurroundings = (config: Config): void => {
  filtersOf(config, loadTopicMap(config.TOPICS_FILE).filters)
  loadKeepingRules(config.KEEPING_FILE)
  loadRuleSet(config.RULES_DIR)
  webhookChannels(config, systemClock)
  if (config.MQTTS_LISTEN !== '') {
    readTlsFiles({
      certFile: config.MQTTS_CERT_FILE,
      keyFile: config.MQTTS_KEY_FILE,
      caFile: config.MQTTS_CA_FILE === '' ? null : config.MQTTS_CA_FILE,
    })
  }
  if (config.KAFKA_BROKERS !== '') checkKafkaFiles(config)
  if (config.MQTT_USERS_FILE !== '') checkUsers(config.MQTT_USERS_FILE)
  assertWritableFolder(config.DATA_DIR)
}

const checkUsers = (path: string): void => {
  let text: string
  try {
    text = readTextFile(path)
  } catch (cause) {
    throw new AppError('USERS_FILE_INVALID', `MQTT_USERS_FILE ${path}: ${(cause as Error).message}`, { cause })
  }
  const users = parseUsersFile(text)
  if (!users.ok) throw new AppError('USERS_FILE_INVALID', `MQTT_USERS_FILE ${path}: ${users.reason}`)
}
