/** The flags by which all three programs name and log in to a broker, and what MQTT.js makes of them. */
import { readFileSync } from 'node:fs'
import type { IClientOptions } from 'mqtt'
import { type Arguments, UsageError } from './arguments.ts'

export const connectFlags = {
  url: { kind: 'text', default: 'mqtt://127.0.0.1:1883', help: 'Broker: mqtt://, mqtts://, ws:// or wss://' },
  username: { kind: 'text', help: 'Login; with --password-file' },
  'password-file': { kind: 'text', help: 'File whose first line is the password (a flag would show it to every user of the machine)' },
  ca: { kind: 'text', help: 'CA file (PEM) that the broker must be signed by' },
  cert: { kind: 'text', help: 'Client certificate (PEM), with --key' },
  key: { kind: 'text', help: 'Key of the client certificate (PEM)' },
} as const

/** Read once at start: a file that is missing ends the program before anything is sent. */
export const readConnectOptions = (flags: Arguments<typeof connectFlags>): IClientOptions => {
  if (!/^(mqtts?|wss?):\/\//.test(flags.url)) throw new UsageError(`--url: expected mqtt://, mqtts://, ws:// or wss://, got "${flags.url}"`)
  if ((flags.cert === undefined) !== (flags.key === undefined)) throw new UsageError('--cert and --key: expected both or none')
  const options: IClientOptions = { protocolVersion: 4, clean: true }
  if (flags.username !== undefined) options.username = flags.username
  if (flags['password-file'] !== undefined)
    options.password = read('password-file', flags['password-file']).toString().split(/\r?\n/, 1)[0] ?? ''
  if (flags.ca !== undefined) options.ca = read('ca', flags.ca)
  if (flags.cert !== undefined) options.cert = read('cert', flags.cert)
  if (flags.key !== undefined) options.key = read('key', flags.key)
  return options
}

const read = (flag: string, path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`--${flag}: ${(error as Error).message}`)
  }
}
